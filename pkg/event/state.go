package event

import (
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// State is what the facts of one call add up to.
type State struct {
	Org, Call       string
	Trunk, Provider string
	Leg             string // the carrier's id of the leg, "" until it is known
	Ref             string // the newest CarrierRef
	Direction       call.Direction
	Application     string
	From, To        string
	Variables       map[string]string
	Status          call.Status
	StartedAt       time.Time // requested or received
	DialingAt       time.Time // of the newest attempt
	Attempt         int       // the newest attempt to dial, 0 for none
	AnsweredAt      time.Time
	RingSeconds     int
	End             *CallEnded // nil while the call lives
	EndedAt         time.Time
	Bound           *AgentBound
	BoundAt         time.Time
	UpdatedAt       time.Time // of the newest fact
}

// Fold adds up facts, in any order.
func Fold(facts ...*Event) State {
	var s State
	for _, e := range facts {
		s.Add(e)
	}
	return s
}

// Add takes one more fact into account. Status only moves forward.
func (s *State) Add(e *Event) {
	s.identify(e)
	switch f := e.Data.(type) {
	case CallRequested:
		s.Direction, s.Application, s.From, s.To, s.Variables = call.Outbound, f.Application, f.From, f.To, f.Variables
		s.RingSeconds, s.StartedAt = f.RingSeconds, e.Time
		s.advance(call.Requested)
	case CallReceived:
		s.Direction, s.Application, s.From, s.To, s.Variables = call.Inbound, f.Application, f.From, f.To, f.Variables
		s.StartedAt = e.Time
		s.setRef(f.CarrierRef)
		s.advance(call.Received)
	case CallDialing:
		if f.Attempt > s.Attempt {
			s.Attempt, s.DialingAt = f.Attempt, e.Time
		}
		s.advance(call.Dialing)
	case CallInitiated:
		s.setRef(f.CarrierRef)
		s.advance(call.Initiated)
	case CallRinging:
		s.advance(call.Ringing)
	case CallAnswered:
		s.AnsweredAt = e.Time
		s.setRef(f.CarrierRef)
		s.advance(call.Answered)
	case CallEnded:
		s.End, s.EndedAt = &f, e.Time
		s.advance(f.Status)
	case AgentBound:
		s.Bound, s.BoundAt = &f, e.Time
	}
}

func (s *State) identify(e *Event) {
	s.Org, s.Call = e.Org, e.Call
	if e.Trunk != "" {
		s.Trunk, s.Provider = e.Trunk, e.Provider
	}
	if _, own := e.Data.(CarrierReported); e.Leg != "" && s.Leg == "" && !own {
		s.Leg = e.Leg
	}
	if e.Time.After(s.UpdatedAt) {
		s.UpdatedAt = e.Time
	}
}

func (s *State) setRef(ref string) {
	if ref != "" {
		s.Ref = ref
	}
}

func (s *State) advance(next call.Status) {
	if s.Status.Advances(next) {
		s.Status = next
	}
}
