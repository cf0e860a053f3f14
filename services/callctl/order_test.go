package callctl_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl/internal/toy"
)

// TestEndpointOfAPBX is dialled as it is, and an order that is repeated in other
// letters is the same.
func TestEndpointOfAPBX(t *testing.T) {
	r := toy.New(t)
	start(r)
	for range 2 {
		r.Dial("c1", func(c *command.CallDial) { c.Trunk, c.To = toy.Bare, "pjsip/100@carrier" })
		toy.Await[event.CallInitiated](r, "c1")
	}
	if legs := r.Carrier.Legs("c1"); len(legs) != 1 || legs[0].To != "PJSIP/100@carrier" {
		t.Errorf("legs %+v, want one to PJSIP/100@carrier", legs)
	}
}

// TestRefusedOrders: each leaves the fact command.failed and a dead letter, and
// nothing at the carrier.
func TestRefusedOrders(t *testing.T) {
	dial := func(change func(*command.CallDial)) command.Command {
		c := command.CallDial{Trunk: toy.Main, To: toy.Callee, Application: toy.App}
		change(&c)
		return c
	}
	hello := call.Spoken("hello")
	orders := map[string]struct {
		order command.Command
		raw   string // in place of order
		typ   string
		code  string
		says  string
	}{
		"unknown field":      {raw: `{"trunk":"main","number":"+14155550177"}`, typ: "call.dial", code: "invalid_command", says: `"number"`},
		"not JSON":           {raw: `dial!`, typ: "call.dial", code: "invalid_command", says: "JSON"},
		"bad number":         {order: dial(func(c *command.CallDial) { c.To = "+1415555" }), code: "invalid_number", says: "E.164"},
		"no PBX's trunk":     {order: dial(func(c *command.CallDial) { c.To = "PJSIP/alice" }), code: "invalid_number", says: "E.164"},
		"no context":         {order: dial(func(c *command.CallDial) { c.Trunk, c.To = toy.Bare, "Local/1" }), code: "invalid_number", says: "PJSIP/100"},
		"two endpoints":      {order: dial(func(c *command.CallDial) { c.Trunk, c.To = toy.Bare, "PJSIP/a&PJSIP/b" }), code: "invalid_number", says: "PJSIP/100"},
		"unknown trunk":      {order: dial(func(c *command.CallDial) { c.Trunk = "nowhere" }), code: "unknown_trunk", says: "trunkline trunk list"},
		"broken trunk":       {order: dial(func(c *command.CallDial) { c.Trunk = "broken" }), code: "trunk_unusable", says: "trunkline trunk add"},
		"unknown app":        {order: dial(func(c *command.CallDial) { c.Application = "nobody" }), code: "unknown_application", says: "trunkline application list"},
		"no caller id":       {order: dial(func(c *command.CallDial) { c.Trunk = "mute" }), code: "missing_caller_id", says: "set from"},
		"bad caller id":      {order: dial(func(c *command.CallDial) { c.From = "me" }), code: "invalid_caller_id", says: "E.164"},
		"foreign caller id":  {order: dial(func(c *command.CallDial) { c.From = "+14155550199" }), code: "unknown_caller_id", says: toy.Caller},
		"expired":            {order: dial(func(c *command.CallDial) { c.ExpiresAt = time.Now().Add(-time.Second) }), code: "expired", says: "expires_at"},
		"expires too late":   {order: dial(func(c *command.CallDial) { c.ExpiresAt = time.Now().Add(13 * time.Hour) }), code: "invalid_expires_at", says: "earlier"},
		"inbound call's id":  {order: dial(func(*command.CallDial) {}), code: "call_exists", says: "fresh id"},
		"another call's id":  {order: dial(func(c *command.CallDial) { c.To = "+14155550178" }), code: "call_exists", says: "fresh id"},
		"hang up nobody":     {order: command.CallHangup{}, code: "unknown_call", says: "there is no call"},
		"hang up at nowhere": {order: command.CallHangup{Trunk: "nowhere", Leg: "L"}, code: "unknown_trunk", says: "trunkline trunk list"},
		"redirect ended":     {order: command.CallRedirect{Instruction: hello}, code: "call_ended", says: "is over"},
		"cannot redirect":    {order: command.CallRedirect{Instruction: hello}, code: "carrier_unsupported", says: "Plain toy"},
		"cannot answer":      {order: command.CallAnswer{Trunk: toy.Bare, Leg: "L", Instruction: hello}, code: "carrier_unsupported", says: "Plain toy"},
	}
	r := toy.New(t)
	r.PutTrunk(trunk.Trunk{Name: "broken", Provider: "no-such-provider"})
	r.PutTrunk(trunk.Trunk{Name: "mute", Provider: toy.Name})
	ids := map[string]string{}
	for name := range orders {
		ids[name] = strings.NewReplacer(" ", "-", "'", "").Replace(name)
	}
	r.Record(ids["inbound call's id"], "L", event.CallReceived{From: toy.Callee, To: toy.Caller})
	r.Record(ids["another call's id"], "L", event.CallRequested{To: toy.Callee, Application: toy.App})
	r.Record(ids["redirect ended"], "L", event.CallEnded{Status: call.Completed})
	for _, name := range []string{"cannot redirect", "cannot answer"} {
		e := event.New("/test", toy.Org, ids[name], event.CallReceived{From: toy.Callee, To: toy.Caller})
		e.Trunk, e.Provider, e.Leg = toy.Bare, toy.Plain, "L"
		_, _, err := r.Bus.Record(r.Context(), e)
		r.Must(err)
	}
	start(r)
	for name, o := range orders {
		if o.order != nil {
			r.Send(ids[name], o.order)
		} else {
			r.Must(r.Bus.SendRaw(r.Context(), toy.Org, ids[name], o.typ, []byte(o.raw)))
		}
	}
	for name, o := range orders {
		t.Run(name, func(t *testing.T) {
			failed, _ := toy.Await[event.CommandFailed](r, ids[name])
			typ := o.typ
			if o.order != nil {
				typ = o.order.Type()
			}
			if failed.Code != o.code || failed.Command != typ || failed.ID == "" || !strings.Contains(failed.Message, o.says) {
				t.Errorf("command.failed is %+v, want code %s of %s, and %q in the message", failed, o.code, typ, o.says)
			}
			if d := deadLetter(r, subject.Command(toy.Org, ids[name], typ)); d.Code != o.code || d.Reason != failed.Message {
				t.Errorf("dead letter %+v, want it to tell the same as command.failed", d)
			}
			if toy.Has[event.CallDialing](r, ids[name]) {
				t.Error("it was dialled")
			}
		})
	}
	if n := r.Carrier.Asked(); n != 0 {
		t.Errorf("the carrier was asked for %d calls", n)
	}
}

