package providertest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// toy is a small and correct provider, by which the suite is tested. Each of
// its faults makes it wrong in one way.
type toy struct {
	fault   string
	account string
	secret  string
	apiKey  string
	api     string
	client  *http.Client
}

// toyFaults are registered as providers of their own, toy-<fault>.
var toyFaults = []string{
	"", "accepts-unsigned", "accepts-path", "skips-body", "skips-url", "skips-time", "skips-secret", "wrong-kind", "empty-secret",
	"leaks", "borrows", "asks-twice", "panics", "never-errs", "raw-markup", "no-ack", "short-markup",
	"retries", "follows", "blind", "certain", "hangup-404",
	"swallows", "codec-panics", "overwrites", "held-audio", "bad-digit", "undeclared", "overdeclared", "odd-spec", "reads-on-open", "other-account",
}

func init() {
	for _, fault := range toyFaults {
		provider.Register(toySpec(fault))
	}
}

func toyName(fault string) string {
	if fault == "" {
		return "toy"
	}
	return "toy-" + fault
}

func toySpec(fault string) *provider.Spec {
	s := &provider.Spec{
		Name: toyName(fault), DisplayName: "Toy", DocsURL: "https://toy.example/docs", Connectivity: provider.API, AccountField: "account",
		Fields: []provider.FieldSpec{
			{Name: "account", Label: "Account", Type: provider.Text, Required: true},
			{Name: "secret", Label: "Secret", Type: provider.Password, Required: true, Secret: true},
			{Name: "api_key", Label: "API key", Type: provider.Password, Secret: true},
		},
		Can:     []provider.Ability{provider.CanReceive, provider.CanHandshake, provider.CanStream},
		Format:  media.Format{Encoding: media.ULaw, Rate: 8000},
		Formats: []media.Format{{Encoding: media.ULaw, Rate: 8000}},
		Identify: func(req *provider.Request) (string, bool) {
			var m toyMessage
			err := json.Unmarshal(req.Body, &m)
			return m.Account, err == nil && m.Account != ""
		},
		NewCodec: func(c provider.CodecConfig) provider.Codec { return &toyCodec{fault: fault, want: c.Want} },
	}
	s.Open = func(c provider.Config) (provider.Driver, error) {
		if fault == "reads-on-open" && c.APIURL != "" {
			if resp, err := http.Get(c.APIURL); err == nil {
				resp.Body.Close()
			}
		}
		return &toy{fault: fault, account: c.String("account"), secret: c.String("secret"), apiKey: c.String("api_key"), api: c.APIURL, client: toyClient(fault)}, nil
	}
	switch fault {
	case "undeclared":
		s.Can = s.Can[:1]
		s.NewCodec = nil
	case "overdeclared":
		s.Can = append(s.Can, provider.CanRedirect)
	case "odd-spec":
		s.Fields[2].Type = provider.Text
	case "other-account":
		s.Identify = func(*provider.Request) (string, bool) { return "somebody", true }
	}
	return s
}

func toyClient(fault string) *http.Client {
	c := &http.Client{Transport: &http.Transport{}}
	if fault != "follows" {
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return c
}

// toySign signs a request as the toy's carrier does.
func toySign(req *provider.Request, secret string, at time.Time) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	req.Header = append(req.Header, provider.Field{Name: "X-Toy-Time", Value: stamp},
		provider.Field{Name: "X-Toy-Signature", Value: toyMAC(secret, stamp, req.URL, req.Body)})
}

