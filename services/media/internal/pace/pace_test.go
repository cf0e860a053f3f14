package pace

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/media"
)

// runClock runs a clock in a bubble of fake time and ends it with the test.
func runClock(t *testing.T) *Clock {
	t.Helper()
	c := NewClock()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return c
}

func TestClockWakesOncePerFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := runClock(t)
		time.Sleep(777 * time.Millisecond) // a clock that slept finds its beat again
		start := time.Now()
		var at []time.Duration
		leave := c.Join(func() { at = append(at, time.Since(start)) })
		time.Sleep(time.Hour - time.Millisecond)
		leave()
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(at); n != 3600*50 {
			t.Fatalf("woken %d times in an hour, want 180000", n)
		}
		if first := at[0]; first > media.Frame {
			t.Errorf("first woken after %s, want within a frame", first)
		}
		for i := 1; i < len(at); i++ {
			if gap := at[i] - at[i-1]; gap != media.Frame {
				t.Fatalf("wake %d came %s after the one before, want 20ms", i, gap)
			}
		}
	})
}

func TestClockMakesUpForLateness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := runClock(t)
		start := time.Now()
		var at []time.Duration
		leave := c.Join(func() {
			at = append(at, time.Since(start))
			switch len(at) {
			case 3:
				time.Sleep(15 * time.Millisecond) // late by less than a frame
			case 6:
				time.Sleep(95 * time.Millisecond) // by more: four wakes are one
			}
		})
		time.Sleep(299 * time.Millisecond)
		leave()
		var ms []int64
		for _, d := range at {
			ms = append(ms, d.Milliseconds())
		}
		// At 215 the late wake is over; the beat goes on at 220.
		want := []int64{20, 40, 60, 80, 100, 120, 215, 220, 240, 260, 280}
		if diff := cmp.Diff(want, ms); diff != "" {
			t.Errorf("wakes at (-want +got):\n%s", diff)
		}
	})
}

func TestClockSpreadsItsMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := runClock(t)
		const members = 25
		at := map[time.Time]int{}
		for range members {
			defer c.Join(func() { at[time.Now()]++ })()
		}
		time.Sleep(media.Frame)
		synctest.Wait()
		total := 0
		for when, n := range at {
			if total += n; n > 3 {
				t.Errorf("%d members are woken at once at %s, want at most 3", n, when)
			}
		}
		if total < members {
			t.Errorf("%d wakes in a frame, want %d", total, members)
		}
	})
}

func TestClockForgetsWhoLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := runClock(t)
		woken := make([]int, 30)
		leave := make([]func(), len(woken))
		for i := range woken {
			leave[i] = c.Join(func() { woken[i]++ })
		}
		for i := range leave {
			if i%3 != 0 {
				leave[i]()
				leave[i]() // again: nothing happens
			}
		}
		clear(woken)
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		for i, n := range woken {
			if want := 5; i%3 != 0 && n != 0 || i%3 == 0 && n < want {
				t.Errorf("member %d was woken %d times", i, n)
			}
		}
		for i := range leave {
			leave[i]()
		}
	})
}

func TestPlayout(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	const frame = media.Frame
	p := NewPlayout(120 * time.Millisecond)
	check := func(when int, lead, heard time.Duration) {
		t.Helper()
		if got := [2]time.Duration{p.Lead(at(when)), p.Heard(at(when))}; got != [2]time.Duration{lead, heard} {
			t.Errorf("at %d ms lead and heard are %v, want %v and %v", when, got, lead, heard)
		}
	}
	check(0, 0, 0)
	for range 6 {
		p.Sent(at(0), frame)
	}
	check(0, 120*time.Millisecond, 0)
	check(50, 70*time.Millisecond, 50*time.Millisecond)
	check(120, 0, 120*time.Millisecond)
	check(500, 0, 120*time.Millisecond) // it ran dry: time passes, nothing is heard

	p.Sent(at(500), frame)              // speech
	p.Sent(at(500), 5*time.Millisecond) // the end of it, filled up
	p.Sent(at(500), 0)                  // ambient alone
	check(510, 50*time.Millisecond, 130*time.Millisecond)
	check(522, 38*time.Millisecond, 142*time.Millisecond)
	check(530, 30*time.Millisecond, 145*time.Millisecond)

	p.Sent(at(550), frame)
	p.Sent(at(550), frame)
	if dropped := p.Clear(at(565)); dropped != 35*time.Millisecond {
		t.Errorf("clear dropped %s, want 35ms", dropped)
	}
	check(565, 0, 150*time.Millisecond)
	check(900, 0, 150*time.Millisecond)
	if dropped := p.Clear(at(900)); dropped != 0 {
		t.Errorf("a second clear dropped %s, want nothing", dropped)
	}
}

func BenchmarkClockThousandMembers(b *testing.B) {
	c := NewClock()
	woken := 0
	for range 1000 {
		c.Join(func() { woken++ })
	}
	b.ReportAllocs()
	at := int64(0)
	for b.Loop() {
		c.turn(at, at+slots) // all of them once
		at += slots
	}
}
