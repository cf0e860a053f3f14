package sweep

import (
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/services/callctl/internal/ledger"
)

var times = Times{Grace: time.Minute, Quiet: 30 * time.Second, Patience: 20 * time.Second, MaxCall: 4 * time.Hour, Late: time.Hour,
	Cost: []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}}

// at is one fact and when it was recorded, in seconds after the start.
type at struct {
	second int
	leg    string
	fact   event.Fact
}

func TestDue(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	requested := at{0, "", event.CallRequested{RingSeconds: 30, ExpiresAt: start.Add(10 * time.Minute)}}
	dialing := at{1, "", event.CallDialing{Attempt: 1}}
	refused := at{2, "", event.CarrierReported{ID: "dial-1", Kind: "dial"}}
	initiated := at{2, "L", event.CallInitiated{}}
	answered := at{20, "L", event.CallAnswered{}}
	ended := func(s call.Status, leg string, second int) at { return at{second, leg, event.CallEnded{Status: s}} }
	type when map[int]step // second to what is due then
	for name, c := range map[string]struct {
		facts []at
		beat  int // second of the newest heartbeat
		edit  func(*entry)
		due   when
	}{
		"requested":             {facts: []at{requested}, due: when{0: nothing, 659: nothing, 661: expire}},
		"waiting after refusal": {facts: []at{requested, dialing, refused}, due: when{100: nothing, 661: expire}},
		"in doubt":              {facts: []at{requested, dialing}, due: when{20: nothing, 22: find, 90: find, 92: lose}},
		"second attempt in doubt": {facts: []at{requested, dialing, refused, {100, "", event.CallDialing{Attempt: 2}}},
			due: when{110: nothing, 121: find, 191: lose}},
		"no leg named yet":        {facts: []at{requested, dialing, {2, "", event.CallInitiated{}}}, due: when{80: nothing, 92: lose}},
		"leg known by reference":  {facts: []at{requested, dialing, {2, "", event.CallInitiated{CarrierRef: "r"}}}, due: when{80: nothing, 93: ask}},
		"ringing":                 {facts: []at{requested, dialing, initiated}, due: when{80: nothing, 93: ask}},
		"answered":                {facts: []at{requested, dialing, initiated, answered}, due: when{49: nothing, 51: ask}},
		"answered, with a pulse":  {facts: []at{requested, dialing, initiated, answered}, beat: 100, due: when{129: nothing, 131: ask}},
		"asked a moment ago":      {facts: []at{requested, dialing, initiated, answered}, edit: func(e *entry) { e.next = start.Add(80 * time.Second) }, due: when{79: nothing, 81: ask}},
		"inbound, not answered":   {facts: []at{{0, "L", event.CallReceived{}}}, due: when{29: nothing, 31: ask}},
		"inbound without leg":     {facts: []at{{0, "", event.CallReceived{}}}, due: when{29: nothing, 31: ask}},
		"busy":                    {facts: []at{requested, dialing, initiated, ended(call.Busy, "L", 10)}, due: when{10: forget}},
		"uncertain":               {facts: []at{requested, dialing, ended(call.Uncertain, "", 92)}, due: when{93: find, 3691: find, 3693: forget}},
		"canceled before dialled": {facts: []at{requested, ended(call.Canceled, "", 5)}, due: when{6: nothing, 3606: forget}},
		"leg after the end":       {facts: []at{requested, dialing, ended(call.Uncertain, "", 92), {100, "L", event.CallRinging{}}}, due: when{101: hangUp}},
		"leg before an end that did not know it": {facts: []at{requested, dialing, initiated, ended(call.Uncertain, "", 92)},
			due: when{93: hangUp, 92 + 4*3600 + 1: forget}},
		"late leg, hung up": {facts: []at{requested, dialing, ended(call.Uncertain, "", 92), {100, "L", event.CallRinging{}}, {101, "L", ledger.LateLeg(true)}},
			due: when{102: forget}},
		"late callback of an ended call": {facts: []at{requested, dialing, initiated, ended(call.Busy, "L", 10), {11, "L", event.CallRinging{}}}, due: when{12: forget}},
		"cost":                           {facts: []at{requested, dialing, initiated, answered, ended(call.Completed, "L", 60)}, due: when{64: nothing, 65: price}},
		"cost, asked once": {facts: []at{requested, dialing, initiated, answered, ended(call.Completed, "L", 60)},
			edit: func(e *entry) { e.asked = 1 }, due: when{89: nothing, 90: price}},
		"cost, asked for the last time": {facts: []at{requested, dialing, initiated, answered, ended(call.Completed, "L", 60)},
			edit: func(e *entry) { e.asked = 4 }, due: when{700: forget}},
		"cost, after a time away":       {facts: []at{requested, dialing, initiated, answered, ended(call.Completed, "L", 60)}, due: when{3000: price, 9000: forget}},
		"priced":                        {facts: []at{requested, dialing, initiated, answered, ended(call.Completed, "L", 60), {61, "L", event.CallPriced{}}}, due: when{62: forget}},
		"cost of a call never answered": {facts: []at{requested, dialing, initiated, ended(call.NoAnswer, "L", 60)}, due: when{70: forget}},
	} {
		t.Run(name, func(t *testing.T) {
			for second, want := range c.due {
				e := new(entry)
				for _, f := range c.facts {
					when := start.Add(time.Duration(f.second) * time.Second)
					e.Add(&event.Event{Time: when, Leg: f.leg, Data: f.fact})
					e.seen = later(e.seen, when)
				}
				if c.beat > 0 {
					e.seen = later(e.seen, start.Add(time.Duration(c.beat)*time.Second))
				}
				if c.edit != nil {
					c.edit(e)
				}
				if got := e.due(start.Add(time.Duration(second)*time.Second), times); got != want {
					t.Errorf("after %d s: %s, want %s", second, got, want)
				}
			}
		})
	}
}

