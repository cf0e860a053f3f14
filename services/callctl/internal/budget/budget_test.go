package budget

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a time that only a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// bench is a budget under test, with its clock.
type bench struct {
	Budget
	clock *clock
	t     *testing.T
}

// ask takes and returns how long to wait.
func (b *bench) ask(call string, l Limits) time.Duration {
	b.t.Helper()
	wait, err := b.Take(b.t.Context(), "default.main", call, l, time.Hour)
	if err != nil {
		b.t.Fatal(err)
	}
	return wait
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestMemory(t *testing.T) {
	suite(t, func(_ *testing.T, c *clock) Budget { return NewMemory(c.now) })
}

func TestRedis(t *testing.T) {
	url := startRedis(t)
	suite(t, func(t *testing.T, c *clock) Budget {
		r := openRedis(t, url)
		r.now = c.now
		if err := r.client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return r
	})
}

// suite is what every Budget does.
func suite(t *testing.T, open func(*testing.T, *clock) Budget) {
	for name, test := range map[string]func(*bench){
		"no limits":              noLimits,
		"calls at once":          callsAtOnce,
		"a crash frees its slot": crashFreesSlot,
		"a kept call stays":      keptCallStays,
		"kept calls are rebuilt": keptCallsAreRebuilt,
		"evenly spaced":          evenlySpaced,
		"turns are kept":         turnsAreKept,
		"patience":               patienceBoundsTheQueue,
		"waiting takes no slot":  waitingTakesNoSlot,
		"trunks do not share":    trunksDoNotShare,
		"many at the same time":  manyAtTheSameTime,
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{at: time.UnixMilli(1_800_000_000_000)}
			test(&bench{Budget: open(t, c), clock: c, t: t})
		})
	}
}

func noLimits(b *bench) {
	for i := range 100 {
		if wait := b.ask(fmt.Sprint("c", i), Limits{}); wait != 0 {
			b.t.Fatalf("call %d waits %s, want no bound", i, wait)
		}
	}
}

func callsAtOnce(b *bench) {
	l := Limits{Calls: 2}
	got := []time.Duration{b.ask("a", l), b.ask("b", l), b.ask("c", l), b.ask("a", l)}
	if got[0] != 0 || got[1] != 0 || got[2] == 0 || got[3] != 0 {
		b.t.Errorf("a, b, c, a wait %v; want c alone to wait, as a and b have the slots", got)
	}
	b.must(b.Free(b.t.Context(), "default.main", "a"))
	if wait := b.ask("c", l); wait != 0 {
		b.t.Errorf("c waits %s after a was freed", wait)
	}
	b.must(b.Free(b.t.Context(), "default.main", "nobody"))
}

func crashFreesSlot(b *bench) {
	l := Limits{Calls: 1}
	b.ask("a", l)
	b.clock.pass(Lease - time.Millisecond)
	if wait := b.ask("b", l); wait == 0 {
		b.t.Error("the slot is free before its lease is over")
	}
	b.clock.pass(time.Millisecond)
	if wait := b.ask("b", l); wait != 0 {
		b.t.Errorf("b waits %s, though nobody kept a for %s", wait, Lease)
	}
}

func keptCallStays(b *bench) {
	l := Limits{Calls: 1}
	b.ask("a", l)
	for range 6 {
		b.clock.pass(Lease / 3)
		b.must(b.Keep(b.t.Context(), "default.main", []string{"a"}))
	}
	if wait := b.ask("b", l); wait == 0 {
		b.t.Error("a call in progress lost its slot")
	}
}

func keptCallsAreRebuilt(b *bench) {
	b.must(b.Keep(b.t.Context(), "default.main", []string{"a", "b", "c"}))
	b.must(b.Keep(b.t.Context(), "default.main", nil))
	if wait := b.ask("d", Limits{Calls: 3}); wait == 0 {
		b.t.Error("calls in progress that never took a slot do not count")
	}
	if wait := b.ask("d", Limits{Calls: 4}); wait != 0 {
		b.t.Errorf("d waits %s, want the fourth slot", wait)
	}
}

func evenlySpaced(b *bench) {
	l := Limits{PerSecond: 4}
	for i := range 4 {
		want := time.Duration(i) * 250 * time.Millisecond
		if wait := b.ask(fmt.Sprint("c", i), l); wait != want {
			b.t.Errorf("call %d waits %s, want %s", i, wait, want)
		}
	}
	b.clock.pass(time.Minute)
	for i, want := range []time.Duration{0, 250 * time.Millisecond} {
		if wait := b.ask(fmt.Sprint("later", i), l); wait != want {
			b.t.Errorf("after a quiet minute call %d waits %s, want %s: there is no burst", i, wait, want)
		}
	}
}

