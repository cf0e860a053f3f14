package demo

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/media"
)

// What a call must reach.
const (
	minSimilarity = 0.9
	maxDelayMS    = 1000 // of the echo; people talk over each other long before
	maxLevelDB    = 3    // that what is heard is louder or softer than what was said
)

// evidence is what is known of a call when it is over.
type evidence struct {
	direction   call.Direction
	path        media.Format // that the carrier's media must have
	late        bool         // it was still going on when time was up
	facts       []Entry
	greeting    clip // the prompt that the application has
	said, heard clip // at the person's phone, on one time line
	complaints  []string
}

// hear takes the recordings and the complaints of the carrier.
func (ev *evidence) hear(leg *carriersim.Call) {
	ev.said, ev.heard = clip{leg.Said(), leg.Rate()}, clip{leg.Heard(), leg.Rate()}
	for _, e := range leg.Timeline() {
		if complaint(e.What) {
			ev.complaints = append(ev.complaints, e.What)
		}
	}
}

// complaint reports whether an entry of a carrier's timeline tells of something
// that did not go as it should.
func complaint(what string) bool {
	if strings.HasPrefix(what, "warning ") || strings.HasPrefix(what, "stream failed") {
		return true
	}
	_, result, answered := strings.Cut(what, " -> ")
	return strings.HasPrefix(what, "webhook ") && answered && !strings.HasPrefix(result, "2") && result != "sent" // over a socket, which answers nothing
}

// judge measures a call and lists what did not hold.
func (ev *evidence) judge(c *Call) {
	c.Events = ev.facts
	c.Problems = []string{}
	if ev.late {
		c.fault("it was still going on after %s", callLimit)
	}
	ev.judgeFacts(c)
	if c.AnsweredMS == nil {
		c.fault("it was never answered")
	} else if err := ev.judgeSound(c); err != nil {
		c.fault("its sound cannot be judged: %v", err)
	}
	for _, text := range ev.complaints {
		c.fault("the carrier notes: %s", text)
	}
	c.OK = len(c.Problems) == 0
}

// chains are the facts that a call must have, in an order that they must have.
// Chains are independent of each other: the carrier tells of the call and of
// its audio on different ways.
var chains = map[call.Direction][][]string{
	call.Inbound: {
		{"call.received", "agent.bound", "stream.started", "stream.stopped"},
		{"call.received", "call.answered", "call.ended"},
	},
	call.Outbound: {
		{"call.requested", "agent.bound", "stream.started", "stream.stopped"},
		{"call.requested", "call.dialing", "call.initiated", "call.answered", "call.ended"},
	},
}

func (ev *evidence) judgeFacts(c *Call) {
	places := map[string]int{}
	for i, e := range ev.facts {
		if _, again := places[e.Type]; again && required(ev.direction, e.Type) {
			c.fault("%s is recorded twice", e.Type)
			continue
		}
		places[e.Type] = i
		ev.judgeFact(c, e.fact)
	}
	var missing []string
	for _, chain := range chains[ev.direction] {
		before := ""
		for _, typ := range chain {
			place, recorded := places[typ]
			switch {
			case !recorded && !slices.Contains(missing, typ):
				missing = append(missing, typ)
				c.fault("%s is not recorded", typ)
			case recorded && before != "" && place < places[before]:
				c.fault("%s is recorded before %s", typ, before)
			}
			if recorded {
				before = typ
			}
		}
	}
}

func required(d call.Direction, typ string) bool {
	return slices.ContainsFunc(chains[d], func(chain []string) bool { return slices.Contains(chain, typ) })
}

func (ev *evidence) judgeFact(c *Call, f event.Fact) {
	switch f := f.(type) {
	case event.StreamStarted:
		if want := ev.path.String(); f.InFormat != want || f.OutFormat != want {
			c.fault("the media stream is %s in and %s out, not %s", f.InFormat, f.OutFormat, want)
		}
	case event.CallEnded:
		if f.Status != call.Completed {
			c.fault("it ended as %s", words(string(f.Status), "", string(f.Cause), "", f.Detail))
		}
	case event.CommandFailed:
		c.fault("the order failed: %s (%s)", f.Message, f.Code)
	}
}

// judgeSound splits the call where the person begins to speak: the greeting is
// heard before, the echo after.
func (ev *evidence) judgeSound(c *Call) error {
	speaks, stops := ev.said.span()
	speaks, stops = min(speaks, len(ev.heard.pcm)), min(stops, len(ev.heard.pcm))
	greeting, err := ev.greeting.through(ev.path, ev.heard.rate)
	if err != nil {
		return err
	}
	c.Greeting = measure(greeting, ev.heard.part(0, speaks))
	c.judgeHeard("greeting", c.Greeting, greeting.extent())

	said, err := ev.said.part(speaks, stops).through(ev.path, ev.heard.rate)
	if err != nil {
		return err
	}
	if len(said.pcm) == 0 {
		c.fault("the person never spoke")
		return nil
	}
	c.Sound = measure(said, ev.heard.part(speaks, len(ev.heard.pcm)))
	c.judgeHeard("echo", c.Sound, said.extent())
	if c.DelayMS < 0 || c.DelayMS > maxDelayMS {
		c.fault("the echo is heard %d ms after it was said, not within %d ms", c.DelayMS, maxDelayMS)
	}
	return nil
}

func (c *Call) judgeHeard(what string, heard, said Sound) {
	if heard.LevelDBFS == silence {
		c.fault("the %s is not heard", what)
		return
	}
	if heard.Similarity < minSimilarity {
		c.fault("the %s is %.2f like what was said, less than %.2f", what, heard.Similarity, minSimilarity)
	}
	if math.Abs(heard.LevelDBFS-said.LevelDBFS) > maxLevelDB {
		c.fault("the %s is heard at %.1f dBFS and was said at %.1f dBFS", what, heard.LevelDBFS, said.LevelDBFS)
	}
}

func (c *Call) fault(format string, args ...any) {
	c.Problems = append(c.Problems, fmt.Sprintf(format, args...))
}
