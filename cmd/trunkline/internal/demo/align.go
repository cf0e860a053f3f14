package demo

import (
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/compare"
)

const (
	// aligned is the similarity from which all of a piece was heard at one delay.
	aligned = 0.97
	// shortest is the length below which a piece is not divided any more.
	shortest = 250 * time.Millisecond
	// farthest is the delay up to which a piece is looked for.
	farthest = 3 * time.Second
)

// piece is a stretch of what was said, and how it was heard.
type piece struct {
	frames     int // with sound
	similarity float64
	delay      time.Duration
}

// align looks for said in heard, which have one beginning. Where a part of it
// is heard with another delay than the rest, because a frame came too late, it
// is divided: such a slip costs a moment, not all that follows. Parts without
// sound give no piece.
func align(said, heard clip) []piece {
	frames := said.frames()
	if frames == 0 {
		return nil
	}
	reach := min(len(said.pcm)+audio.Samples(farthest, said.rate), len(heard.pcm))
	similarity, delay := compare.Find(said.pcm, heard.pcm[:reach], said.rate)
	whole := []piece{{frames, similarity, delay}}
	middle := len(said.pcm) / 2
	if similarity >= aligned || audio.Duration(len(said.pcm), said.rate) < 2*shortest {
		return whole
	}
	parts := append(align(said.part(0, middle), heard), align(said.part(middle, len(said.pcm)), heard.part(middle, len(heard.pcm)))...)
	if total(parts) > similarity {
		return parts
	}
	return whole
}

// total is the mean similarity of pieces, each as long as it has sound.
func total(pieces []piece) float64 {
	var sum float64
	frames := 0
	for _, p := range pieces {
		sum += p.similarity * float64(p.frames)
		frames += p.frames
	}
	return sum / float64(max(frames, 1))
}

// usual is the delay that most of what was said has.
func usual(pieces []piece) time.Duration {
	var best time.Duration
	frames := map[time.Duration]int{}
	for _, p := range pieces {
		if frames[p.delay] += p.frames; frames[p.delay] > frames[best] {
			best = p.delay
		}
	}
	return best
}

// slips counts how often the delay changes between pieces that were heard whole.
func slips(pieces []piece) (n int) {
	var before *piece
	for i := range pieces {
		p := &pieces[i]
		if p.similarity < aligned {
			continue
		}
		if before != nil && (p.delay-before.delay).Abs() > time.Millisecond {
			n++
		}
		before = p
	}
	return n
}
