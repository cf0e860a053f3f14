package twilio

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio/compare"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

func TestDialNumber(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	pcm, rate := gatewaytest.Speech(t)
	c.Expect(callee, carriersim.Person{Acts: []carriersim.Act{carriersim.Speak{PCM: pcm, Rate: rate}, carriersim.Hangup{}}})
	g.on("/voice", `<Dial callerId="`+ours+`" action="%s/dialled" timeout="5"><Number statusCallback="%s/leg" statusCallbackEvent="initiated ringing answered completed">`+callee+`</Number></Dial><Say>not this</Say>`)
	g.on("/dialled", "<Say>over</Say>")
	call := g.Ended(g.RingUp(carriersim.Person{}))
	leg := g.Ended(g.LegTo(callee))
	if similarity, _ := compare.Find(leg.Said(), call.Heard(), 8000); similarity < 0.99 {
		t.Errorf("what the callee said was heard with similarity %.3f", similarity)
	}
	if diff := cmp.Diff([]string{"initiated", "ringing", "in-progress", "completed"}, statuses(g.Await("/leg", 4))); diff != "" {
		t.Errorf("callbacks of the leg (-want +got):\n%s", diff)
	}
	form := g.Await("/dialled", 1)[0].Form
	if form.Get("DialCallStatus") != "completed" || form.Get("DialCallSid") != leg.ID() || form.Get("DialBridged") != "true" ||
		form.Get("CallSid") != call.ID() || form.Get("DialCallDuration") == "" {
		t.Errorf("action %v", form)
	}
	if first := g.Await("/leg", 1)[0].Form; first.Get("ParentCallSid") != call.ID() || first.Get("Direction") != "outbound-dial" || first.Get("From") != ours {
		t.Errorf("leg %v", first)
	}
	if leg.Parent() != call.ID() || !call.Saw("says over") || call.Saw("says not this") || call.Saw("warning") {
		t.Errorf("timeline:\n%s", call)
	}
}

func TestDialFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		person carriersim.Person
		status string
	}{
		"busy":      {carriersim.Person{Outcome: carriersim.Busy}, "busy"},
		"no answer": {carriersim.Person{Outcome: carriersim.NoAnswer}, "no-answer"},
		"rejects":   {carriersim.Person{Outcome: carriersim.Rejects}, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			c.Expect("sip:desk@pbx.example", test.person)
			g.on("/voice", `<Dial timeout="1" action="%s/dialled"><Sip>sip:desk@pbx.example;transport=tls?X-Call=01J</Sip></Dial>`)
			g.on("/dialled", "<Hangup/>")
			g.Ended(g.RingUp(carriersim.Person{}))
			if form := g.Await("/dialled", 1)[0].Form; form.Get("DialCallStatus") != test.status || form.Get("DialBridged") != "false" {
				t.Errorf("action %v", form)
			}
		})
	}
}

func TestDialAnswersOnBridge(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Outcome: carriersim.NoAnswer})
	g.on("/voice", `<Dial answerOnBridge="true" timeout="60">`+callee+`</Dial>`)
	ctx, hangUp := gatewaytest.Context(t)
	call, err := c.Ring(ctx, caller, ours, carriersim.Person{})
	if err != nil {
		t.Fatal(err)
	}
	g.Saw(g.LegTo(callee), "ringing")
	hangUp()
	if g.Ended(call); call.Answered() || call.Status() != "no-answer" {
		t.Errorf("status %s:\n%s", call.Status(), call)
	}
	if leg := g.Ended(g.LegTo(callee)); leg.Status() != "canceled" {
		t.Errorf("leg %s:\n%s", leg.Status(), leg)
	}
}

func TestDialSeveral(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect("+14155550171", carriersim.Person{Ring: time.Hour})
	c.Expect("+14155550172", carriersim.Person{Acts: []carriersim.Act{carriersim.Hangup{}}})
	g.on("/voice", `<Dial><Number>+14155550171</Number><Number>+14155550172</Number></Dial>`)
	g.Ended(g.RingUp(carriersim.Person{}))
	slow, fast := g.Ended(g.LegTo("+14155550171")), g.Ended(g.LegTo("+14155550172"))
	if slow.Status() != "canceled" || fast.Status() != "completed" {
		t.Errorf("slow %s, fast %s", slow.Status(), fast.Status())
	}
}

// TestConference is an attended transfer: the colleague waits in the room until
// the caller is redirected into it, then the caller leaves and ends it.
func TestConference(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Acts: []carriersim.Act{
		carriersim.WaitHeard{Sound: 100 * time.Millisecond, Quiet: 100 * time.Millisecond},
		carriersim.Speak{PCM: tone.Sine(1000, 8000, 500*time.Millisecond, -15)},
	}})
	room := `<Dial><Conference startConferenceOnEnter="true" endConferenceOnExit="true" beep="false" participantLabel="LABEL" statusCallback="` + g.URL + `/room" statusCallbackEvent="start end join leave">xfer-1</Conference></Dial>`
	g.on("/answer", room)
	colleague := g.dial(map[string][]string{})
	g.Saw(colleague, "joined conference xfer-1")
	g.on("/voice", room)
	beep := tone.Sine(1000, 8000, 500*time.Millisecond, -15)
	call := g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{
		carriersim.Speak{PCM: tone.Sine(600, 8000, time.Second, -15)},
		carriersim.WaitHeard{Sound: 300 * time.Millisecond, Quiet: 100 * time.Millisecond}, carriersim.Hangup{},
	}}))
	g.Ended(colleague)
	if similarity, _ := compare.Find(beep, call.Heard(), 8000); similarity < 0.99 {
		t.Errorf("the caller heard the colleague with similarity %.3f:\n%s", similarity, call)
	}
	var events []string
	for _, r := range g.Await("/room", 6) {
		events = append(events, r.Form.Get("StatusCallbackEvent"))
	}
	want := map[string]int{"participant-join": 2, "participant-leave": 2, "conference-start": 1, "conference-end": 1}
	got := map[string]int{}
	for _, e := range events {
		got[e]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events %v (-want +got):\n%s", events, diff)
	}
	if call.Saw("warning") || colleague.Status() != "completed" {
		t.Errorf("colleague %s, timeline:\n%s", colleague.Status(), call)
	}
}
