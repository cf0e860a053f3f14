package bus

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// network notes each write; it fails with err.
type network struct {
	net.Conn
	err    error
	closed bool

	mu     sync.Mutex
	writes []string
}

func (n *network) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.writes = append(n.writes, string(p))
	return len(p), n.err
}

func (n *network) SetWriteDeadline(time.Time) error { return nil }

func (n *network) Close() error {
	n.closed = true
	return nil
}

func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if n, err := c.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
}

func wrote(t *testing.T, n *network, want ...string) {
	t.Helper()
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Equal(n.writes, want) {
		t.Errorf("the network was given %q, want %q", n.writes, want)
	}
}

func TestGatherWritesOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newGathering()
		a, b := &network{}, &network{}
		toA, toB := &gather{Conn: a, pool: pool}, &gather{Conn: b, pool: pool}
		write(t, toA, "one ")
		time.Sleep(gatherFor / 2)
		write(t, toB, "beside")
		write(t, toA, "two")
		wrote(t, a)
		time.Sleep(gatherFor / 2) // since the first
		wrote(t, a, "one two")
		wrote(t, b, "beside")
		write(t, toA, "three")
		time.Sleep(gatherFor)
		wrote(t, a, "one two", "three")
	})
}

func TestGatherHoldsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		c := &gather{Conn: n, pool: newGathering()}
		much := string(bytes.Repeat([]byte("x"), gatherMost-1))
		write(t, c, much)
		write(t, c, "y")
		wrote(t, n, much+"y")
		write(t, c, "z")
		time.Sleep(gatherFor)
		wrote(t, n, much+"y", "z")
	})
}

func TestGatherTellsOfTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{err: io.ErrClosedPipe}
		c := &gather{Conn: n, pool: newGathering()}
		write(t, c, "lost")
		time.Sleep(gatherFor)
		synctest.Wait()
		if _, err := c.Write([]byte("more")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("got %v, want what the network said", err)
		}
		time.Sleep(gatherFor)
		wrote(t, n, "lost")
	})
}

func TestGatherWritesTheRestBeforeItCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		c := &gather{Conn: n, pool: newGathering()}
		write(t, c, "the rest")
		if err := c.Close(); err != nil || !n.closed {
			t.Errorf("closed: %t, %v", n.closed, err)
		}
		wrote(t, n, "the rest")
	})
}
