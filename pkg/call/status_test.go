package call

import "testing"

// order lists the states a call can pass, side by side where none follows the other.
var order = [][]Status{
	{Requested, Received},
	{Dialing},
	{Queued, Initiated},
	{Ringing},
	{Answered},
	{Completed, Busy, NoAnswer, Canceled, Failed, Uncertain},
}

func TestStatusOnlyMovesForward(t *testing.T) {
	for i, froms := range order {
		for _, from := range froms {
			for j, tos := range order {
				for _, to := range tos {
					if got := from.Advances(to); got != (j > i) {
						t.Errorf("%s to %s: %t", from, to, got)
					}
				}
			}
			if !Status("").Advances(from) {
				t.Errorf("a new call does not become %s", from)
			}
			if from.Advances("") || from.Advances("sung") {
				t.Errorf("%s moves to what is no status", from)
			}
		}
	}
}

func TestTerminal(t *testing.T) {
	for i, states := range order {
		for _, s := range states {
			if got := s.Terminal(); got != (i == len(order)-1) {
				t.Errorf("%s is terminal: %t", s, got)
			}
			if !s.Known() {
				t.Errorf("%s is not known", s)
			}
		}
	}
	for _, s := range []Status{"", "sung", "Completed"} {
		if s.Known() || s.Terminal() {
			t.Errorf("%q is known or terminal", s)
		}
	}
}
