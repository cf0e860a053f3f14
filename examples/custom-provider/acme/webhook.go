package acme

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Headers of a webhook: the signature is hex HMAC-SHA256 over
// "<unix seconds>\n<method>\n<URL>\n<body>".
const (
	headerSignature = "Acme-Signature"
	headerTime      = "Acme-Time"
)

// Verify proves that Acme sent the request.
func (d *driver) Verify(req *provider.Request) error {
	signature := req.Header.Get(headerSignature)
	if signature == "" {
		return provider.Unauthenticated(provider.ErrUnsigned)
	}
	sent := req.Header.Get(headerTime)
	got, err := hex.DecodeString(signature)
	if err != nil || !hmac.Equal(got, d.sign(sent, req)) {
		return provider.Unauthenticated(provider.ErrSignature)
	}
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if age := req.Now.Sub(time.Unix(seconds, 0)); err != nil || age.Abs() > tolerance {
		return provider.Unauthenticated(provider.ErrStale)
	}
	return nil
}

func (d *driver) sign(sent string, req *provider.Request) []byte {
	h := hmac.New(sha256.New, d.secret)
	h.Write([]byte(sent + "\n" + req.Method + "\n" + req.URL + "\n"))
	h.Write(req.Body)
	return h.Sum(nil)
}

// webhook is the body of every webhook of Acme.
type webhook struct {
	ID        string `json:"id"` // the same when it is repeated
	Account   string `json:"account"`
	Leg       string `json:"leg"`
	Direction string `json:"direction"` // in, out
	From      string `json:"from"`
	To        string `json:"to"`
	State     string `json:"state"` // ringing, up, done, busy, unanswered, failed
	Seconds   *int   `json:"seconds"`
}

var states = map[string]call.Status{
	"ringing": call.Ringing, "up": call.Answered, "done": call.Completed, "busy": call.Busy, "unanswered": call.NoAnswer, "failed": call.Failed,
}

var causes = map[call.Status]call.Cause{
	call.Completed: call.CauseNormal, call.Busy: call.CauseBusy, call.NoAnswer: call.CauseNoAnswer, call.Failed: call.CauseUnknown,
}

// Parse reads a verified request.
func (d *driver) Parse(req *provider.Request, _ func() provider.History) (provider.Notice, error) {
	var w webhook
	if err := json.Unmarshal(req.Body, &w); err != nil {
		return provider.Notice{}, provider.Errorf(provider.KindInvalid, "body: %w", err)
	}
	if w.Account != d.account {
		return provider.Notice{}, provider.Unauthenticated(provider.ErrAccount)
	}
	if w.Leg == "" {
		return provider.Notice{}, &provider.Error{Kind: provider.KindInvalid, Err: errFields}
	}
	n := provider.Notice{
		Kind: provider.CallStatus, AccountID: w.Account, LegID: w.Leg, EventID: w.ID, Direction: call.Inbound,
		From: w.From, To: w.To, Status: states[w.State], RawStatus: w.State, Seconds: w.Seconds,
	}
	n.Cause = causes[n.Status]
	if w.Direction == "out" {
		n.Direction = call.Outbound
	}
	switch req.Hook {
	case provider.HookInbound:
		n.Kind, n.Reply = provider.InboundCall, true
	case provider.HookAnswer:
		n.Kind, n.Reply = provider.Answer, true
	}
	return n, nil
}

// Render writes an instruction as Acme takes it: a JSON list of steps.
func (d *driver) Render(in call.Instruction, _ *provider.Notice) (provider.Response, error) {
	if len(in.Steps) == 0 {
		return provider.Response{Status: http.StatusNoContent}, nil
	}
	steps := []map[string]any{}
	for _, s := range in.Steps {
		step, err := render(s)
		if err != nil {
			return provider.Response{}, err
		}
		steps = append(steps, step)
	}
	doc, err := json.Marshal(steps)
	return provider.Response{Status: http.StatusOK, ContentType: "application/json", Body: doc}, err
}

func render(s call.Step) (map[string]any, error) {
	switch {
	case s.Say != nil:
		return map[string]any{"do": "say", "text": s.Say.Text}, nil
	case s.Stream != nil:
		return map[string]any{"do": "stream", "url": s.Stream.URL, "stream": s.Stream.StreamID}, nil
	case s.Hangup != nil:
		return map[string]any{"do": "hangup"}, nil
	case s.Reject != nil:
		return map[string]any{"do": "reject", "busy": s.Reject.Busy}, nil
	}
	return nil, provider.Errorf(provider.KindUnsupported, "Acme has nothing like %s", s.Verb())
}

// identify finds the account of a request to the shared inbound URL.
func identify(req *provider.Request) (account string, ok bool) {
	if _, signed := req.Header.Lookup(headerSignature); !signed {
		return "", false
	}
	var w webhook
	err := json.Unmarshal(req.Body, &w)
	return w.Account, err == nil && strings.HasPrefix(w.Account, "ac-")
}
