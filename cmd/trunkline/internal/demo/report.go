package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/trunkline-io/trunkline/cmd/trunkline/internal/echo"
	"github.com/trunkline-io/trunkline/pkg/audio/wav"
	"github.com/trunkline-io/trunkline/pkg/call"
)

// Report is what a demonstration came to.
type Report struct {
	OK      bool    `json:"ok"` // every call did what it should
	Seconds float64 `json:"seconds"`
	Out     string  `json:"out"` // folder of the recordings
	// AgentHoldsMS is the part of every echo's delay that the agent adds.
	AgentHoldsMS int64    `json:"agent_holds_ms"`
	Calls        []Call   `json:"calls"`
	Problems     []string `json:"problems"` // that are no single call's
}

// Call is what one call came to. The Sound is the echo of what the person said.
type Call struct {
	Carrier   string         `json:"carrier"`
	Direction call.Direction `json:"direction"`
	OK        bool           `json:"ok"`
	Problems  []string       `json:"problems"` // what did not hold
	ID        string         `json:"call_id"`
	Leg       string         `json:"leg_id"` // the carrier's id of the call
	From      string         `json:"from"`
	To        string         `json:"to"`
	Format    string         `json:"format"` // of the carrier's media
	// AnsweredMS is how long after its begin the call was answered, as the
	// carrier saw it; null where it was not.
	AnsweredMS *int64 `json:"answered_ms"`
	Sound
	Greeting   Sound   `json:"greeting"`
	Events     []Entry `json:"events"`
	SaidWAV    string  `json:"said_wav"`  // the person's mouth
	HeardWAV   string  `json:"heard_wav"` // the person's ear, on the same time line
	CarrierLog []Note  `json:"carrier_log"`
}

// Note is an entry of the carrier's own timeline.
type Note struct {
	MS   int64  `json:"ms"` // since the call began
	What string `json:"what"`
}

func newReport(out string, took time.Duration, calls []Call, strays []string) *Report {
	r := &Report{Seconds: rounded(took.Seconds(), 1), Out: out, AgentHoldsMS: echo.HeldBack.Milliseconds(), Calls: calls, Problems: strays}
	if r.Problems == nil {
		r.Problems = []string{}
	}
	r.OK = r.good() == len(calls) && len(strays) == 0
	return r
}

// save writes the recordings of a call.
func (s *stage) save(c *Call, ev evidence) error {
	for _, r := range []struct {
		what string
		clip clip
		path *string
	}{{"said", ev.said, &c.SaidWAV}, {"heard", ev.heard, &c.HeardWAV}} {
		if r.clip.rate == 0 {
			continue
		}
		*r.path = filepath.Join(s.out, fmt.Sprintf("%s-%s-%s.wav", c.Carrier, c.Direction, r.what))
		if err := os.WriteFile(*r.path, wav.Encode(r.clip.pcm, r.clip.rate), 0o644); err != nil {
			return fmt.Errorf("recording: %w", err)
		}
	}
	return nil
}
