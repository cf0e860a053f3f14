package demo

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
)

// TestPrint holds that a report fits the terminal, and says what matters.
func TestPrint(t *testing.T) {
	good, bad := printable(t, nil), printable(t, func(ev *evidence, c *Call) {
		c.AnsweredMS = nil
		c.CarrierLog = []Note{{0, "placed"}, {12, "ended failed " + strings.Repeat("for a long reason ", 10)}}
		ev.drop("call.ended")
	})
	for _, tt := range []struct {
		name  string
		calls []Call
		want  []string
		not   string
	}{
		{"good", []Call{good, good}, []string{"twilio inbound: ok", "similarity 1.0", "200 ms after it was said", "demo-out/twilio-inbound-heard.wav", "2 of 2 calls", "README.md"}, "FAILED"},
		{"bad", []Call{good, bad}, []string{"twilio inbound: FAILED", "call.ended is not recorded", "it was never answered", "ended failed", "1 of 2 calls", "--verbose"}, "README.md"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := newReport("demo-out", 20*time.Second, tt.calls, nil).Print(&out); err != nil {
				t.Fatal(err)
			}
			for _, text := range tt.want {
				if !strings.Contains(out.String(), text) {
					t.Errorf("output lacks %q:\n%s", text, out.String())
				}
			}
			if strings.Contains(out.String(), tt.not) {
				t.Errorf("output has %q:\n%s", tt.not, out.String())
			}
			narrow(t, out.String())
		})
	}
}

// TestReportStray holds that a call which nobody placed fails the demo.
func TestReportStray(t *testing.T) {
	r := newReport("demo-out", time.Second, []Call{printable(t, nil)}, []string{"call.received of call x, which nobody placed"})
	var out bytes.Buffer
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	if r.OK || !strings.Contains(out.String(), "FAILED: call.received of call x") {
		t.Errorf("ok %t:\n%s", r.OK, out.String())
	}
}

// TestPrintFails holds that an output that cannot be written is an error.
func TestPrintFails(t *testing.T) {
	if err := newReport("demo-out", time.Second, []Call{printable(t, nil)}, nil).Print(brokenPipe{}); err == nil {
		t.Error("no error")
	}
}

// TestJournal holds how facts find their call, and how they are shown.
func TestJournal(t *testing.T) {
	var live bytes.Buffer
	j := newJournal(&live, personas)
	inbound := j.begin("twilio", call.Inbound, "")
	outbound := j.begin("twilio", call.Outbound, "out1")
	for _, e := range []*event.Event{
		fact("out1", event.CallRequested{From: "+14155550101", To: callee, Application: application}),
		fact("in1", event.CallReceived{From: caller, To: "+14155550101", Application: application}),
		fact("in1", event.CallEnded{Status: call.Completed, Cause: call.CauseNormal, Detail: strings.Repeat("long ", 30)}),
		fact("phantom", event.CallReceived{}),
	} {
		if err := j.add(e); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, id string
		of       *timeline
		types    int
	}{{"inbound", "in1", inbound, 2}, {"outbound", "out1", outbound, 1}} {
		if id, entries := tt.of.facts(); id != tt.id || len(entries) != tt.types {
			t.Errorf("%s call is %q with %d facts, want %q with %d", tt.name, id, len(entries), tt.id, tt.types)
		}
	}
	if strays := j.strays(); len(strays) != 1 || !strings.Contains(strays[0], "phantom") {
		t.Errorf("strays %q, want the phantom", strays)
	}
	if lines := strings.Count(live.String(), "\n"); lines != 3 {
		t.Errorf("%d lines, want 3:\n%s", lines, live.String())
	}
	narrow(t, live.String())
}

func fact(callID string, f event.Fact) *event.Event {
	e := event.New("/test", org, callID, f)
	e.Trunk = "twilio"
	return e
}

// printable is a judged call, spoilt where spoil is not nil.
func printable(t *testing.T, spoil func(*evidence, *Call)) Call {
	t.Helper()
	ev, c := goodCall(t)
	*c = Call{Carrier: "twilio", Direction: call.Inbound, ID: "in0123456789abcdefghijklmn", From: caller, To: "+14155550101", Format: "ulaw/8000",
		AnsweredMS: c.AnsweredMS, SaidWAV: "demo-out/twilio-inbound-said.wav", HeardWAV: "demo-out/twilio-inbound-heard.wav"}
	if spoil != nil {
		spoil(ev, c)
	}
	ev.judge(c)
	return *c
}

func narrow(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > columns {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }
