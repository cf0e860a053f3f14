package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/event"
)

// detail is what is worth reading in a fact, in a few words.
func detail(e *event.Event) string {
	switch f := e.Data.(type) {
	case event.CallReceived:
		return f.From + " to " + f.To
	case event.CallRequested:
		return f.From + " to " + f.To
	case event.CallDialing:
		return fmt.Sprintf("attempt %d", f.Attempt)
	case event.CallInitiated:
		return e.Leg
	case event.AgentBound:
		return f.Agent
	case event.StreamStarted:
		if f.InFormat == f.OutFormat {
			return f.InFormat + " both ways"
		}
		return f.InFormat + " in, " + f.OutFormat + " out"
	case event.CarrierReported:
		return words(f.Kind, "", f.Status)
	case event.StreamStopped:
		return words(f.Reason, "in", seconds(f.InMS), "out", seconds(f.OutMS))
	case event.StreamReported:
		return words(f.Status, "", f.Detail)
	case event.CallEnded:
		text := words(string(f.Status), "", string(f.Cause), "", f.Detail)
		if f.Seconds != nil {
			text += fmt.Sprintf(", %d s", *f.Seconds)
		}
		return text
	case event.CallPriced:
		return f.Cost.Amount + " " + f.Cost.Currency
	case event.CommandFailed:
		return f.Code + ": " + f.Message
	}
	return ""
}

// words joins a text with named values, without those that are empty.
func words(text string, pairs ...string) string {
	var parts []string
	if text != "" {
		parts = append(parts, text)
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			parts = append(parts, strings.TrimSpace(pairs[i]+" "+pairs[i+1]))
		}
	}
	return strings.Join(parts, ", ")
}

func seconds(ms int64) string {
	return fmt.Sprintf("%.1f s", (time.Duration(ms) * time.Millisecond).Seconds())
}
