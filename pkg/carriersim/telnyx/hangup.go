package telnyx

import (
	"context"
	"fmt"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// cause is why a leg ended, as its last webhook says. sip is text.
type cause struct{ cause, source, sip string }

// outcomeCause is the end of a leg that nobody answered.
func outcomeCause(o carriersim.Outcome, noAnswer string) *cause {
	switch o {
	case carriersim.Busy:
		return &cause{"user_busy", "callee", "486"}
	case carriersim.Rejects:
		return &cause{"call_rejected", "callee", "603"}
	case carriersim.Unreachable:
		return &cause{"not_found", "unknown", "404"}
	}
	return &cause{noAnswer, "unknown", "487"}
}

// refuse says why the leg will have ended without an answer. The first counts.
func (s *session) refuse(why *cause) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal == nil {
		s.refusal = why
	}
}

// why finds the cause of the leg's end.
func (s *session) why() cause {
	s.mu.Lock()
	refusal := s.refusal
	s.mu.Unlock()
	by := s.HungUpBy()
	person, gateway := "caller", "callee"
	if s.Direction() == call.Outbound {
		person, gateway = gateway, person
	}
	switch {
	case refusal != nil:
		return *refusal
	case by == hungUpByLimit:
		return cause{"time_limit", "unknown", "unspecified"}
	case s.Answered() && by == hungUpByPerson:
		return cause{"normal_clearing", person, "200"}
	case s.Answered():
		return cause{"normal_clearing", gateway, "200"}
	case by == hungUpByPerson || s.Direction() == call.Outbound && by == hungUpByAPI:
		return cause{"originator_cancel", "caller", "487"}
	case by == hungUpByAPI: // the cause of a parked leg that is hung up is not documented
		return cause{"call_rejected", "callee", "603"}
	}
	return cause{"timeout", "unknown", "487"}
}

// finish is the last that happens to a leg. It does not say how long it lasted.
func (s *session) finish() {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return
	}
	s.over = true
	s.mu.Unlock()
	why := s.why()
	s.End(why.cause)
	s.streams.Wait()
	s.c.part(s)
	s.tell(carriersim.KindStatus, "call.hangup", with(s.parties(), map[string]any{
		"state": stateHangup, "start_time": stamp(s.created), "hangup_cause": why.cause, "hangup_source": why.source,
		"sip_hangup_cause": why.sip, "custom_headers": []any{}, "sip_headers": []any{}, "tags": []any{}, "call_quality_stats": nil,
	}))
	if s.Answered() && s.c.application(s.order.connection).CostInHooks {
		s.c.Go(func(ctx context.Context) {
			if carriersim.Sleep(ctx, s.c.opt.CostAfter) == nil {
				s.tell(carriersim.KindCost, "call.cost", s.cost())
			}
		})
	}
	s.Finish()
}

// Prices of a minute, in USD / 100,000.
const (
	controlRate  = 200
	trunkingRate = 425
)

// billed is the answered time in seconds, minutes that began counted whole.
func (s *session) billed() int {
	return int((s.Duration()+time.Minute-1)/time.Minute) * 60
}

func usd(n int) string { return fmt.Sprintf("%d.%05d", n/100_000, n%100_000) }

func (s *session) cost() map[string]any {
	billed := s.billed()
	part := func(name string, rate int) map[string]any {
		return map[string]any{
			"call_part": name, "cost": usd(rate * billed / 60), "currency": "USD", "rate": usd(rate), "billed_duration_secs": billed,
		}
	}
	return with(s.ids(), map[string]any{
		"occurred_at": stamp(time.Now()), "status": "success", "billing_group_id": nil,
		"total_cost": usd((controlRate + trunkingRate) * billed / 60), "billed_duration_secs": billed,
		"cost_parts": []any{part("call-control", controlRate), part("sip-trunking", trunkingRate)},
	})
}
