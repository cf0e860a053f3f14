package provider_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// bare does the least that a driver must.
type bare struct {
	asked *[]string // what was asked of the driver, in order
	fails error     // what it answers
}

func (d bare) note(op string) error {
	*d.asked = append(*d.asked, op)
	return d.fails
}

func (d bare) Dial(ctx context.Context, req provider.DialRequest) (provider.DialResult, error) {
	if end, ok := ctx.Deadline(); !ok || time.Until(end) > provider.RequestTimeout {
		return provider.DialResult{}, errors.New("the context has no deadline")
	}
	return provider.DialResult{LegID: "leg of " + req.To}, d.note("dial")
}

func (d bare) Hangup(context.Context, provider.Leg) error { return d.note("hangup") }

// full has every ability.
type full struct{ bare }

func (d full) Verify(*provider.Request) error          { return d.note("verify") }
func (d full) VerifyHandshake(*provider.Request) error { return d.note("handshake") }
func (d full) Parse(_ *provider.Request, known func() provider.History) (provider.Notice, error) {
	*d.asked = append(*d.asked, "parse")
	return provider.Notice{Kind: provider.CallStatus, LegID: known().LegID}, nil
}

func (d full) Render(call.Instruction, *provider.Notice) (provider.Response, error) {
	return provider.Response{Status: 200}, d.note("render")
}
func (d full) Listen(context.Context, provider.EventSink) error             { return d.note("listen") }
func (d full) Answer(context.Context, provider.Leg, call.Instruction) error { return d.note("answer") }
func (d full) Redirect(context.Context, provider.Leg, call.Instruction) error {
	return d.note("redirect")
}

func (d full) Status(context.Context, provider.Leg) (provider.LegStatus, error) {
	return provider.LegStatus{Status: call.Ringing}, d.note("status")
}

func (d full) Cost(context.Context, provider.Leg) (*call.Cost, error) {
	return &call.Cost{Amount: "1"}, d.note("cost")
}

func (d full) Numbers(context.Context) ([]provider.Number, error) {
	return []provider.Number{{Number: "+14155550101"}}, d.note("numbers")
}
func (d full) Owns(context.Context, string) (bool, error) { return true, d.note("owns") }
func (d full) SetInbound(context.Context, string, provider.Inbound) error {
	return d.note("set inbound")
}
func (d full) Inbound(context.Context, string) (string, error) {
	return "https://x", d.note("read inbound")
}
func (d full) ClearInbound(context.Context, string, string) error { return d.note("clear inbound") }
func (d full) Provision(context.Context, string, provider.Inbound) (map[string]string, error) {
	return map[string]string{"app": "1"}, d.note("provision")
}
func (d full) SendDTMF(context.Context, provider.Leg, string) error { return d.note("send dtmf") }
func (d full) FindDial(context.Context, provider.DialRequest, time.Time) (provider.DialResult, bool, error) {
	return provider.DialResult{LegID: "leg-1"}, true, d.note("find dial")
}
func (d full) TestCredentials(context.Context) error { return d.note("test credentials") }