func TestBookForgets(t *testing.T) {
	b := newBook(times)
	now := time.Now()
	add := func(id, leg string, f event.Fact) {
		t.Helper()
		if err := b.add(&event.Event{Org: "default", Call: id, Leg: leg, Time: now, Data: f}); err != nil {
			t.Fatal(err)
		}
	}
	add("stray", "L", event.CallRinging{}) // its beginning is older than the log
	add("c1", "L", event.CallReceived{})
	if got := b.due(now.Add(time.Hour)); got != nil {
		t.Errorf("%d calls are due before the log is read", len(got))
	}
	b.caughtUp()
	if n := len(b.running()); n != 1 {
		t.Errorf("%d calls run, want 1", n)
	}
	tasks := b.due(now.Add(time.Hour))
	if len(tasks) != 1 || tasks[0].step != ask {
		t.Fatalf("due: %+v, want to ask about c1", tasks)
	}
	if again := b.due(now.Add(time.Hour)); again != nil {
		t.Error("a call is due while something is being done about it")
	}
	b.done(tasks[0])
	add("c1", "L", event.CallEnded{Status: call.Busy})
	if ended := b.takeEnded(); len(ended) != 1 || ended[0].Call != "c1" || b.takeEnded() != nil {
		t.Errorf("ended: %+v, want c1, once", ended)
	}
	b.due(now)
	add("c1", "L", event.CallRinging{})
	if len(b.calls) != 0 {
		t.Errorf("%d calls are kept, want none", len(b.calls))
	}
	b.beat("default.c9", now)
	b.due(now.Add(time.Hour))
	if len(b.beats) != 0 {
		t.Error("heartbeats pile up")
	}
}

// TestBookFreesWhatEndsWhileItReads: a call that this process dialled may be over
// before the log is read to its end. What ended long ago holds nothing.
func TestBookFreesWhatEndsWhileItReads(t *testing.T) {
	b := newBook(times)
	end := func(id string, ago time.Duration) {
		for _, f := range []event.Fact{event.CallRequested{}, event.CallEnded{Status: call.Completed}} {
			e := event.New("/test", "default", id, f)
			e.Time = time.Now().Add(-ago)
			if err := b.add(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	end("old", time.Hour)
	end("just now", 0)
	b.caughtUp()
	if ended := b.takeEnded(); len(ended) != 1 || ended[0].Call != "just now" {
		t.Errorf("ended: %+v", ended)
	}
}
