package providertest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// ramp is a frame of 16-bit samples 1, 2, 3 ..., little-endian.
func ramp(n int) []byte {
	frame := make([]byte, 0, 2*n)
	for i := range n {
		frame = append(frame, byte(i+1), 0)
	}
	return frame
}

// wideSession is a stream of 16-bit samples that the carrier sends big-endian
// and out of order, with a repeated message.
func wideSession() *session {
	l16 := media.Format{Encoding: media.L16, Rate: 16000}
	s := &session{}
	s.take(media.Event{Kind: media.EventStarted, Start: &media.Start{
		In: l16, Out: media.Format{Encoding: media.ULaw, Rate: 8000}, Tracks: []string{"inbound", "outbound"},
		Detail: map[string]string{"call_session_id": "session-1"},
	}}, "")
	first, second := ramp(4), ramp(2)
	s.arrived = append(s.arrived,
		piece{track: inboundTrack, chunk: "2", data: swapped(second)}, piece{track: inboundTrack, chunk: "1", data: swapped(first)},
		piece{track: inboundTrack, chunk: "1", data: swapped(first)}, piece{track: "outbound", chunk: "1", data: ramp(1)})
	s.take(media.Event{Kind: media.EventAudio, Audio: first}, "")
	s.take(media.Event{Kind: media.EventAudio, Audio: second}, "")
	s.take(media.Event{Kind: media.EventDTMF, Digit: "5", DurationMS: 260}, "")
	s.take(media.Event{Kind: media.EventWarning, Reason: "carrier error 100005 rate_limit_reached"}, "")
	s.sent(media.Command{Kind: media.CommandAudio}, []media.Message{{Binary: true, Data: bytes.Repeat([]byte{0xFF}, 160)}})
	return s
}

// TestCompareSession holds for each key that the right value passes and a
// wrong one does not.
func TestCompareSession(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	for key, v := range map[string]struct{ right, wrong any }{
		"tracks":                {[]any{"inbound", "outbound"}, []any{"inbound"}},
		"byte_order":            {"little", "big"},
		"first_samples":         {[]any{1, 2}, []any{1, 3}},
		"chunks_in_play_order":  {[]any{1, 2}, []any{2, 1}},
		"inbound_chunks":        {[]any{"1", "2"}, []any{"1", "1", "2"}},
		"outbound_chunks":       {[]any{}, []any{"1"}},
		"duplicates_dropped":    {2, 0},
		"inbound_pcm_s16le_16k": {[]any{b64(ramp(4)), b64(ramp(2))}, []any{b64(ramp(2)), b64(ramp(4))}},
		"outbound_pcm_s16le_8k": {[]any{b64(make([]byte, 320))}, []any{b64(make([]byte, 318))}},
		"dtmf_duration_ms":      {260, 250},
		"warnings":              {1, 0},
		"error":                 {object{"code": 100005, "title": "rate_limit_reached"}, object{"code": 100003}},
		"encoding":              {"L16", "PCMU"},
		"outbound_encoding":     {"PCMU", "PCMA"},
		"session_id":            {"session-1", "session-2"},
		"session_continues":     {true, false},
		"started":               {true, false},
		"frames_out":            {1, 2},
		"bytes_per_frame":       {160, 320},
		"min_bytes_per_message": {160, 161},
		"max_bytes_per_message": {160, 159},
		"concatenated_base64":   {b64(bytes.Repeat([]byte{0xFF}, 160)), ""},
	} {
		t.Run(key, func(t *testing.T) {
			if o := compareKey(t, key, v.right); len(o.failures)+len(o.skipped) > 0 {
				t.Errorf("right value: failures %q, skipped %q", o.failures, o.skipped)
			}
			if o := compareKey(t, key, v.wrong); len(o.failures) == 0 {
				t.Errorf("wrong value %v: no failure", v.wrong)
			}
		})
	}
}

// compareKey compares one key of an expect with the wide session.
func compareKey(t *testing.T, key string, value any) outcome {
	t.Helper()
	if key == "byte_order" { // of a carrier whose samples are ours
		s := wideSession()
		s.arrived[0].data, s.arrived[0].used = ramp(4), true
		return compareOne(t, s, key, value)
	}
	return compareOne(t, wideSession(), key, value)
}

func compareOne(t *testing.T, s *session, key string, value any) outcome {
	t.Helper()
	var c Case
	if err := decodeJSON(encode(t, object{"expect": object{key: value}}), &c.fields); err != nil {
		t.Fatal(err)
	}
	return (&sheet{spec: &provider.Spec{Name: "toy"}}).compareSession(c, s)
}

// TestCompareSessionLeavesOver holds that what cannot be told is counted.
func TestCompareSessionLeavesOver(t *testing.T) {
	for key, value := range map[string]any{"accepted": true, "rtp_clock": 8000, "session_id": "s"} {
		o := compareOne(t, &session{}, key, value)
		if len(o.failures) > 0 || len(o.skipped) != 1 {
			t.Errorf("%s: failures %q, skipped %q", key, o.failures, o.skipped)
		}
	}
	if o := compareOne(t, &session{}, "encoding", "G722"); len(o.skipped) != 1 {
		t.Errorf("encoding: failures %q, skipped %q", o.failures, o.skipped)
	}
}

// TestSessionStarted holds that a stream of another leg is an error, and that
// nothing of an announcement is borrowed.
func TestSessionStarted(t *testing.T) {
	start := &media.Start{LegID: "leg-1", Params: map[string]string{"a": "b"}}
	s := &session{}
	s.take(media.Event{Kind: media.EventStarted, Start: start}, "leg-1")
	start.Params["a"] = "c"
	if s.err != nil || s.start.Params["a"] != "b" {
		t.Errorf("got %v, %v", s.err, s.start)
	}
	s.take(media.Event{Kind: media.EventStarted, Start: start}, "leg-2")
	if s.err == nil || !strings.Contains(s.err.Error(), "another leg") {
		t.Errorf("got %v", s.err)
	}
	s = &session{}
	s.take(media.Event{Kind: media.EventStarted}, "")
	if s.err == nil {
		t.Error("a start without an announcement is no error")
	}
	if o := compareOne(t, &session{err: errors.New("x")}, "session_continues", true); len(o.failures) != 2 {
		t.Errorf("failures %q, want that it gave up, too", o.failures)
	}
}