// deadLetter waits until an order is buried.
func deadLetter(r *toy.Rig, subj string) bus.Dead {
	r.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ; r.Context().Err() == nil; <-tick.C {
		list, err := r.Bus.DeadLetters(r.Context(), 100)
		r.Must(err)
		for _, d := range list {
			if d.Subject == subj {
				return d
			}
		}
	}
	r.Fatalf("%s was never buried", subj)
	return bus.Dead{}
}

func TestRefusalEndsACallThatWasAccepted(t *testing.T) {
	r := toy.New(t)
	r.Record("c1", "", event.CallRequested{To: toy.Callee, Application: toy.App, RingSeconds: 1, ExpiresAt: time.Now().Add(-time.Millisecond)})
	r.Record("c1", "", event.CallDialing{Attempt: 1})
	r.Record("c1", "", event.CarrierReported{ID: "dial-1", Kind: "dial"})
	start(r)
	r.Dial("c1")
	if failed, _ := toy.Await[event.CommandFailed](r, "c1"); failed.Code != "expired" {
		t.Errorf("refused with %+v", failed)
	}
	end, _ := toy.Await[event.CallEnded](r, "c1")
	if end.Status != call.Failed || end.Cause != call.CauseExpired || !strings.Contains(end.Detail, "calls_per_second") {
		t.Errorf("ended %+v, want failed, expired, and what to do", end)
	}
}

func TestAddressesThatAreNoNumbers(t *testing.T) {
	r := toy.New(t)
	start(r)
	for id, to := range map[string]string{"sip": "sip:desk@pbx.example.net;transport=tls", "extension": "1001"} {
		r.Dial(id, func(c *command.CallDial) { c.Trunk, c.To = toy.Bare, to })
		if requested, _ := toy.Await[event.CallRequested](r, id); requested.To != to || requested.From != "" {
			t.Errorf("requested %+v, want %s as it is, and no caller id", requested, to)
		}
		toy.Await[event.CallInitiated](r, id)
	}
}

