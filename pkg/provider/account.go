package provider

import (
	"context"
	"errors"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// RequestTimeout bounds one request to a carrier's REST API.
const RequestTimeout = 15 * time.Second

// Account is one configured account at a carrier: what services hold. It
// verifies before it parses, bounds every request in time, and says
// "unsupported" for what the provider cannot do.
type Account struct {
	spec   *Spec
	driver Driver
	config Config
	// Observe, when set before first use, is told every operation.
	Observe func(op string, kind Kind, took time.Duration) // kind is "" for success
}

// Open validates a configuration and makes its account. It does no I/O.
func Open(name string, c Config) (*Account, error) {
	spec := Lookup(name)
	if spec == nil {
		return nil, &Error{Provider: name, Op: "open", Kind: KindNotFound, Err: errors.New("no such provider is built in")}
	}
	if err := spec.Validate(c); err != nil {
		return nil, err
	}
	driver, err := spec.Open(c)
	if err != nil {
		return nil, spec.tag("open", err)
	}
	return &Account{spec: spec, driver: driver, config: c}, nil
}

// Spec returns the provider's spec.
func (a *Account) Spec() *Spec { return a.spec }

// ID is the account as the carrier names it, "" where it has no such name.
func (a *Account) ID() string {
	id := a.config.String(a.spec.AccountField)
	if a.spec.Account != nil && id != "" {
		id = a.spec.Account(id)
	}
	return id
}

// Missing tells what has to be done before calls can be made, "" for nothing.
func (a *Account) Missing() string {
	if a.spec.Checklist == nil {
		return ""
	}
	for _, c := range a.spec.Checklist(a.config) {
		if c.Blocking {
			return c.Text
		}
	}
	return ""
}

// Can reports whether the driver has an ability.
func (a *Account) Can(ability Ability) bool { return a.spec.Has(ability) }

// Receive verifies a webhook, then parses it. There is no other way to parse.
func (a *Account) Receive(req *Request, known func() History) (Notice, error) {
	r, ok := a.driver.(WebhookReceiver)
	if !ok {
		return Notice{}, a.unsupported("receive")
	}
	if err := a.pardon(r.Verify(req)); err != nil {
		return Notice{}, a.spec.tag("verify", err)
	}
	n, err := r.Parse(req, known)
	return n, a.spec.tag("parse", err)
}

// Render writes the answer to a notice.
func (a *Account) Render(in call.Instruction, n *Notice) (Response, error) {
	r, ok := a.driver.(WebhookReceiver)
	if !ok {
		return Response{}, a.unsupported("render")
	}
	resp, err := r.Render(in, n)
	return resp, a.spec.tag("render", err)
}

// VerifyHandshake proves who opens the media WebSocket. A provider whose
// carrier signs no handshake accepts: the capability in the path decides.
func (a *Account) VerifyHandshake(req *Request) error {
	v, ok := a.driver.(HandshakeVerifier)
	if !ok {
		return nil
	}
	return a.spec.tag("handshake", a.pardon(v.VerifyHandshake(req)))
}

// pardon lets a request without any signature pass where the trunk allows it.
func (a *Account) pardon(err error) error {
	if a.config.AllowUnsigned && errors.Is(err, ErrUnsigned) {
		return nil
	}
	return err
}

// NewCodec makes the codec of one media socket; nil where there is none.
func (a *Account) NewCodec(c CodecConfig) Codec {
	if a.spec.NewCodec == nil {
		return nil
	}
	c.Config = a.config
	if !c.Want.Valid() {
		c.Want = a.spec.Format
	}
	return a.spec.NewCodec(c)
}

// Dial places a call; see Driver.
func (a *Account) Dial(ctx context.Context, req DialRequest) (DialResult, error) {
	if req.From == "" && a.spec.RequiresCallerID {
		return DialResult{}, a.spec.tag("dial", Errorf(KindInvalid, "%s needs a caller id: set from, or give the trunk a number", a.spec.DisplayName))
	}
	var res DialResult
	err := a.do(ctx, "dial", func(ctx context.Context) (err error) {
		res, err = a.driver.Dial(ctx, req)
		return err
	})
	return res, err
}

// Hangup ends a leg; see Driver.
func (a *Account) Hangup(ctx context.Context, leg Leg) error {
	return a.do(ctx, "hangup", func(ctx context.Context) error { return a.driver.Hangup(ctx, leg) })
}

// Answer answers an inbound leg; see Answerer.
func (a *Account) Answer(ctx context.Context, leg Leg, in call.Instruction) error {
	return ability(ctx, a, "answer", func(ctx context.Context, d Answerer) error { return d.Answer(ctx, leg, in) })
}

// Redirect gives a live leg another instruction; see Redirector.
func (a *Account) Redirect(ctx context.Context, leg Leg, in call.Instruction) error {
	return ability(ctx, a, "redirect", func(ctx context.Context, d Redirector) error { return d.Redirect(ctx, leg, in) })
}

// Status asks where a leg stands; see StatusReader.
func (a *Account) Status(ctx context.Context, leg Leg) (s LegStatus, err error) {
	err = ability(ctx, a, "status", func(ctx context.Context, d StatusReader) error {
		s, err = d.Status(ctx, leg)
		return err
	})
	return s, err
}

// Cost asks what a leg cost; see CostReader.
func (a *Account) Cost(ctx context.Context, leg Leg) (c *call.Cost, err error) {
	err = ability(ctx, a, "cost", func(ctx context.Context, d CostReader) error {
		c, err = d.Cost(ctx, leg)
		return err
	})
	return c, err
}

// Numbers lists the account's numbers; see NumberLister.
func (a *Account) Numbers(ctx context.Context) (list []Number, err error) {
	err = ability(ctx, a, "numbers", func(ctx context.Context, d NumberLister) error {
		list, err = d.Numbers(ctx)
		return err
	})
	return list, err
}

// Owns reports whether the account has a number; see NumberLister.
func (a *Account) Owns(ctx context.Context, number string) (owns bool, err error) {
	err = ability(ctx, a, "owns", func(ctx context.Context, d NumberLister) error {
		owns, err = d.Owns(ctx, number)
		return err
	})
	return owns, err
}

// SetInbound points a number at Trunkline; see InboundConfigurer.
func (a *Account) SetInbound(ctx context.Context, number string, in Inbound) error {
	return ability(ctx, a, "set inbound", func(ctx context.Context, d InboundConfigurer) error { return d.SetInbound(ctx, number, in) })
}

// Inbound tells where calls to a number go; see InboundConfigurer.
func (a *Account) Inbound(ctx context.Context, number string) (url string, err error) {
	err = ability(ctx, a, "read inbound", func(ctx context.Context, d InboundConfigurer) error {
		url, err = d.Inbound(ctx, number)
		return err
	})
	return url, err
}

// ClearInbound undoes SetInbound; see InboundConfigurer.
func (a *Account) ClearInbound(ctx context.Context, number, answerURL string) error {
	return ability(ctx, a, "clear inbound", func(ctx context.Context, d InboundConfigurer) error {
		return d.ClearInbound(ctx, number, answerURL)
	})
}

// Provision makes what must exist at the carrier; see Provisioner.
func (a *Account) Provision(ctx context.Context, trunk string, in Inbound) (values map[string]string, err error) {
	err = ability(ctx, a, "provision", func(ctx context.Context, d Provisioner) error {
		values, err = d.Provision(ctx, trunk, in)
		return err
	})
	return values, err
}

// SendDTMF presses keys on a live leg; see DTMFSender.
func (a *Account) SendDTMF(ctx context.Context, leg Leg, digits string) error {
	return ability(ctx, a, "send dtmf", func(ctx context.Context, d DTMFSender) error { return d.SendDTMF(ctx, leg, digits) })
}

// FindDial asks whether a dial happened; see Reconciler.
func (a *Account) FindDial(ctx context.Context, req DialRequest, since time.Time) (res DialResult, found bool, err error) {
	err = ability(ctx, a, "find dial", func(ctx context.Context, d Reconciler) error {
		res, found, err = d.FindDial(ctx, req, since)
		return err
	})
	return res, found, err
}

// TestCredentials checks the credentials; see CredentialTester.
func (a *Account) TestCredentials(ctx context.Context) error {
	return ability(ctx, a, "test credentials", func(ctx context.Context, d CredentialTester) error { return d.TestCredentials(ctx) })
}

// Listen receives the carrier's events until ctx ends; see EventListener.
func (a *Account) Listen(ctx context.Context, sink EventSink) error {
	l, ok := a.driver.(EventListener)
	if !ok {
		return a.unsupported("listen")
	}
	return a.spec.tag("listen", l.Listen(ctx, sink))
}

// ability runs one operation if the driver has the interface for it.
func ability[D any](ctx context.Context, a *Account, op string, run func(context.Context, D) error) error {
	d, ok := a.driver.(D)
	if !ok {
		return a.unsupported(op)
	}
	return a.do(ctx, op, func(ctx context.Context) error { return run(ctx, d) })
}

func (a *Account) do(ctx context.Context, op string, run func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout)
	defer cancel()
	start := time.Now()
	err := a.spec.tag(op, run(ctx))
	if a.Observe != nil {
		var kind Kind
		if err != nil {
			kind = KindOf(err)
		}
		a.Observe(op, kind, time.Since(start))
	}
	return err
}

func (a *Account) unsupported(op string) error {
	return &Error{Provider: a.spec.Name, Op: op, Kind: KindUnsupported, Err: errors.New(a.spec.DisplayName + " cannot do this")}
}

// tag makes an *Error of err and writes provider and op into it.
func (s *Spec) tag(op string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		return &Error{Provider: s.Name, Op: op, Kind: KindInternal, Err: err}
	}
	tagged := *e
	tagged.Provider, tagged.Op = s.Name, op
	return &tagged
}
