package carriersim

import (
	"fmt"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
)

// soundLevel in dBFS is the level from which a frame counts as sound for
// WaitHeard: above comfort noise, below a whisper.
const soundLevel = -45

// step is an act in progress. It is called once a frame, fills said, which is
// silent before, and is told whether sound was heard in the frame before.
type step func(said []int16, sound bool, on phone) (done bool)

// phone is what a person can do but speak.
type phone interface {
	press(digit string)
	putDown()
}

// actor performs the acts of a person, frame by frame.
type actor struct{ steps []step }

func newActor(acts []Act, rate int) (*actor, error) {
	a := &actor{}
	for i, act := range acts {
		s, err := act.begin(rate)
		if err != nil {
			return nil, fmt.Errorf("act %d: %w", i+1, err)
		}
		a.steps = append(a.steps, s)
	}
	return a, nil
}

func (a *actor) frame(said []int16, sound bool, on phone) {
	if len(a.steps) > 0 && a.steps[0](said, sound, on) {
		a.steps = a.steps[1:]
	}
}

func (s Speak) begin(rate int) (step, error) {
	pcm := s.PCM
	if s.Rate != 0 && s.Rate != rate {
		var err error
		if pcm, err = resample.All(pcm, s.Rate, rate); err != nil {
			return nil, fmt.Errorf("speak: %w", err)
		}
	}
	return func(said []int16, _ bool, _ phone) bool {
		pcm = pcm[copy(said, pcm):]
		return len(pcm) == 0
	}, nil
}

func (w Wait) begin(int) (step, error) {
	left := frames(w.For)
	return func([]int16, bool, phone) bool {
		left--
		return left <= 0
	}, nil
}

func (w WaitHeard) begin(int) (step, error) {
	sound, quiet := frames(w.Sound), frames(w.Quiet)
	heard, silent := 0, 0
	return func(_ []int16, isSound bool, _ phone) bool {
		if isSound {
			heard, silent = heard+1, 0
		} else {
			silent++
		}
		return heard >= sound && silent >= quiet
	}, nil
}

func (p Press) begin(int) (step, error) {
	for _, d := range p.Digits {
		if !strings.ContainsRune("0123456789*#ABCDw", d) {
			return nil, fmt.Errorf("press: no key %q", d)
		}
	}
	const key, pause = 200 * time.Millisecond, 500 * time.Millisecond
	digits, left := p.Digits, 0
	return func(_ []int16, _ bool, on phone) bool {
		if left--; left > 0 {
			return false
		}
		if digits == "" {
			return true
		}
		if digits[0] == 'w' {
			left = frames(pause)
		} else {
			left = frames(key)
			on.press(digits[:1])
		}
		digits = digits[1:]
		return false
	}, nil
}

func (Hangup) begin(int) (step, error) {
	return func(_ []int16, _ bool, on phone) bool {
		on.putDown()
		return true
	}, nil
}

// frames rounds a duration up to whole frames.
func frames(d time.Duration) int {
	return int((d + audio.FrameDuration - 1) / audio.FrameDuration)
}