func turnsAreKept(b *bench) {
	l := Limits{PerSecond: 2}
	b.ask("a", l)
	b.ask("b", l)
	b.ask("c", l)
	b.clock.pass(499 * time.Millisecond)
	if wait := b.ask("b", l); wait != time.Millisecond {
		b.t.Errorf("b waits %s, want the last millisecond of its turn", wait)
	}
	b.clock.pass(time.Millisecond)
	if wait := b.ask("c", l); wait != 500*time.Millisecond {
		b.t.Errorf("c waits %s, want its own turn", wait)
	}
	if wait := b.ask("b", l); wait != 0 {
		b.t.Errorf("b waits %s when its turn has come", wait)
	}
	if wait := b.ask("b", l); wait != time.Second {
		b.t.Errorf("b waits %s for a second dial, want the turn after c's", wait)
	}
}

func patienceBoundsTheQueue(b *bench) {
	l := Limits{PerSecond: 1}
	ctx := b.t.Context()
	b.ask("a", l)
	for range 2 { // the second time the same, as no turn was given
		wait, err := b.Take(ctx, "default.main", "b", l, 900*time.Millisecond)
		b.must(err)
		if wait != time.Second {
			b.t.Errorf("b is told to wait %s, want the truth", wait)
		}
	}
	if wait := b.ask("c", l); wait != time.Second {
		b.t.Errorf("c waits %s, want the turn that b had no patience for", wait)
	}
}

func waitingTakesNoSlot(b *bench) {
	l := Limits{PerSecond: 1, Calls: 2}
	b.ask("a", l)
	b.ask("b", l) // has a turn and no slot
	if wait := b.ask("c", Limits{Calls: 2}); wait != 0 {
		b.t.Errorf("c waits %s, though one slot is free", wait)
	}
	b.clock.pass(2 * time.Second)
	if wait := b.ask("b", l); wait == 0 {
		b.t.Error("b has a third slot of two")
	}
	b.must(b.Free(b.t.Context(), "default.main", "a"))
	if wait := b.ask("b", l); wait != 0 {
		b.t.Errorf("b waits %s, want its turn to be kept while it waited for a slot", wait)
	}
}

func trunksDoNotShare(b *bench) {
	l := Limits{PerSecond: 1, Calls: 1}
	b.ask("a", l)
	wait, err := b.Take(b.t.Context(), "default.other", "b", l, time.Hour)
	b.must(err)
	if wait != 0 {
		b.t.Errorf("a call on another trunk waits %s", wait)
	}
}

func manyAtTheSameTime(b *bench) {
	const slots, callers = 5, 40
	var granted atomic.Int32
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			wait, err := b.Take(b.t.Context(), "default.main", fmt.Sprint("c", i), Limits{Calls: slots}, time.Hour)
			if err != nil {
				b.t.Error(err)
			} else if wait == 0 {
				granted.Add(1)
			}
		})
	}
	wg.Wait()
	if granted.Load() != slots {
		b.t.Errorf("%d of %d callers have a slot, want %d", granted.Load(), callers, slots)
	}
}

func TestRedisCountsByTheServersClock(t *testing.T) {
	r := openRedis(t, startRedis(t))
	l := Limits{PerSecond: 0.001, Calls: 2}
	first, err := r.Take(t.Context(), "default.main", "a", l, time.Hour)
	if err != nil || first != 0 {
		t.Fatalf("first: %s, %v", first, err)
	}
	if err := r.Keep(t.Context(), "default.main", []string{"b"}); err != nil {
		t.Fatal(err)
	}
	if wait, err := r.Take(t.Context(), "default.main", "c", Limits{Calls: 2}, time.Hour); err != nil || wait == 0 {
		t.Errorf("third call of two: wait %s, %v", wait, err)
	}
	if wait, err := r.Take(t.Context(), "default.main", "d", Limits{PerSecond: 0.001}, time.Hour); err != nil || wait < 900*time.Second || wait > 1000*time.Second {
		t.Errorf("second call in 1000 s: wait %s, %v", wait, err)
	}
}

func TestRedisAwayIsAnError(t *testing.T) {
	r := openRedis(t, "unix://"+filepath.Join(t.TempDir(), "none.sock"))
	if _, err := r.Take(t.Context(), "default.main", "a", Limits{Calls: 1}, time.Hour); err == nil {
		t.Error("a call may be dialled though nobody counts")
	}
	if err := r.Keep(t.Context(), "default.main", []string{"a"}); err == nil {
		t.Error("keep says nothing")
	}
	if err := r.Free(t.Context(), "default.main", "a"); err == nil {
		t.Error("free says nothing")
	}
}

func TestRedisURLIsNotRepeated(t *testing.T) {
	_, err := OpenRedis("redis://:hunter2@host:port")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an error without the password", err)
	}
}

func openRedis(t *testing.T, url string) *Redis {
	r, err := OpenRedis(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// startRedis runs a Redis server for the test and returns its URL.
func startRedis(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("this test needs redis-server on the PATH; `make test` installs it when it is missing")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "redis.sock")
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
	})
	var seen strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		seen.WriteString(lines.Text() + "\n")
		if strings.Contains(strings.ToLower(lines.Text()), "ready to accept connections") {
			return "unix://" + socket
		}
	}
	t.Fatalf("redis-server does not start:\n%s", seen.String())
	return ""
}