func toyMAC(secret, stamp, url string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "." + url + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

const toyTolerance = 5 * time.Minute

func (d *toy) Verify(req *provider.Request) error {
	signature, signed := req.Header.Lookup("X-Toy-Signature")
	switch {
	case d.fault == "wrong-kind" && !signed:
		return errors.New("go away")
	case d.fault == "accepts-unsigned" && !signed, d.fault == "accepts-path" && req.PathVerified:
		return nil
	case !signed && d.fault == "leaks":
		return provider.Unauthenticated(errors.Join(provider.ErrUnsigned, errors.New(d.secret)))
	case !signed:
		return provider.Unauthenticated(provider.ErrUnsigned)
	case d.secret == "" && d.fault != "empty-secret":
		return provider.Unauthenticated(provider.ErrNoSecret)
	case d.secret == "":
		return nil
	}
	stamp := req.Header.Get("X-Toy-Time")
	at, _ := strconv.ParseInt(stamp, 10, 64)
	if age := req.Now.Sub(time.Unix(at, 0)); d.fault != "skips-time" && age.Abs() > toyTolerance {
		return provider.Unauthenticated(provider.ErrStale)
	}
	url, body := req.URL, req.Body
	if d.fault == "skips-secret" || hmac.Equal([]byte(signature), []byte(toyMAC(d.secret, stamp, url, body))) {
		return nil
	}
	if d.fault == "skips-url" || d.fault == "skips-body" {
		return d.half(req, signature, stamp)
	}
	return provider.Unauthenticated(provider.ErrSignature)
}

// half is a signature of which one part is not checked: whoever knows the
// other one is let in.
func (d *toy) half(req *provider.Request, signature, stamp string) error {
	for _, known := range toyRequests() {
		if d.fault == "skips-url" && hmac.Equal([]byte(signature), []byte(toyMAC(d.secret, stamp, known.URL, req.Body))) ||
			d.fault == "skips-body" && hmac.Equal([]byte(signature), []byte(toyMAC(d.secret, stamp, req.URL, known.Body))) {
			return nil
		}
	}
	return provider.Unauthenticated(provider.ErrSignature)
}

func (d *toy) VerifyHandshake(req *provider.Request) error { return d.Verify(req) }

// toyMessage is a webhook of the toy's carrier.
type toyMessage struct {
	Account string            `json:"account"`
	Leg     string            `json:"leg"`
	ID      string            `json:"id"`
	Kind    string            `json:"kind"`
	Word    string            `json:"word"`
	From    string            `json:"from"`
	To      string            `json:"to"`
	Time    time.Time         `json:"time"`
	Price   string            `json:"price"`
	Fee     string            `json:"fee"`
	Seconds *int              `json:"seconds"`
	Custom  map[string]string `json:"custom"`
	Colour  string            `json:"colour"`
}

var toyWords = map[string]call.Status{"": "", "ring": call.Ringing, "up": call.Answered, "done": call.Completed, "none": call.NoAnswer}

func (d *toy) Parse(req *provider.Request, known func() provider.History) (provider.Notice, error) {
	if d.fault == "panics" && bytes.Contains(req.Body, []byte("\x00")) {
		panic("a zero byte")
	}
	var m toyMessage
	err := json.Unmarshal(req.Body, &m)
	status, ok := toyWords[m.Word]
	if d.fault == "never-errs" {
		err, ok = nil, true
	}
	if err != nil || !ok || m.Leg == "" && d.fault != "never-errs" {
		return provider.Notice{}, provider.Errorf(provider.KindInvalid, "no message of the toy's")
	}
	n := provider.Notice{
		Kind: provider.NoticeKind(cmp.Or(m.Kind, string(provider.NoKind))), AccountID: m.Account, LegID: m.Leg, EventID: m.ID, From: m.From, To: m.To, Time: m.Time,
		Status: status, RawStatus: m.Word, Seconds: m.Seconds, Variables: m.Custom,
		Anonymous: m.From == "" && m.Kind == "inbound_call", Reply: m.Kind == "inbound_call", Detail: map[string]string{},
	}
	if m.Price != "" {
		n.Cost = &call.Cost{Amount: m.Price, Currency: "EUR"}
		n.Detail["fee"] = m.Fee
	}
	if m.Colour != "" {
		n.Detail["colour"] = m.Colour
	}
	if n.Terminal() && n.Seconds == nil {
		if at := known().AnsweredAt; !at.IsZero() {
			took := int(m.Time.Sub(at).Seconds())
			n.Seconds = &took
		}
	}
	switch d.fault {
	case "asks-twice":
		known()
		known()
	case "borrows":
		n.Variables = map[string]string{"raw": unsafe.String(unsafe.SliceData(req.Body), len(req.Body))}
	}
	return n, nil
}

func (d *toy) Render(in call.Instruction, _ *provider.Notice) (provider.Response, error) {
	if len(in.Steps) == 0 {
		if d.fault == "no-ack" {
			return provider.Response{Status: 500}, nil
		}
		return provider.Response{Status: 204}, nil
	}
	var b bytes.Buffer
	b.WriteString("<Toy>")
	for _, step := range in.Steps {
		doc, err := json.Marshal(step)
		if err != nil {
			return provider.Response{}, err
		}
		var all map[string]any
		if err := json.Unmarshal(doc, &all); err != nil {
			return provider.Response{}, err
		}
		for _, text := range stringsIn(all) {
			switch d.fault {
			case "raw-markup":
				b.WriteString("<Step>" + text + "</Step>")
			case "short-markup":
			default:
				b.WriteString("<Step>")
				xml.EscapeText(&b, []byte(text))
				b.WriteString("</Step>")
			}
		}
	}
	b.WriteString("</Toy>")
	return provider.Response{Status: 200, ContentType: "application/xml", Body: b.Bytes()}, nil
}

func (d *toy) Dial(ctx context.Context, req provider.DialRequest) (res provider.DialResult, err error) {
	form := url.Values{"to": {req.To}, "from": {req.From}, "status": {req.URL(provider.HookStatus)}}
	body, status, err := d.post(ctx, "/calls", form)
	if d.fault == "retries" && provider.KindOf(err) == provider.KindUncertain {
		body, status, err = d.post(ctx, "/calls", form)
	}
	if err != nil {
		return res, err
	}
	var reply struct {
		ID string `json:"id"`
	}
	err = json.Unmarshal(body, &reply)
	if (err != nil || reply.ID == "") && d.fault != "certain" {
		return res, &provider.Error{Kind: provider.KindUncertain, Status: status, Err: errors.New("no id in the reply")}
	}
	return provider.DialResult{LegID: reply.ID}, nil
}

func (d *toy) Hangup(ctx context.Context, leg provider.Leg) error {
	_, _, err := d.post(ctx, "/calls/"+leg.ID+"/end", nil)
	if provider.KindOf(err) == provider.KindNotFound && d.fault != "hangup-404" {
		return nil
	}
	return err
}

func (d *toy) post(ctx context.Context, path string, form url.Values) ([]byte, int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.api+path, bytes.NewReader([]byte(form.Encode())))
	if err != nil {
		return nil, 0, provider.Errorf(provider.KindInvalid, "address")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(d.account, d.apiKey)
	resp, err := d.client.Do(req)
	if err != nil {
		kind := provider.KindUncertain
		if errors.Is(err, syscall.ECONNREFUSED) || d.fault == "blind" {
			kind = provider.KindUnavailable
		}
		return nil, 0, provider.Errorf(kind, "no reply")
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, resp.StatusCode, provider.Errorf(provider.KindUncertain, "reply was cut")
	}
	kinds := map[int]provider.Kind{
		200: "", 201: "", 307: provider.KindInvalid, 400: provider.KindInvalid, 401: provider.KindUnauthenticated,
		403: provider.KindForbidden, 404: provider.KindNotFound, 429: provider.KindRateLimited,
	}
	kind, ok := kinds[resp.StatusCode]
	if !ok {
		kind = provider.KindUncertain
	}
	if kind == "" {
		return body, resp.StatusCode, nil
	}
	text := "refused"
	if d.fault == "leaks" {
		text = string(body)
	}
	return nil, resp.StatusCode, &provider.Error{Kind: kind, Status: resp.StatusCode, Err: errors.New(text)}
}

// toyConfig is the account of the toy's tests.
var toyConfig = provider.Config{Values: map[string]any{"account": "acme", "secret": "toy-webhook-secret-0001", "api_key": "toy-api-key-0001"}}

// toyRequests are signed webhooks of the toy's carrier.
func toyRequests() []*provider.Request {
	var list []*provider.Request
	for _, body := range []string{
		`{"account":"acme","leg":"leg-1","id":"e1","kind":"inbound_call","word":"ring","from":"+14155550199","to":"+14155550101"}`,
		`{"account":"acme","leg":"leg-1","id":"e2","kind":"call_status","word":"done","time":"2026-01-01T00:00:30Z","custom":{"a":"b"}}`,
	} {
		req := &provider.Request{
			Method: "POST", URL: "https://hooks.trunkline.example/v1/toy/voice/status/01JABC?x=1", Body: []byte(body), Now: epoch,
			Header: provider.Header{{Name: "Content-Type", Value: "application/json"}}, Hook: provider.HookStatus, CallID: "01JABC",
		}
		toySign(req, "toy-webhook-secret-0001", epoch)
		list = append(list, req)
	}
	return list
}

func toySuite(fault string) Suite {
	return Suite{
		Provider: toyName(fault), Config: toyConfig, Requests: toyRequests(), Tolerance: toyTolerance,
		Opening: []media.Message{{Data: []byte(`{"event":"start","stream":"s1","leg":"leg-1","format":"ulaw/8000"}`)}},
		Dialed:  Reply{201, `{"id":"leg-1"}`},
	}
}
