package bus

import (
	"net"
	"sync"
	"time"
)

// gatherFor is how long audio waits for company. Each write costs the system
// more than everything else that is done with a frame, and a node's calls speak
// all the time: what they publish within a moment goes out at once. A frame is
// late by that at most.
const gatherFor = 500 * time.Microsecond

// gatherMost is how many bytes wait; whoever writes more waits for the network.
const gatherMost = 256 << 10

// writeLimit bounds one write to the network.
const writeLimit = time.Second

// gathering flushes connections, all of a pool at once, so that the program is
// woken once for them.
type gathering struct {
	mu      sync.Mutex
	waiting []*gather
	timer   *time.Timer
}

func newGathering() *gathering {
	g := &gathering{}
	g.timer = time.AfterFunc(time.Hour, g.flush)
	g.timer.Stop()
	return g
}

// add has a connection flushed when gatherFor is over, at the latest.
func (g *gathering) add(c *gather) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, c)
	if len(g.waiting) == 1 {
		g.timer.Reset(gatherFor)
	}
}

func (g *gathering) flush() {
	g.mu.Lock()
	now := g.waiting
	g.waiting = nil
	g.mu.Unlock()
	for _, c := range now {
		c.flush()
	}
}

// gather is a connection that collects what is written for gatherFor. An error
// of the network is told to the next who writes. Read and Write are as safe for
// concurrent use as those of any net.Conn.
type gather struct {
	net.Conn
	pool *gathering

	mu  sync.Mutex
	buf []byte // waits
	err error  // of the network, final

	writing sync.Mutex // held while out is written
	out     []byte
}

// Write implements net.Conn.
func (g *gather) Write(p []byte) (int, error) {
	g.mu.Lock()
	if g.err != nil {
		defer g.mu.Unlock()
		return 0, g.err
	}
	first := len(g.buf) == 0
	g.buf = append(g.buf, p...)
	full := len(g.buf) >= gatherMost
	g.mu.Unlock()
	switch {
	case full:
		g.flush()
	case first:
		g.pool.add(g)
	}
	return len(p), nil
}

// flush writes what has been collected.
func (g *gather) flush() {
	g.writing.Lock()
	defer g.writing.Unlock()
	g.mu.Lock()
	g.buf, g.out = g.out[:0], g.buf
	err := g.err
	g.mu.Unlock()
	if err != nil || len(g.out) == 0 {
		return
	}
	_ = g.Conn.SetWriteDeadline(time.Now().Add(writeLimit))
	if _, err := g.Conn.Write(g.out); err != nil {
		g.mu.Lock()
		g.err = err
		g.mu.Unlock()
	}
}

// SetWriteDeadline does nothing: nobody waits for the network in Write.
func (g *gather) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline sets that of Read.
func (g *gather) SetDeadline(t time.Time) error { return g.SetReadDeadline(t) }

// Close writes what is left, and closes.
func (g *gather) Close() error {
	g.flush()
	return g.Conn.Close()
}

// gatherDialer dials connections that gather.
type gatherDialer struct {
	net.Dialer
	pool *gathering
}

// Dial implements nats.CustomDialer.
func (d *gatherDialer) Dial(network, address string) (net.Conn, error) {
	conn, err := d.Dialer.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return &gather{Conn: conn, pool: d.pool}, nil
}

// gatherInProcess hands out connections that gather.
type gatherInProcess struct {
	InProcess
	pool *gathering
}

// InProcessConn implements InProcess.
func (g gatherInProcess) InProcessConn() (net.Conn, error) {
	conn, err := g.InProcess.InProcessConn()
	if err != nil {
		return nil, err
	}
	return &gather{Conn: conn, pool: g.pool}, nil
}
