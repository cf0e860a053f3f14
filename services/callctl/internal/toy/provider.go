package toy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Names of the providers: one that can do everything but receive webhooks, one
// that besides finds a dial by its call, and one that can do nothing but what
// every provider must.
const (
	Name  = "toy"
	Exact = "toyexact"
	Plain = "toyplain"
)

func init() {
	fields := []provider.FieldSpec{{Name: "token", Label: "Token", Type: provider.Password, Secret: true}}
	full := &provider.Spec{Name: Name, DisplayName: "Toy", Connectivity: provider.API, Fields: fields, RequiresCallerID: true, FindsByNumber: true,
		Open: func(c provider.Config) (provider.Driver, error) { return &driver{plain{base: c.APIURL}}, nil }}
	full.Can = provider.Implemented(&driver{})
	provider.Register(full)
	provider.Register(&provider.Spec{Name: Exact, DisplayName: "Exact toy", Connectivity: provider.API, Fields: fields, RequiresCallerID: true,
		Can:  full.Can,
		Open: func(c provider.Config) (provider.Driver, error) { return &exact{driver{plain{base: c.APIURL}}}, nil }})
	provider.Register(&provider.Spec{Name: Plain, DisplayName: "Plain toy", Connectivity: provider.SIP, Fields: fields,
		Open: func(c provider.Config) (provider.Driver, error) { return &plain{base: c.APIURL}, nil }})
}

// plain is what every driver can do.
type plain struct{ base string }

// driver can do everything.
type driver struct{ plain }

// exact tells two dials to one number apart.
type exact struct{ driver }

// Each request has a connection of its own, so that a broken one says something
// about one request only.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func (d *plain) do(ctx context.Context, method, path string, body, into any) error {
	doc, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, d.base+path, bytes.NewReader(doc))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return provider.Errorf(provider.KindUnavailable, "no connection")
		}
		return provider.Errorf(provider.KindUncertain, "no reply: %w", err)
	}
	defer resp.Body.Close()
	kind := map[int]provider.Kind{400: provider.KindInvalid, 401: provider.KindUnauthenticated, 404: provider.KindNotFound,
		422: provider.KindRejected, 429: provider.KindRateLimited, 503: provider.KindUnavailable}[resp.StatusCode]
	switch {
	case resp.StatusCode != http.StatusOK && kind == "":
		kind = provider.KindUncertain
		fallthrough
	case resp.StatusCode != http.StatusOK:
		return &provider.Error{Kind: kind, Status: resp.StatusCode, Code: "toy-" + resp.Status[:3], Err: errors.New("the carrier says no")}
	case into == nil:
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// Dial places a call.
func (d *plain) Dial(ctx context.Context, req provider.DialRequest) (provider.DialResult, error) {
	hooks := map[string]string{"answer": req.URL(provider.HookAnswer), "status": req.URL(provider.HookStatus)}
	var l Leg
	err := d.do(ctx, "POST", "/calls", placement{CallID: req.CallID, To: req.To, From: req.From, Hooks: hooks}, &l)
	return provider.DialResult{LegID: l.ID}, err
}

// Hangup ends a leg.
func (d *plain) Hangup(ctx context.Context, leg provider.Leg) error {
	return d.do(ctx, "DELETE", "/calls/"+leg.ID, nil, nil)
}

// FindDial finds a call by its number, as some carriers do.
func (d *driver) FindDial(ctx context.Context, req provider.DialRequest, _ time.Time) (provider.DialResult, bool, error) {
	return d.find(ctx, req, func(Leg) bool { return true })
}

// FindDial finds a call by its id, as the others do.
func (d *exact) FindDial(ctx context.Context, req provider.DialRequest, _ time.Time) (provider.DialResult, bool, error) {
	return d.find(ctx, req, func(l Leg) bool { return l.CallID == req.CallID })
}

func (d *driver) find(ctx context.Context, req provider.DialRequest, is func(Leg) bool) (provider.DialResult, bool, error) {
	var list []Leg
	err := d.do(ctx, "GET", "/calls?to="+url.QueryEscape(req.To), nil, &list)
	for _, l := range list {
		if is(l) {
			return provider.DialResult{LegID: l.ID}, true, nil
		}
	}
	return provider.DialResult{}, false, err
}

// Status tells where a leg stands.
func (d *driver) Status(ctx context.Context, leg provider.Leg) (provider.LegStatus, error) {
	var l Leg
	err := d.do(ctx, "GET", "/calls/"+leg.ID, nil, &l)
	return provider.LegStatus{Status: l.Status, Raw: "toy " + string(l.Status), Seconds: &l.Seconds}, err
}

// Cost tells what a leg cost.
func (d *driver) Cost(ctx context.Context, leg provider.Leg) (c *call.Cost, err error) {
	err = d.do(ctx, "GET", "/calls/"+leg.ID+"/cost", nil, &c)
	return c, err
}

// Answer answers a leg. A stream's socket is here, for a media node to dial;
// music is not to be had.
func (d *driver) Answer(ctx context.Context, leg provider.Leg, in call.Instruction) error {
	switch first := in.Steps[0]; {
	case first.Stream != nil:
		return leg.Connect(ctx, provider.Socket{StreamID: first.Stream.StreamID, URL: "wss://toy.example/" + leg.ID, Protocol: "toy", Insecure: true})
	case first.Play != nil:
		return provider.Errorf(provider.KindUnsupported, "there is no music")
	}
	return d.do(ctx, "POST", "/calls/"+leg.ID+"/answer", nil, nil)
}

// Redirect redirects a leg.
func (d *driver) Redirect(ctx context.Context, leg provider.Leg, _ call.Instruction) error {
	return d.do(ctx, "POST", "/calls/"+leg.ID+"/redirect", nil, nil)
}

// SendDTMF presses keys.
func (d *driver) SendDTMF(ctx context.Context, leg provider.Leg, digits string) error {
	return d.do(ctx, "POST", "/calls/"+leg.ID+"/keys-"+url.PathEscape(digits), nil, nil)
}

// TestCredentials asks for the account.
func (d *driver) TestCredentials(ctx context.Context) error {
	return d.do(ctx, "GET", "/account", nil, nil)
}

// Numbers lists the numbers.
func (d *driver) Numbers(ctx context.Context) (list []provider.Number, err error) {
	var numbers []string
	err = d.do(ctx, "GET", "/numbers", nil, &numbers)
	for _, n := range numbers {
		list = append(list, provider.Number{Number: n})
	}
	return list, err
}

// Owns looks a number up.
func (d *driver) Owns(ctx context.Context, number string) (bool, error) {
	list, err := d.Numbers(ctx)
	for _, n := range list {
		if n.Number == number {
			return true, nil
		}
	}
	return false, err
}

// SetInbound points a number somewhere.
func (d *driver) SetInbound(ctx context.Context, number string, in provider.Inbound) error {
	return d.do(ctx, "PUT", "/numbers/"+number+"?url="+url.QueryEscape(in.AnswerURL), nil, nil)
}

// Inbound tells where a number points.
func (d *driver) Inbound(ctx context.Context, number string) (at string, err error) {
	err = d.do(ctx, "GET", "/numbers/"+number, nil, &at)
	return at, err
}

// ClearInbound undoes SetInbound.
func (d *driver) ClearInbound(ctx context.Context, number, _ string) error {
	return d.SetInbound(ctx, number, provider.Inbound{})
}

// Provision makes an application.
func (d *driver) Provision(_ context.Context, trunk string, in provider.Inbound) (map[string]string, error) {
	return map[string]string{"application": trunk + " at " + in.AnswerURL}, nil
}
