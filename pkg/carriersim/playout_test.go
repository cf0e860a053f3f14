package carriersim

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// listen collects what a playout plays, frame by frame.
func listen(p *Playout, frames int) (heard []int16) {
	for range frames {
		pcm := make([]int16, 160)
		p.Next(pcm)
		heard = append(heard, pcm...)
	}
	return heard
}

func TestPlayoutOrder(t *testing.T) {
	p := NewPlayout(8000, time.Minute, nil)
	var want []int16
	for i := range 5 {
		piece := slices.Repeat([]int16{int16(i + 1)}, 100+i) // of any length
		p.Write(piece)
		want = append(want, piece...)
	}
	got := listen(p, 5)
	if diff := cmp.Diff(append(want, make([]int16, 800-len(want))...), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p.Waiting() != 0 {
		t.Errorf("%d samples left", p.Waiting())
	}
}

func TestPlayoutMarks(t *testing.T) {
	var marks []string
	p := NewPlayout(8000, time.Minute, func(name string, cleared bool) {
		if cleared {
			name += " cleared"
		}
		marks = append(marks, name)
	})
	p.Mark("start")
	p.Write(make([]int16, 320))
	p.Mark("middle")
	p.Write(make([]int16, 100))
	p.Mark("end")
	p.Write(make([]int16, 800))
	p.Mark("never")
	p.Mark("never too")
	check := func(when string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, marks); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	check("before anything was played")
	listen(p, 1)
	check("at the first frame", "start")
	listen(p, 1)
	check("while the second frame plays", "start")
	listen(p, 1)
	check("after the second frame", "start", "middle")
	listen(p, 1)
	check("after the third frame", "start", "middle", "end")
	if dropped := p.Clear(); dropped != 320+100+800-4*160 {
		t.Errorf("dropped %d", dropped)
	}
	check("after clear", "start", "middle", "end", "never cleared", "never too cleared")
	p.Write([]int16{5})
	p.Mark("next")
	if heard := listen(p, 2); heard[0] != 5 {
		t.Error("the buffer does not play after a clear")
	}
	check("later", "start", "middle", "end", "never cleared", "never too cleared", "next")
}

func TestPlayoutLimit(t *testing.T) {
	p := NewPlayout(8000, 100*time.Millisecond, nil)
	if dropped := p.Write(make([]int16, 700)); dropped != 0 {
		t.Errorf("dropped %d of 700", dropped)
	}
	if dropped := p.Write(make([]int16, 300)); dropped != 200 {
		t.Errorf("dropped %d, want 200", dropped)
	}
	listen(p, 1)
	if dropped := p.Write(make([]int16, 160)); dropped != 0 {
		t.Errorf("dropped %d after a frame was played", dropped)
	}
}

func TestRoom(t *testing.T) {
	room := &Room{}
	a, b, c := room.Join(), room.Join(), room.Join()
	say := func(m *Member, v int16) { m.Said(slices.Repeat([]int16{v}, 160)) }
	hear := func(m *Member) int16 {
		frame := make([]int16, 160)
		m.Next(frame)
		return frame[159]
	}
	say(a, 1)
	say(b, 20)
	say(c, 300)
	if got := []int16{hear(a), hear(b), hear(c)}; !slices.Equal(got, []int16{320, 301, 21}) {
		t.Errorf("heard %v", got)
	}
	c.Leave()
	if got := []int16{hear(a), hear(b)}; !slices.Equal(got, []int16{20, 1}) {
		t.Errorf("after one left: %v", got)
	}
	say(a, 30000)
	d := room.Join()
	say(d, 30000)
	if got := hear(b); got != 32767 {
		t.Errorf("two loud voices: %d", got)
	}
	room.Shut(true)
	if got := hear(b); got != 0 {
		t.Errorf("a shut room: %d", got)
	}
}
