package ledger

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Kinds of carrier.reported that callctl writes.
const (
	kindDial = "dial"     // a carrier's word that an attempt rang nobody
	kindLate = "late_leg" // a leg that showed up after the end was seen to
)

// Call is what the log tells about one call, as far as callctl needs it.
type Call struct {
	event.State
	Requested event.CallRequested
	Refused   int  // the newest attempt of which it is proved that it rang nobody
	Priced    bool // a carrier told what it costs
	HungUp    bool // its late leg was seen to
	endKnew   bool // whoever recorded the end knew the leg
}

// Add takes one more fact into account.
func (c *Call) Add(e *event.Event) {
	c.State.Add(e)
	switch f := e.Data.(type) {
	case event.CallRequested:
		c.Requested = f
	case event.CallPriced:
		c.Priced = true
	case event.CallEnded:
		c.endKnew = e.Leg != ""
	case event.CarrierReported:
		switch f.Kind {
		case kindDial:
			if n, err := strconv.Atoi(strings.TrimPrefix(f.ID, "dial-")); err == nil {
				c.Refused = max(c.Refused, n)
			}
		case kindLate:
			c.HungUp = true
		}
	}
}

// InDoubt reports whether an attempt to dial began of which nobody knows yet
// what became of it.
func (c *Call) InDoubt() bool { return c.Status == call.Dialing && c.Refused < c.Attempt }

// Waiting reports whether the call is to be dialled and no attempt is open.
func (c *Call) Waiting() bool {
	return c.Status == call.Requested || c.Status == call.Dialing && !c.InDoubt()
}

// Begun reports whether the carrier has the call, or had it.
func (c *Call) Begun() bool { return c.Status != "" && !c.Status.Advances(call.Initiated) }

// Located reports whether the carrier can be told which leg is meant.
func (c *Call) Located() bool { return c.Leg != "" || c.Ref != "" }

// Late reports whether the call was ended by somebody who did not know its
// leg, and that leg is known now: it may ring for nobody.
func (c *Call) Late() bool { return c.End != nil && c.Located() && !c.endKnew && !c.HungUp }

// Refusal is the fact that a carrier refused attempt n without ringing anybody.
// It is what opens the next attempt.
func Refusal(n int, err error) event.CarrierReported {
	return event.CarrierReported{ID: refusalID(n), Kind: kindDial, Status: string(provider.KindOf(err)),
		Detail: map[string]string{"error": err.Error()}}
}

func refusalID(n int) string { return fmt.Sprintf("dial-%d", n) }

// LateLeg is the fact that a late leg was ordered to hang up, or that it turned
// out to be another call's.
func LateLeg(mine bool) event.CarrierReported {
	f := event.CarrierReported{ID: "late-leg", Kind: kindLate, Status: "hung_up"}
	if !mine {
		f.Status = "of_another_call"
	}
	return f
}
