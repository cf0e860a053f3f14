package plivoswitch

import (
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// Record is what is known of a call that is over.
type Record struct {
	ID, Parent string
	Direction  call.Direction
	From, To   string
	Placed     time.Time
	Answered   time.Time // zero if it was not
	Ended      time.Time
	Ring       int   // whole seconds before the answer or the end
	Talk       int   // and after the answer
	Duration   int   // what the carrier calls so
	Minutes    int   // billed
	Rate, Cost int64 // in millionths
	End        End
}

// Record returns the record of a call, once it can be read.
func (s *Switch) Record(id string) (Record, bool) {
	s.mu.Lock()
	c, ok := s.byID[id]
	s.mu.Unlock()
	if !ok || !c.recorded() {
		return Record{}, false
	}
	return c.record(), true
}

// Records returns all records that can be read, the newest first.
func (s *Switch) Records() []Record {
	var list []Record
	for _, c := range s.newestFirst() {
		if c.recorded() {
			list = append(list, c.record())
		}
	}
	return list
}

func (s *session) recorded() bool {
	ended := s.EndedAt()
	return !ended.IsZero() && time.Since(ended) >= s.c.m.RecordAfter
}

func (s *session) record() Record {
	r := Record{
		ID: s.ID(), Parent: s.Parent(), Direction: s.Direction(), From: s.From(), To: s.To(),
		Placed: s.created, Answered: s.AnsweredAt(), Ended: s.EndedAt(), Rate: s.rate(), End: s.endedAs(),
	}
	connected := r.Answered
	if connected.IsZero() {
		connected = r.Ended
	}
	r.Ring = wholeSeconds(connected.Sub(r.Placed))
	if s.Billed() {
		r.Talk = wholeSeconds(s.Duration())
		r.Minutes = (r.Talk + 59) / 60
		r.Cost = int64(r.Minutes) * r.Rate
	}
	r.Duration = r.Talk
	if s.c.m.RingCounts {
		r.Duration += r.Ring
	}
	return r
}

func (s *session) rate() int64 {
	if s.outbound() {
		return s.c.m.OutboundRate
	}
	return s.c.m.InboundRate
}

// wholeSeconds rounds up, as is billed.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
