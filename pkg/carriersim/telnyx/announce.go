package telnyx

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// announcement is what Telnyx itself plays on a leg. Announcements wait for each
// other, and stop together.
type announcement struct {
	ctx  context.Context
	stop context.CancelFunc
	over chan struct{}
}

func (s *session) cmdSpeak(body []byte) error {
	var q struct {
		common
		Payload      string `json:"payload"`
		PayloadType  string `json:"payload_type"`
		ServiceLevel string `json:"service_level"`
		Voice        string `json:"voice"`
		Language     string `json:"language"`
		Settings     any    `json:"voice_settings"`
		Stop         string `json:"stop"`
	}
	if err := s.parse(body, &q); err != nil {
		return err
	}
	switch n := len([]rune(q.Payload)); {
	case n < 1 || n > 5000:
		return invalid(codePayload, "payload", "payload must be 1 to 5000 characters")
	case q.Voice == "":
		return invalid(codeBadRequest, "voice", "is required")
	}
	s.announce("call.speak", nil, func(context.Context) []int16 {
		s.Note("says %s", q.Payload)
		return carriersim.Spoken(q.Payload, s.Rate())
	})
	return nil
}

func (s *session) cmdPlay(body []byte) error {
	var q struct {
		common
		AudioURL   string          `json:"audio_url"`
		MediaName  string          `json:"media_name"`
		Loop       json.RawMessage `json:"loop"`
		Overlay    bool            `json:"overlay"`
		Stop       string          `json:"stop"`
		TargetLegs string          `json:"target_legs"`
		AudioType  string          `json:"audio_type"`
	}
	if err := s.parse(body, &q); err != nil {
		return err
	}
	if (q.AudioURL == "") == (q.MediaName == "") || q.AudioURL != "" && !isWebURL(q.AudioURL) {
		return invalid(codeBadRequest, "audio_url", "either audio_url or media_name")
	}
	times := 1
	if len(q.Loop) > 0 && string(q.Loop) != "null" {
		var err error
		if times, err = strconv.Atoi(string(q.Loop)); err != nil {
			times = 1 << 10 // "infinity"
		}
	}
	s.announce("call.playback", map[string]any{"media_url": q.AudioURL, "media_name": q.MediaName}, func(ctx context.Context) []int16 {
		s.Note("plays %s", q.AudioURL+q.MediaName)
		pcm, err := s.c.File(ctx, q.AudioURL, s.Rate())
		if err != nil {
			s.Note("plays a tone instead: %v", err)
		}
		var all []int16
		for range times {
			all = append(all, pcm...)
		}
		return all
	})
	return nil
}

func (s *session) cmdStopPlay(body []byte) error {
	var q struct {
		common
		Overlay bool   `json:"overlay"`
		Stop    string `json:"stop"`
	}
	if err := s.parse(body, &q); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sound != nil {
		s.sound.stop()
	}
	return nil
}

// announce plays sound when all before it was played.
func (s *session) announce(event string, fields map[string]any, load func(ctx context.Context) []int16) {
	s.mu.Lock()
	before := s.sound
	a := &announcement{over: make(chan struct{})}
	if before != nil && before.ctx.Err() == nil {
		a.ctx, a.stop = before.ctx, before.stop
	} else {
		a.ctx, a.stop = context.WithCancel(s.Context())
	}
	s.sound = a
	s.mu.Unlock()
	s.c.Go(func(context.Context) {
		defer close(a.over)
		if before != nil {
			select {
			case <-before.over:
			case <-a.ctx.Done():
			}
		}
		if a.ctx.Err() == nil {
			s.play(a.ctx, event, fields, load(a.ctx))
		}
	})
}

func (s *session) play(ctx context.Context, event string, fields map[string]any, pcm []int16) {
	s.tell(carriersim.KindOther, event+".started", with(s.parties(), fields))
	played := make(chan struct{})
	sound := carriersim.NewPlayout(s.Rate(), audio.Duration(len(pcm), s.Rate())+audio.FrameDuration, func(string, bool) { close(played) })
	sound.Write(pcm)
	sound.Mark("end")
	stop := s.mixer.hear(sound)
	status := "completed"
	select {
	case <-played:
	case <-ctx.Done():
		status = "cancelled"
	}
	stop()
	s.tell(carriersim.KindOther, event+".ended", with(with(s.parties(), fields), map[string]any{"status": status}))
}