func TestHangup(t *testing.T) {
	r := toy.New(t)
	start(r)
	hungUp := func(id string) func() bool {
		return func() bool { return len(r.Carrier.Legs(id)) == 1 && r.Carrier.Legs(id)[0].HungUp == 1 }
	}
	t.Run("live", func(t *testing.T) {
		r.Dial("live")
		toy.Await[event.CallInitiated](r, "live")
		r.Send("live", command.CallHangup{})
		r.AwaitCarrier("the hang-up", hungUp("live"))
	})
	t.Run("before the leg is known", func(t *testing.T) {
		hold := make(chan struct{})
		asked := r.Carrier.Asked()
		r.Carrier.Fail(toy.Fault{Hold: hold})
		r.Dial("early")
		r.AwaitCarrier("the dial", func() bool { return r.Carrier.Asked() > asked })
		r.Send("early", command.CallHangup{})
		r.Send("live", command.CallHangup{Trunk: toy.Main, Leg: r.Carrier.Legs("live")[0].ID})
		r.AwaitCarrier("an order given later", func() bool { return r.Carrier.Legs("live")[0].HungUp == 2 })
		if toy.Has[event.CallEnded](r, "early") {
			t.Error("a call that is being dialled was ended before anybody knew its leg")
		}
		close(hold)
		r.AwaitCarrier("the hang-up", hungUp("early"))
	})
	t.Run("ended", func(t *testing.T) {
		r.Dial("ended")
		_, e := toy.Await[event.CallInitiated](r, "ended")
		r.Record("ended", e.Leg, event.CallEnded{Status: call.Completed, Cause: call.CauseNormal})
		r.Send("ended", command.CallHangup{})
		r.Send("ended", command.CallRedirect{Instruction: call.Spoken("x")}) // is refused
		toy.Await[event.CommandFailed](r, "ended")
		if n := r.Carrier.Legs("ended")[0].HungUp; n != 0 {
			t.Errorf("a leg that is over was hung up %d times", n)
		}
	})
	t.Run("unknown to the carrier", func(t *testing.T) {
		r.Send("gone", command.CallHangup{Trunk: toy.Main, Leg: "nobody"})
		r.AwaitCarrier("the hang-up", func() bool { return r.Carrier.Count("DELETE /calls/{id}") > 3 })
	})
}

func TestHangupBeforeTheDial(t *testing.T) {
	r := toy.New(t)
	r.PutTrunk(trunk.Trunk{Name: toy.Main, Provider: toy.Name, Country: "US", MaxCalls: 1})
	stop := start(r)
	r.Dial("first")
	_, first := toy.Await[event.CallInitiated](r, "first")
	r.Dial("second")
	toy.Await[event.CallRequested](r, "second")
	r.Send("second", command.CallHangup{})
	if end, _ := toy.Await[event.CallEnded](r, "second"); end.Status != call.Canceled || end.Cause != call.CauseCanceled {
		t.Errorf("ended %+v, want canceled", end)
	}
	r.Record("first", first.Leg, event.CallEnded{Status: call.Completed})
	r.Dial("third")
	toy.Await[event.CallInitiated](r, "third")
	stop()
	if len(r.Carrier.Legs("second")) != 0 {
		t.Error("it was dialled after it was canceled")
	}
}

func TestHangupThatTheCarrierCannotReport(t *testing.T) {
	r := toy.New(t)
	start(r)
	for id, want := range map[string]event.CallEnded{
		"ringing":  {Status: call.Canceled, Cause: call.CauseCanceled},
		"answered": {Status: call.Completed, Cause: call.CauseMachine},
	} {
		r.Dial(id, func(c *command.CallDial) { c.Trunk = toy.Bare })
		_, e := toy.Await[event.CallInitiated](r, id)
		order := command.CallHangup{}
		if id == "answered" {
			r.Record(id, e.Leg, event.CallAnswered{})
			order.Cause = call.CauseMachine
		}
		r.Send(id, order)
		got, _ := toy.Await[event.CallEnded](r, id)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", id, diff)
		}
	}
}

