package providertest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// operation is the section call of a REST case. Callback URLs of a dial are
// https://hooks.trunkline.example/<hook>.
type operation struct {
	Config      map[string]any   `json:"config"` // values in place of those of the suite
	Op          string           `json:"op"`     // dial, hangup, answer, redirect, status, cost, numbers, owns, set_inbound, inbound, clear_inbound, provision, send_dtmf, find_dial or test_credentials
	Dial        dialCase         `json:"dial"`
	Leg         provider.Leg     `json:"leg"`
	Instruction call.Instruction `json:"instruction"`
	Number      string           `json:"number"`
	Inbound     provider.Inbound `json:"inbound"`
	Trunk       string           `json:"trunk"`
	Digits      string           `json:"digits"`
	Since       time.Time        `json:"since"`
}

type dialCase struct {
	CallID       string `json:"call_id"`
	To           string `json:"to"`
	From         string `json:"from"`
	RingSeconds  int    `json:"ring_seconds"`
	LimitSeconds int    `json:"limit_seconds"`
	AMD          string `json:"amd"`
	SendDigits   string `json:"send_digits"`
}

func (d dialCase) request() provider.DialRequest {
	return provider.DialRequest{
		CallID: d.CallID, To: d.To, From: d.From, RingSeconds: d.RingSeconds, LimitSeconds: d.LimitSeconds,
		AMD: d.AMD, SendDigits: d.SendDigits,
		URL: func(h provider.Hook) string { return "https://hooks.trunkline.example/" + string(h) },
	}
}

// run carries out the operation and gives its result as JSON, "" for none.
func (o operation) run(ctx context.Context, a *provider.Account) (any, error) {
	switch o.Op {
	case "dial":
		return a.Dial(ctx, o.Dial.request())
	case "hangup":
		return nil, a.Hangup(ctx, o.Leg)
	case "answer":
		return nil, a.Answer(ctx, o.Leg, o.Instruction)
	case "redirect":
		return nil, a.Redirect(ctx, o.Leg, o.Instruction)
	case "status":
		return a.Status(ctx, o.Leg)
	case "cost":
		return a.Cost(ctx, o.Leg)
	case "numbers":
		return a.Numbers(ctx)
	case "owns":
		return a.Owns(ctx, o.Number)
	case "set_inbound":
		return nil, a.SetInbound(ctx, o.Number, o.Inbound)
	case "inbound":
		return a.Inbound(ctx, o.Number)
	case "clear_inbound":
		return nil, a.ClearInbound(ctx, o.Number, o.Inbound.AnswerURL)
	case "provision":
		return a.Provision(ctx, o.Trunk, o.Inbound)
	case "send_dtmf":
		return nil, a.SendDTMF(ctx, o.Leg, o.Digits)
	case "find_dial":
		res, found, err := a.FindDial(ctx, o.Dial.request(), o.Since)
		return map[string]any{"Found": found, "Leg": res}, err
	case "test_credentials":
		return nil, a.TestCredentials(ctx)
	}
	return nil, fmt.Errorf("op %q does not exist", o.Op)
}

// exchange is one request of a REST case and its response.
type exchange struct{ request, response string }

// goldenREST carries out an operation at a carrier that expects the requests
// of the case, in their order, and gives its responses.
func goldenREST(e *env, a *archive) (f failures) {
	var o operation
	if err := a.decode("call", &o); err != nil {
		f.addf("%v", err)
		return f
	}
	s := &script{exchanges: a.exchanges()}
	srv := httptest.NewServer(s)
	defer srv.Close()
	c := e.with(o.Config)
	c.APIURL = srv.URL
	account, err := provider.Open(e.Provider, c)
	if err != nil {
		f.addf("open: %v", err)
		return f
	}
	result, err := o.run(context.Background(), account)
	e.leak(&f, o.Op, err)
	s.lock.Lock()
	defer s.lock.Unlock()
	f = append(f, s.failures...)
	if s.asked < len(s.exchanges) {
		f.addf("%d requests were made, want %d", s.asked, len(s.exchanges))
	}
	text := ""
	if result != nil && err == nil {
		doc, marshal := json.MarshalIndent(result, "", "  ")
		text, err = string(doc), marshal
	}
	a.outcome(&f, "result", text, err)
	return f
}

// exchanges pairs the sections request and response.
func (a *archive) exchanges() []exchange {
	var list []exchange
	for _, file := range a.Files {
		text := strings.TrimSuffix(string(file.Data), "\n")
		switch {
		case file.Name == "request":
			list = append(list, exchange{request: text, response: "200 application/json\n\n{}"})
		case file.Name == "response" && len(list) > 0:
			list[len(list)-1].response = text
		}
	}
	return list
}

// script is a carrier that knows what comes.
type script struct {
	exchanges []exchange

	lock     sync.Mutex
	asked    int
	failures failures
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.lock.Lock()
	defer s.lock.Unlock()
	s.asked++
	if err != nil || s.asked > len(s.exchanges) {
		s.failures.addf("request %d is not expected: %s %s %s %v", s.asked, r.Method, r.RequestURI, body, err)
		http.NotFound(w, r)
		return
	}
	x := s.exchanges[s.asked-1]
	s.compare(x.request, r, string(body))
	first, header, text := readHTTP(x.response)
	status, contentType, _ := strings.Cut(first, " ")
	w.Header().Set("Content-Type", contentType)
	for _, line := range header {
		w.Header().Set(line.Name, line.Value)
	}
	code, err := strconv.Atoi(status)
	if err != nil {
		s.failures.addf("response %d: status %q", s.asked, status)
		code = http.StatusInternalServerError
	}
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text) // whoever hung up does not want it
}

// compare holds a request to the recorded one. Header lines that the case does
// not name may be anything.
func (s *script) compare(want string, r *http.Request, body string) {
	first, header, wantBody := readHTTP(want)
	if got := r.Method + " " + r.RequestURI; got != first {
		s.failures.addf("request %d is %s, want %s", s.asked, got, first)
	}
	for _, line := range header {
		if got := r.Header.Get(line.Name); got != line.Value {
			s.failures.addf("request %d: %s is %q, want %q", s.asked, line.Name, got, line.Value)
		}
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		body, wantBody = fieldLines(body), sortedLines(wantBody)
	}
	if !sameText(body, wantBody) {
		s.failures.addf("request %d has the body\n%s\nwant\n%s", s.asked, body, wantBody)
	}
}

// fieldLines writes a form as cases do: decoded, one name=value a line, sorted.
func fieldLines(body string) string {
	values, err := url.ParseQuery(body)
	if err != nil {
		return body
	}
	var lines []string
	for name, list := range values {
		for _, v := range list {
			lines = append(lines, name+"="+v)
		}
	}
	return sortedLines(strings.Join(lines, "\n"))
}

func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}
