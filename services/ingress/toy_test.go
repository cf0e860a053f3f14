package ingress_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

const toySecret = "toy secret"

// toy is a carrier whose webhooks are notices in JSON and whose markup is the
// instruction in JSON. Its signature covers URL and body.
type toy struct{ secret string }

// deskphone is a toy that is answered over REST, asks for unsigned webhooks
// again (status 503), and cannot tell what happened without the log.
type deskphone struct{ toy }

func init() {
	fields := []provider.FieldSpec{
		{Name: "account", Label: "Account", Type: provider.Text, Required: true},
		{Name: "secret", Label: "Secret", Type: provider.Password, Secret: true, Required: true},
	}
	identify := func(req *provider.Request) (string, bool) {
		var n struct{ AccountID string }
		_ = json.Unmarshal(req.Body, &n)
		_, ours := req.Header.Lookup("X-Toy")
		return n.AccountID, ours
	}
	provider.Register(&provider.Spec{Name: "toy", DisplayName: "Toy", AccountField: "account", Fields: fields,
		Can: []provider.Ability{provider.CanReceive}, Identify: identify,
		Open: func(c provider.Config) (provider.Driver, error) { return toy{c.String("secret")}, nil }})
	provider.Register(&provider.Spec{Name: "deskphone", DisplayName: "Desk phone", AccountField: "account", Fields: fields,
		Can: []provider.Ability{provider.CanReceive, provider.CanAnswer}, Identify: identify, DigitsFrom: provider.DigitsFromMedia,
		Open: func(c provider.Config) (provider.Driver, error) { return deskphone{toy{c.String("secret")}}, nil }})
}

func toySignature(secret, url, body string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(url + "\n" + body))
	return hex.EncodeToString(h.Sum(nil))
}

func (toy) Dial(context.Context, provider.DialRequest) (provider.DialResult, error) {
	return provider.DialResult{}, nil
}

func (toy) Hangup(context.Context, provider.Leg) error { return nil }

func (d toy) Verify(req *provider.Request) error {
	got, signed := req.Header.Lookup("X-Toy")
	switch {
	case !signed:
		return provider.Unauthenticated(provider.ErrUnsigned)
	case got != toySignature(d.secret, req.URL, string(req.Body)):
		return provider.Unauthenticated(provider.ErrSignature)
	}
	return nil
}

func (toy) Parse(req *provider.Request, _ func() provider.History) (provider.Notice, error) {
	var n provider.Notice
	if err := json.Unmarshal(req.Body, &n); err != nil {
		return n, provider.Errorf(provider.KindInvalid, "body is no notice")
	}
	if n.Kind == "panic" {
		panic("toy falls apart")
	}
	if n.LegID == "" {
		return n, provider.Errorf(provider.KindInvalid, "LegID is missing")
	}
	return n, nil
}

func (toy) Render(in call.Instruction, _ *provider.Notice) (provider.Response, error) {
	if len(in.Steps) == 0 {
		return provider.Response{Status: http.StatusNoContent}, nil
	}
	doc, err := json.Marshal(in)
	return provider.Response{Status: http.StatusOK, ContentType: "application/json", Body: doc}, err
}

func (d deskphone) Verify(req *provider.Request) error {
	if _, signed := req.Header.Lookup("X-Toy"); !signed {
		return &provider.Error{Kind: provider.KindUnauthenticated, Status: http.StatusServiceUnavailable, Err: provider.ErrUnsigned}
	}
	return d.toy.Verify(req)
}

func (d deskphone) Parse(req *provider.Request, known func() provider.History) (provider.Notice, error) {
	n, err := d.toy.Parse(req, known)
	if err != nil || n.RawStatus != "hangup" {
		return n, err
	}
	n.Status = call.Failed
	if h := known(); !h.AnsweredAt.IsZero() {
		n.Status = call.Completed
	}
	return n, nil
}

func (deskphone) Answer(context.Context, provider.Leg, call.Instruction) error { return nil }
