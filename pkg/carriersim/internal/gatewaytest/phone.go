package gatewaytest

import (
	"strings"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio/speech"
	"github.com/trunkline-io/trunkline/pkg/audio/wav"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// Phone rings a carrier and watches its calls.
type Phone struct {
	T        testing.TB
	Carrier  carriersim.Carrier
	From, To string // who calls whom
}

// RingUp lets a person call the carrier.
func (p Phone) RingUp(person carriersim.Person) *carriersim.Call {
	p.T.Helper()
	c, err := p.Carrier.Ring(p.T.Context(), p.From, p.To, person)
	if err != nil {
		p.T.Fatal(err)
	}
	return c
}

// Ended waits for the end of a call.
func (p Phone) Ended(c *carriersim.Call) *carriersim.Call {
	p.T.Helper()
	select {
	case <-c.Done():
	case <-time.After(Patience):
		p.T.Fatalf("call still runs:\n%s", c)
	}
	return c
}

// Saw waits for an entry in a call's timeline.
func (p Phone) Saw(c *carriersim.Call, what string) {
	p.T.Helper()
	ctx, stop := Context(p.T)
	defer stop()
	if err := c.Await(ctx, what); err != nil {
		p.T.Fatal(err)
	}
}

// LegTo waits for the leg to a number.
func (p Phone) LegTo(number string) *carriersim.Call {
	p.T.Helper()
	return p.Find(func(c *carriersim.Call) bool { return c.To() == number })
}

// CallOf waits for the call that has the carrier's id.
func (p Phone) CallOf(id string) *carriersim.Call {
	p.T.Helper()
	return p.Find(func(c *carriersim.Call) bool { return c.ID() == id })
}

// Find waits for the first call that matches.
func (p Phone) Find(match func(*carriersim.Call) bool) *carriersim.Call {
	p.T.Helper()
	ctx, stop := Context(p.T)
	defer stop()
	c, err := p.Carrier.AwaitCall(ctx, match)
	if err != nil {
		p.T.Fatal(err)
	}
	return c
}

// Speech is a second and a half of somebody who speaks.
func Speech(t testing.TB) (pcm []int16, rate int) {
	pcm, rate, err := wav.Decode(strings.NewReader(speech.CallerWAV))
	if err != nil {
		t.Fatal(err)
	}
	return pcm[:rate*3/2], rate
}