func TestRedirectAndAnswer(t *testing.T) {
	r := toy.New(t)
	start(r)
	r.Carrier.Add(toy.Leg{ID: "L1", CallID: "c1"})
	r.Record("c1", "L1", event.CallReceived{From: toy.Callee, To: toy.Caller})
	r.Send("c1", command.CallAnswer{Trunk: toy.Main, Leg: "L1", Instruction: call.Spoken("hello")})
	r.AwaitCarrier("the answer", func() bool { return cmp.Equal(r.Carrier.Legs("c1")[0].Told, []string{"answer"}) })
	r.Send("c1", command.CallRedirect{Instruction: call.Spoken("bye")})
	r.AwaitCarrier("the redirect", func() bool { return cmp.Equal(r.Carrier.Legs("c1")[0].Told, []string{"answer", "redirect"}) })
	// The caller of c2 hangs up before the answer.
	r.Record("c2", "L2", event.CallReceived{From: toy.Callee, To: toy.Caller})
	r.Send("c2", command.CallAnswer{Trunk: toy.Main, Leg: "L2", Instruction: call.Spoken("hello")})
	r.AwaitCarrier("the second answer", func() bool { return r.Carrier.Count("POST /calls/{id}/{verb}") == 3 })
	r.Send("c2", command.CallRedirect{Instruction: call.Spoken("bye")})
	if failed, _ := toy.Await[event.CommandFailed](r, "c2"); failed.Command != "call.redirect" || failed.Code != "call_ended" {
		t.Errorf("refused with %+v, want the redirect alone, as the call is over", failed)
	}
}

func TestKeys(t *testing.T) {
	r := toy.New(t)
	start(r)
	r.Carrier.Add(toy.Leg{ID: "L1", CallID: "c1"})
	r.Record("c1", "L1", event.CallReceived{From: toy.Callee, To: toy.Caller})
	r.Send("c1", command.DTMFSend{Digits: "1w2#"})
	r.AwaitCarrier("the keys", func() bool { return cmp.Equal(r.Carrier.Legs("c1")[0].Told, []string{"keys-1w2#"}) })
	for id, ended := range map[string]bool{"gone": false, "over": true} { // to the carrier, to the log
		r.Record(id, "L2", event.CallReceived{From: toy.Callee, To: toy.Caller})
		if ended {
			r.Record(id, "L2", event.CallEnded{Status: call.Completed, Cause: call.CauseNormal})
		}
		r.Send(id, command.DTMFSend{Digits: "5"})
		if failed, _ := toy.Await[event.CommandFailed](r, id); failed.Command != "dtmf.send" || failed.Code != "call_ended" {
			t.Errorf("%s: refused with %+v", id, failed)
		}
	}
}

// TestCallerIsNotLeftRinging: whom nobody will answer any more is hung up on.
func TestCallerIsNotLeftRinging(t *testing.T) {
	r := toy.New(t)
	start(r)
	r.Carrier.Add(toy.Leg{ID: "L1", CallID: "c1"})
	r.Record("c1", "L1", event.CallReceived{From: toy.Callee, To: toy.Caller})
	music := call.Instruction{Steps: []call.Step{{Play: &call.Play{URL: "https://music.example/a.mp3"}}}}
	r.Send("c1", command.CallAnswer{Trunk: toy.Main, Leg: "L1", Instruction: music})
	if failed, _ := toy.Await[event.CommandFailed](r, "c1"); failed.Code != "carrier_unsupported" || !strings.Contains(failed.Message, "no music") {
		t.Errorf("refused with %+v", failed)
	}
	if l := r.Carrier.Legs("c1")[0]; l.HungUp != 1 {
		t.Errorf("the caller was hung up on %d times, want once", l.HungUp)
	}
}

// TestSocketThatIsToBeDialled: the order to dial it goes to the media nodes.
func TestSocketThatIsToBeDialled(t *testing.T) {
	r := toy.New(t)
	start(r)
	r.Record("c1", "L1", event.CallReceived{From: toy.Callee, To: toy.Caller})
	stream := call.Instruction{Steps: []call.Step{{Stream: &call.Stream{URL: "wss://media.example/x", StreamID: "s1"}}}}
	r.Send("c1", command.CallAnswer{Trunk: toy.Main, Leg: "L1", Instruction: stream})
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	var got command.Command
	err := r.Bus.Work(ctx, bus.Queue{Name: "media", Types: []string{"media.connect"}, Parallel: 1, AckWait: time.Minute}, func(_ context.Context, o *bus.Order) (err error) {
		defer stop()
		got, err = o.Decode()
		return err
	})
	want := command.MediaConnect{Trunk: toy.Main, Leg: "L1", StreamID: "s1", URL: "wss://toy.example/L1", Protocol: "toy", Insecure: true}
	if diff := cmp.Diff(command.Command(want), got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}
