package media

import (
	"testing"
	"time"
)

func TestParseFormat(t *testing.T) {
	for s, want := range map[string]Format{
		"ulaw/8000": {ULaw, 8000}, "alaw/8000": {ALaw, 8000},
		"l16/8000": {L16, 8000}, "l16/16000": {L16, 16000}, "l16/24000": {L16, 24000}, "l16/48000": {L16, 48000},
	} {
		got, err := ParseFormat(s)
		if err != nil || got != want {
			t.Errorf("ParseFormat(%q) is %v, %v", s, got, err)
		}
		if got.String() != s {
			t.Errorf("%q is written as %q", s, got)
		}
	}
	for _, s := range []string{"", "ulaw", "ulaw/", "/8000", "ulaw/16000", "l16/44100", "opus/48000", "L16/8000", "ulaw/8000/1",
		"ulaw/+8000", "ulaw/08000", "ulaw/8e3", " ulaw/8000", "ulaw/-8000"} {
		if f, err := ParseFormat(s); err == nil || f != (Format{}) {
			t.Errorf("ParseFormat(%q) is %v, %v", s, f, err)
		}
	}
}

func TestSizes(t *testing.T) {
	for f, want := range map[Format]struct{ sample, frame int }{
		{ULaw, 8000}: {1, 160}, {ALaw, 8000}: {1, 160},
		{L16, 8000}: {2, 320}, {L16, 16000}: {2, 640}, {L16, 24000}: {2, 960}, {L16, 48000}: {2, 1920},
	} {
		if f.SampleBytes() != want.sample || f.FrameBytes() != want.frame {
			t.Errorf("%s: sample %d, frame %d", f, f.SampleBytes(), f.FrameBytes())
		}
		if d := f.Duration(f.FrameBytes()); d != Frame {
			t.Errorf("%s: a frame lasts %v", f, d)
		}
	}
}

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		f    Format
		n    int
		want time.Duration
	}{
		{Format{ULaw, 8000}, 0, 0},
		{Format{ULaw, 8000}, 1, 125 * time.Microsecond},
		{Format{ULaw, 8000}, 8000, time.Second},
		{Format{L16, 24000}, 48000, time.Second},
		{Format{L16, 16000}, 3, 62500}, // half a sample does not play
		{Format{L16, 48000}, 48000 * 2 * 4 * 3600, 4 * time.Hour},
		{Format{}, 100, 0},
	} {
		if got := c.f.Duration(c.n); got != c.want {
			t.Errorf("%d bytes of %s play %v, want %v", c.n, c.f, got, c.want)
		}
	}
}
