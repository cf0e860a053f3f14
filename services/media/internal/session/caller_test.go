package session

import (
	"bytes"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/media"
)

func TestVoiceReachesTheAgentInItsFormat(t *testing.T) {
	spoken := tone.Sine(800, 8000, time.Second, -12)
	ulaw, alaw, wide := make([]byte, len(spoken)), make([]byte, len(spoken)), make([]byte, 2*len(spoken))
	g711.EncodeULaw(ulaw, spoken)
	g711.EncodeALaw(alaw, spoken)
	audio.EncodeLE(wide, spoken)
	alaw8 := media.Format{Encoding: media.ALaw, Rate: 8000}
	for _, c := range []struct {
		from, to media.Format
		data     []byte
	}{
		{ulaw8, l16, ulaw},
		{alaw8, l16, alaw},
		{ulaw8, alaw8, ulaw},
		{l16k8, ulaw8, wide},
		{ulaw8, media.Format{Encoding: media.L16, Rate: 24000}, ulaw},
		{ulaw8, media.Format{Encoding: media.L16, Rate: 48000}, ulaw},
	} {
		t.Run(c.from.String()+" to "+c.to.String(), func(t *testing.T) {
			var got []byte
			p, err := newCallerPump(c.from, c.to, func(data []byte) { got = append(got, data...) })
			if err != nil {
				t.Fatal(err)
			}
			for rest, n := c.data, 1; len(rest) > 0; n++ { // pieces of many sizes
				size := min(n*2*c.from.SampleBytes(), len(rest))
				p.take(time.Now(), rest[:size])
				rest = rest[size:]
			}
			pcm := linear(c.to.Encoding, nil, got)
			if n := len(pcm); n != c.to.Rate {
				t.Errorf("%d samples, want the %d of a second", n, c.to.Rate)
			}
			if level := audio.Level(pcm); level < -12.3 || level > -11.7 {
				t.Errorf("level %.2f dBFS, want -12", level)
			}
			if heard := time.Duration(p.heard.Load()); heard != time.Second {
				t.Errorf("counted %s, want 1s", heard)
			}
		})
	}
}

func TestEqualFormatsPassUntouched(t *testing.T) {
	want := pattern(1000)
	var got []byte
	p, err := newCallerPump(ulaw8, ulaw8, func(data []byte) { got = append(got, data...) })
	if err != nil {
		t.Fatal(err)
	}
	p.take(time.Now(), want)
	if !bytes.Equal(got, want) {
		t.Error("the samples are changed on their way")
	}
}

// TestPausesKeepTheirLength: of a carrier that sends nothing in a pause, the
// agent hears silence meanwhile, and no more than that.
func TestPausesKeepTheirLength(t *testing.T) {
	var got []byte
	p, err := newCallerPump(ulaw8, ulaw8, func(data []byte) { got = append(got, data...) })
	if err != nil {
		t.Fatal(err)
	}
	frame := bytes.Repeat([]byte{1}, 160)
	now := time.Now()
	pass := func(frames int, speaks bool) {
		for range frames {
			if speaks {
				p.take(now, frame)
			}
			p.fill(now)
			now = now.Add(media.Frame)
		}
	}
	pass(10, true)
	pass(4, false) // the network is late by less than a pause
	for range 4 {
		p.take(now, frame)
	}
	pass(10, true)
	if n := bytes.Count(got, []byte{1}); n != len(got) || n != 24*160 {
		t.Fatalf("%d bytes of speech in %d, want 24 frames and no silence", n, len(got))
	}
	pass(50, false)
	if got := len(got) / 160; got < 73 || got > 74 {
		t.Errorf("%d frames during a pause, want the 74 of the time that went by", got)
	}
	pass(10, true)
	if n, pause := len(got)/160, bytes.Count(got, []byte{g711.ULawSilence})/160; n != 84 || pause != 50 {
		t.Errorf("%d frames with %d of silence, want 84 with 50", n, pause)
	}
	got = nil
	for range 50 { // a tenth is lost, and is no pause
		pass(9, true)
		pass(1, false)
	}
	if n := bytes.Count(got, []byte{1}); n != len(got) || n != 450*160 {
		t.Errorf("%d bytes of speech in %d, want 450 frames and no silence in their midst", n, len(got))
	}
	got = nil
	pass(50, false)
	if late := int(pauseAfter / media.Frame); len(got)/160 > 50+late {
		t.Errorf("%d frames during a pause, want 50 and %d of what was lost", len(got)/160, late)
	}
}
