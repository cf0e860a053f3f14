package vonage

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// endless is how often a loop of 0 plays: longer than any call.
const endless = 1 << 20

// repeats is how often something is played.
type repeats struct {
	Loop *int `json:"loop"`
}

func (r *repeats) times() int {
	switch {
	case r.Loop == nil:
		return 1
	case *r.Loop == 0:
		return endless
	}
	return *r.Loop
}

func (r *repeats) play(ctx context.Context, s *session, pcm []int16) {
	for range r.times() {
		if s.Play(ctx, pcm) != nil {
			return
		}
	}
}

// talk speaks.
type talk struct {
	head
	repeats
	Text     string `json:"text"`
	Language string `json:"language"`
	Style    any    `json:"style"`
	Premium  bool   `json:"premium"`
	BargeIn  bool   `json:"bargeIn"`
	Level    any    `json:"level"`
}

func (t *talk) check() error {
	if t.Text == "" || len([]rune(t.Text)) > 1500 {
		return errors.New("text must be 1 to 1500 characters")
	}
	return nil
}

func (t *talk) run(ctx context.Context, s *session) *script {
	s.Note("says %s", t.Text)
	t.play(ctx, s, carriersim.Spoken(t.Text, s.Rate()))
	return nil
}

// stream plays a file.
type stream struct {
	head
	repeats
	StreamURL []string `json:"streamUrl"`
	BargeIn   bool     `json:"bargeIn"`
	Level     any      `json:"level"`
}

func (t *stream) check() error {
	if len(t.StreamURL) != 1 || !isWebURL(t.StreamURL[0]) {
		return errors.New("streamUrl must be an array of one URL")
	}
	return nil
}

func (t *stream) run(ctx context.Context, s *session) *script {
	s.Note("plays %s", t.StreamURL[0])
	pcm, err := s.c.File(ctx, t.StreamURL[0], s.Rate())
	if err != nil {
		s.Note("plays a tone instead: %v", err)
	}
	t.play(ctx, s, pcm)
	return nil
}

// wait waits.
type wait struct {
	head
	Timeout *float64 `json:"timeout"` // seconds
}

func (w *wait) check() error {
	if w.Timeout != nil && (*w.Timeout < 0.1 || *w.Timeout > 7200) {
		return errors.New("timeout must be 0.1 to 7200")
	}
	return nil
}

func (w *wait) run(ctx context.Context, s *session) *script {
	timeout := 10.0
	if w.Timeout != nil {
		timeout = *w.Timeout
	}
	s.Start()
	carriersim.Sleep(ctx, time.Duration(timeout*float64(time.Second)))
	return nil
}

// notify sends the gateway a message, whose answer may replace the flow.
type notify struct {
	head
	asks
	Payload json.RawMessage `json:"payload"`
}

func (n *notify) check() error {
	if len(n.Payload) == 0 || len(n.EventURL) == 0 {
		return errors.New("payload and eventUrl are required")
	}
	return n.asks.check()
}

func (n *notify) run(ctx context.Context, s *session) *script {
	f := s.facts()
	return s.consultAt(ctx, s.events().to(n.EventURL, n.EventMethod), carriersim.KindAction, "notify", map[string]any{
		"payload": n.Payload, "conversation_uuid": f.conversation, "timestamp": now(),
	})
}

// input collects keys, and asks the gateway what to do with them.
type input struct {
	head
	asks
	Type   []string        `json:"type"`
	Mode   string          `json:"mode"`
	Speech json.RawMessage `json:"speech"`
	DTMF   struct {
		Timeout *int  `json:"timeOut"` // seconds
		Max     *int  `json:"maxDigits"`
		Hash    *bool `json:"submitOnHash"`
	} `json:"dtmf"`
}

func (n *input) check() error {
	switch {
	case !slices.Contains(n.Type, "dtmf") && !slices.Contains(n.Type, "speech"):
		return errors.New("type must name dtmf or speech")
	case n.DTMF.Timeout != nil && (*n.DTMF.Timeout < 0 || *n.DTMF.Timeout > 10):
		return errors.New("timeOut must be at most 10")
	case n.DTMF.Max != nil && (*n.DTMF.Max < 1 || *n.DTMF.Max > 20):
		return errors.New("maxDigits must be 1 to 20")
	}
	return n.asks.check()
}

func (n *input) run(ctx context.Context, s *session) *script {
	if n.Mode == "asynchronous" || slices.Contains(n.Type, "speech") {
		s.Warn("speech and asynchronous input are not simulated")
	}
	pressed, timedOut := n.collect(ctx, s)
	if ctx.Err() != nil {
		return nil
	}
	f := s.facts()
	doc := f.event("", map[string]any{
		"dtmf":   map[string]any{"digits": pressed, "timed_out": timedOut},
		"speech": map[string]any{"results": []any{}},
	})
	delete(doc, "status")
	delete(doc, "direction")
	return s.consultAt(ctx, s.events().to(n.EventURL, n.EventMethod), carriersim.KindAction, "input", doc)
}

// collect waits for keys: as many as are wanted, a hash where that submits, or
// a pause.
func (n *input) collect(ctx context.Context, s *session) (pressed string, timedOut bool) {
	pause, most := 3, 4
	if n.DTMF.Timeout != nil {
		pause = *n.DTMF.Timeout
	}
	if n.DTMF.Max != nil {
		most = *n.DTMF.Max
	}
	keys := make(chan string, 64)
	s.OnKey(func(digit string) {
		select {
		case keys <- digit:
		default:
		}
	})
	defer s.OnKey(nil)
	s.Start()
	timer := time.NewTimer(time.Duration(pause) * time.Second)
	defer timer.Stop()
	for {
		select {
		case digit := <-keys:
			if digit == "#" && n.DTMF.Hash != nil && *n.DTMF.Hash {
				return pressed, false
			}
			if pressed += digit; len(pressed) >= most {
				return pressed, false
			}
			timer.Reset(time.Duration(pause) * time.Second)
		case <-timer.C:
			return pressed, true
		case <-ctx.Done():
			return pressed, false
		}
	}
}
