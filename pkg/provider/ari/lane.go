package ari

import (
	"context"
	"hash/fnv"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// lanes is how many calls are served at once. What concerns one call stays in
// one lane, in its order.
const lanes = 32

// listener is one run of Listen.
type listener struct {
	*driver
	sink    provider.EventSink
	lanes   [lanes]*lane
	running sync.WaitGroup
}

func newListener(d *driver, sink provider.EventSink) *listener {
	l := &listener{driver: d, sink: sink}
	for i := range l.lanes {
		l.lanes[i] = &lane{wake: make(chan struct{}, 1), timers: map[string]*time.Timer{}}
	}
	return l
}

func (l *listener) start(ctx context.Context) {
	for _, lane := range l.lanes {
		l.running.Go(func() { lane.run(ctx) })
	}
}

func (l *listener) wait() { l.running.Wait() }

// lane is the lane of a leg.
func (l *listener) lane(leg string) *lane {
	h := fnv.New32a()
	_, _ = h.Write([]byte(leg)) // never fails
	return l.lanes[h.Sum32()%lanes]
}

// lane does one thing after another. Its queue has no bound: the reader of the
// socket must never wait.
type lane struct {
	lock   sync.Mutex
	queue  []func(context.Context)
	wake   chan struct{} // holds one token when the queue has something
	timers map[string]*time.Timer
}

func (l *lane) push(do func(context.Context)) {
	l.lock.Lock()
	l.queue = append(l.queue, do)
	l.lock.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *lane) run(ctx context.Context) {
	defer l.stopAll()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		l.lock.Lock()
		queue := l.queue
		l.queue = nil
		l.lock.Unlock()
		for _, do := range queue {
			if ctx.Err() != nil {
				return
			}
			do(ctx)
		}
	}
}

// after does something in the lane in a while, unless stop comes first. Both
// are called in the lane only.
func (l *lane) after(name string, wait time.Duration, do func(context.Context)) {
	l.stop(name)
	var t *time.Timer
	t = time.AfterFunc(wait, func() {
		l.push(func(ctx context.Context) {
			if l.timers[name] == t {
				delete(l.timers, name)
				do(ctx)
			}
		})
	})
	l.timers[name] = t
}

func (l *lane) stop(name string) {
	if t := l.timers[name]; t != nil {
		t.Stop()
		delete(l.timers, name)
	}
}

func (l *lane) stopAll() {
	for _, t := range l.timers {
		t.Stop()
	}
}