// account opens an account with a driver of the test's own.
func account(t *testing.T, c provider.Config, driver provider.Driver) *provider.Account {
	t.Helper()
	name := newName()
	provider.Register(&provider.Spec{
		Name: name, DisplayName: "Contract", RequiresCallerID: true,
		AccountField: "account", Fields: []provider.FieldSpec{{Name: "account", Label: "Account", Type: provider.Text}},
		Open: func(provider.Config) (provider.Driver, error) { return driver, nil },
	})
	a, err := provider.Open(name, c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func noHistory() provider.History { return provider.History{} }

func TestOpen(t *testing.T) {
	_, err := provider.Open("nobody", provider.Config{})
	if provider.KindOf(err) != provider.KindNotFound {
		t.Errorf("unknown provider: %v", err)
	}
	name := newName()
	provider.Register(&provider.Spec{
		Name: name, DisplayName: "Contract",
		Fields: []provider.FieldSpec{{Name: "key", Label: "Key", Type: provider.Text, Required: true}},
		Open:   func(provider.Config) (provider.Driver, error) { return nil, errors.New("key is no key") },
	})
	if _, err = provider.Open(name, provider.Config{}); provider.KindOf(err) != provider.KindInvalid {
		t.Errorf("invalid configuration: %v", err)
	}
	_, err = provider.Open(name, provider.Config{Values: map[string]any{"key": "x"}})
	if want := name + " open: internal: key is no key"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReceiveVerifiesFirst(t *testing.T) {
	for name, c := range map[string]struct {
		fails    error
		unsigned bool // the trunk allows unsigned requests
		asked    []string
	}{
		"valid":              {nil, false, []string{"verify", "parse"}},
		"unsigned":           {provider.Unauthenticated(provider.ErrUnsigned), false, []string{"verify"}},
		"unsigned in a lab":  {provider.Unauthenticated(provider.ErrUnsigned), true, []string{"verify", "parse"}},
		"wrong":              {provider.Unauthenticated(provider.ErrSignature), false, []string{"verify"}},
		"wrong in a lab":     {provider.Unauthenticated(provider.ErrSignature), true, []string{"verify"}},
		"stale in a lab":     {provider.Unauthenticated(provider.ErrStale), true, []string{"verify"}},
		"no secret in a lab": {provider.Unauthenticated(provider.ErrNoSecret), true, []string{"verify"}},
		"other account":      {provider.Unauthenticated(provider.ErrAccount), true, []string{"verify"}},
		"any error":          {errors.New("no"), true, []string{"verify"}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			a := account(t, provider.Config{AllowUnsigned: c.unsigned}, full{bare{&asked, c.fails}})
			n, err := a.Receive(&provider.Request{}, func() provider.History { return provider.History{LegID: "leg-1"} })
			if diff := cmp.Diff(c.asked, asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			refused := len(c.asked) == 1
			if refused != (err != nil) || refused && !errors.Is(err, c.fails) && !errors.Is(err, errors.Unwrap(c.fails)) {
				t.Errorf("error %v, want one: %v", err, refused)
			}
			if !refused && n.LegID != "leg-1" {
				t.Errorf("notice %+v, want what the log knows", n)
			}
			asked = nil
			if err := a.VerifyHandshake(&provider.Request{}); refused != (err != nil) || !slices.Equal(asked, []string{"handshake"}) {
				t.Errorf("handshake: asked %q, error %v, want one: %v", asked, err, refused)
			}
		})
	}
}

// operations calls every method of an account that a driver may lack.
func operations(a *provider.Account) map[string]func() (any, error) {
	ctx, leg := context.Background(), provider.Leg{ID: "leg-1"}
	none := func(err error) (any, error) { return nil, err }
	return map[string]func() (any, error){
		"render":           func() (any, error) { return a.Render(call.Instruction{}, &provider.Notice{}) },
		"answer":           func() (any, error) { return none(a.Answer(ctx, leg, call.Instruction{})) },
		"redirect":         func() (any, error) { return none(a.Redirect(ctx, leg, call.Instruction{})) },
		"status":           func() (any, error) { return a.Status(ctx, leg) },
		"cost":             func() (any, error) { return a.Cost(ctx, leg) },
		"numbers":          func() (any, error) { return a.Numbers(ctx) },
		"owns":             func() (any, error) { return a.Owns(ctx, "+14155550101") },
		"set inbound":      func() (any, error) { return none(a.SetInbound(ctx, "+14155550101", provider.Inbound{})) },
		"read inbound":     func() (any, error) { return a.Inbound(ctx, "+14155550101") },
		"clear inbound":    func() (any, error) { return none(a.ClearInbound(ctx, "+14155550101", "https://x")) },
		"provision":        func() (any, error) { return a.Provision(ctx, "trunk-1", provider.Inbound{}) },
		"send dtmf":        func() (any, error) { return none(a.SendDTMF(ctx, leg, "1")) },
		"test credentials": func() (any, error) { return none(a.TestCredentials(ctx)) },
		"listen":           func() (any, error) { return none(a.Listen(ctx, nil)) },
		"find dial": func() (any, error) {
			res, found, err := a.FindDial(ctx, provider.DialRequest{}, time.Time{})
			return fmt.Sprintf("%s %v", res.LegID, found), err
		},
	}
}

func TestUnsupported(t *testing.T) {
	var asked []string
	a := account(t, provider.Config{}, bare{&asked, nil})
	ops := operations(a)
	ops["receive"] = func() (any, error) { return a.Receive(&provider.Request{}, noHistory) }
	for op, run := range ops {
		_, err := run()
		want := a.Spec().Name + " " + op + ": unsupported: Contract cannot do this"
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := a.VerifyHandshake(&provider.Request{}); err != nil {
		t.Errorf("a carrier that signs no handshake: %v", err)
	}
	if a.NewCodec(provider.CodecConfig{}) != nil {
		t.Error("a provider without media has a codec")
	}
	if len(asked) > 0 {
		t.Errorf("the driver was asked %q", asked)
	}
}

func TestOperations(t *testing.T) {
	var asked []string
	results := map[string]any{
		"render": provider.Response{Status: 200}, "status": provider.LegStatus{Status: call.Ringing},
		"cost": &call.Cost{Amount: "1"}, "numbers": []provider.Number{{Number: "+14155550101"}}, "owns": true,
		"read inbound": "https://x", "provision": map[string]string{"app": "1"}, "find dial": "leg-1 true",
	}
	for op, run := range operations(account(t, provider.Config{}, full{bare{&asked, nil}})) {
		asked = nil
		got, err := run()
		if err != nil || !slices.Equal(asked, []string{op}) {
			t.Errorf("%s: asked %q, %v", op, asked, err)
		}
		if diff := cmp.Diff(results[op], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", op, diff)
		}
	}
	refusal := &provider.Error{Kind: provider.KindRejected, Code: "13", Status: 400, Err: errors.New("no")}
	a := account(t, provider.Config{}, full{bare{&asked, refusal}})
	for op, run := range operations(a) {
		_, err := run()
		want := a.Spec().Name + " " + op + ": rejected (status 400, code 13): no"
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if refusal.Provider != "" || refusal.Op != "" {
		t.Errorf("the driver's own error was written to: %v", refusal)
	}
}

func TestDial(t *testing.T) {
	var asked, observed []string
	a := account(t, provider.Config{Values: map[string]any{"account": "acme"}}, bare{&asked, nil})
	a.Observe = func(op string, kind provider.Kind, took time.Duration) {
		observed = append(observed, fmt.Sprintf("%s %q %v", op, kind, took >= 0))
	}
	if a.ID() != "acme" {
		t.Errorf("ID is %q", a.ID())
	}
	_, err := a.Dial(context.Background(), provider.DialRequest{To: "+14155550177"})
	if provider.KindOf(err) != provider.KindInvalid || len(asked) > 0 {
		t.Errorf("without a caller id: asked %q, %v", asked, err)
	}
	res, err := a.Dial(context.Background(), provider.DialRequest{To: "+14155550177", From: "+14155550101"})
	if err != nil || res.LegID != "leg of +14155550177" {
		t.Errorf("got %+v, %v", res, err)
	}
	failing := account(t, provider.Config{}, bare{&asked, provider.Errorf(provider.KindUncertain, "lost")})
	failing.Observe = a.Observe
	if err := failing.Hangup(context.Background(), provider.Leg{}); provider.KindOf(err) != provider.KindUncertain {
		t.Errorf("hang up: %v", err)
	}
	if diff := cmp.Diff([]string{`dial "" true`, `hangup "uncertain" true`}, observed); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

// silent is a codec that says nothing.
type silent struct{ provider.CodecConfig }

func (silent) Decode(_ media.Message, out []media.Event) ([]media.Event, error)     { return out, nil }
func (silent) Encode(_ media.Command, out []media.Message) ([]media.Message, error) { return out, nil }

func TestNewCodec(t *testing.T) {
	name := newName()
	ulaw := media.Format{Encoding: media.ULaw, Rate: 8000}
	wide := media.Format{Encoding: media.L16, Rate: 16000}
	provider.Register(&provider.Spec{
		Name: name, DisplayName: "Contract", Format: ulaw, Can: []provider.Ability{provider.CanStream},
		Open:     func(provider.Config) (provider.Driver, error) { return bare{}, nil },
		NewCodec: func(c provider.CodecConfig) provider.Codec { return silent{c} },
	})
	a, err := provider.Open(name, provider.Config{Country: "DE"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ want, got media.Format }{
		{media.Format{}, ulaw}, {media.Format{Encoding: "opus", Rate: 48000}, ulaw}, {wide, wide},
	} {
		made := a.NewCodec(provider.CodecConfig{Want: c.want, LegID: "leg-1"}).(silent)
		if made.Want != c.got || made.Config.Country != "DE" || made.LegID != "leg-1" {
			t.Errorf("wanted %s: made with %+v", c.want, made.CodecConfig)
		}
	}
}

func TestImplemented(t *testing.T) {
	all := []provider.Ability{
		provider.CanReceive, provider.CanHandshake, provider.CanListen, provider.CanAnswer, provider.CanRedirect,
		provider.CanReadStatus, provider.CanReadCost, provider.CanListNumbers, provider.CanConfigure, provider.CanProvision,
		provider.CanSendDTMF, provider.CanReconcile, provider.CanTestLogin,
	}
	if diff := cmp.Diff(all, provider.Implemented(full{})); diff != "" {
		t.Errorf("everything (-want +got):\n%s", diff)
	}
	if can := provider.Implemented(bare{}); len(can) > 0 {
		t.Errorf("a bare driver implements %v", can)
	}
}
