// Package socket is the one place that touches the WebSocket libraries: the
// carriers' sockets (gofiber/contrib/websocket, where this side is the server)
// and those that are dialled (fasthttp/websocket), both as a Conn.
//
// It exists because of four properties of those libraries, which the tests
// reproduce:
//
//   - Close from another goroutine does nothing: fasthttp closes a hijacked
//     connection only when its handler returns. Conn.Close ends the reading.
//   - The wrapper that a handler gets goes back to a pool when the handler
//     returns, and so does fasthttp's connection below it. A goroutine that
//     kept either writes into the next call's socket. A Conn turns to stone when
//     its handler returns, and the return waits for everybody who uses it.
//   - The text of a panic is sent to the peer. Here it is logged.
//   - Shutting the HTTP server down ignores sockets. Server counts them, and
//     Wait waits for them.
package socket

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/media"
)

// Close codes of RFC 6455, section 7.4.1.
const (
	Normal        = websocket.CloseNormalClosure
	GoingAway     = websocket.CloseGoingAway
	ProtocolError = websocket.CloseProtocolError
	Policy        = websocket.ClosePolicyViolation
	InternalError = websocket.CloseInternalServerErr
)

// ErrClosed is what Read and Write return once this side has closed.
var ErrClosed = errors.New("socket is closed")

// Limits bound what a peer can do.
type Limits struct {
	Message int64         // bytes of one message; a longer one breaks the socket
	Ping    time.Duration // between pings; 0 for none
	Silence time.Duration // without a message or a pong, after which the peer counts as gone; 0 for no bound
	Write   time.Duration // for one message to be taken by the network
	Close   time.Duration // for the peer to answer a close
}

// Defaults are the limits in production. A frame of 20 ms is below 2 KB in any
// carrier's protocol.
var Defaults = Limits{Message: 256 << 10, Ping: 20 * time.Second, Silence: time.Minute, Write: 5 * time.Second, Close: time.Second}

// The sizes of the libraries' buffers: a frame with its envelope fits in one.
const bufferSize = 4 << 10

// Conn is one WebSocket. One goroutine reads; any may write and close.
type Conn struct {
	limits Limits
	client bool // this side dialled, and has to close the connection itself

	// life is held for reading by everybody who uses inner, and for writing to
	// take it away.
	life     sync.RWMutex
	inner    *websocket.Conn
	released bool
	keep     *time.Timer

	reading sync.Mutex // held by the one reader
	buf     []byte
	readErr error
	heard   time.Time // when the read deadline was last moved

	writing sync.Mutex // held by the one writer

	ending  sync.Mutex // guards the read deadline
	closing atomic.Bool
}

func newConn(inner *websocket.Conn, limits Limits, client bool) *Conn {
	c := &Conn{inner: inner, limits: limits, client: client, buf: make([]byte, bufferSize/2)}
	inner.SetReadLimit(limits.Message)
	inner.SetPongHandler(func(string) error {
		c.alive(time.Now())
		return nil
	})
	if limits.Ping > 0 {
		c.life.Lock()
		c.keep = time.AfterFunc(limits.Ping, c.ping)
		c.life.Unlock()
	}
	return c
}

// Read returns the next message, borrowed until the next Read. Any error is
// final: ErrClosed after Close, otherwise what the peer or the network did; see
// Code.
func (c *Conn) Read() (media.Message, error) {
	c.life.RLock()
	defer c.life.RUnlock()
	if c.released {
		return media.Message{}, ErrClosed
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	for c.readErr == nil {
		c.alive(time.Now())
		kind, r, err := c.inner.NextReader()
		var n int
		if err == nil && !c.closing.Load() {
			n, err = c.fill(r)
		}
		switch {
		case err != nil:
			c.readErr = fmt.Errorf("read: %w", err)
		case !c.closing.Load():
			return media.Message{Binary: kind == websocket.BinaryMessage, Data: c.buf[:n]}, nil
		} // what comes after our close is passed over, until the peer's own close
	}
	if c.closing.Load() {
		return media.Message{}, ErrClosed
	}
	return media.Message{}, c.readErr
}

// fill reads one message into the buffer, which grows to the longest there was.
func (c *Conn) fill(r io.Reader) (n int, err error) {
	for {
		if n == len(c.buf) {
			c.buf = append(c.buf, make([]byte, len(c.buf))...)
		}
		m, err := r.Read(c.buf[n:])
		n += m
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// alive moves the read deadline, at most once a second.
func (c *Conn) alive(now time.Time) {
	if c.limits.Silence == 0 || now.Sub(c.heard) < min(time.Second, c.limits.Silence/4) {
		return
	}
	c.ending.Lock()
	defer c.ending.Unlock()
	if !c.closing.Load() {
		c.heard = now
		_ = c.inner.SetReadDeadline(now.Add(c.limits.Silence))
	}
}

// Write sends one message. Its error is final.
func (c *Conn) Write(m media.Message) error {
	c.life.RLock()
	defer c.life.RUnlock()
	if c.released || c.closing.Load() {
		return ErrClosed
	}
	kind := websocket.TextMessage
	if m.Binary {
		kind = websocket.BinaryMessage
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.inner.SetWriteDeadline(time.Now().Add(c.limits.Write))
	if err := c.inner.WriteMessage(kind, m.Data); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// Close begins the closing handshake: the peer is sent code and reason, and
// Read returns as soon as it answers, or after Limits.Close. A second Close does
// nothing.
func (c *Conn) Close(code int, reason string) {
	c.life.RLock()
	defer c.life.RUnlock()
	if c.released {
		return
	}
	c.ending.Lock()
	first := c.closing.CompareAndSwap(false, true)
	until := time.Now().Add(c.limits.Close)
	if first {
		_ = c.inner.SetReadDeadline(until)
	}
	c.ending.Unlock()
	if first {
		_ = c.inner.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), until)
	}
}

// Release closes, waits for the peer's answer and for everybody who uses the
// Conn, and takes the socket away from it. Whoever dialled calls it; at the
// server it happens when the handler returns.
func (c *Conn) Release() {
	c.Close(Normal, "")
	for {
		// Closing a connection with unread data resets it, and the peer may
		// then lose what it was sent last: the close itself.
		if _, err := c.Read(); err != nil {
			break
		}
	}
	c.unblock()
	c.life.Lock()
	defer c.life.Unlock()
	if c.released {
		return
	}
	c.released = true
	if c.keep != nil {
		c.keep.Stop()
	}
	if c.client {
		_ = c.inner.Close()
	}
}

// unblock ends a write that the network does not take.
func (c *Conn) unblock() {
	c.life.RLock()
	defer c.life.RUnlock()
	if !c.released {
		_ = c.inner.NetConn().SetWriteDeadline(time.Now())
	}
}

// ping asks the peer for a sign of life, and comes again.
func (c *Conn) ping() {
	c.life.RLock()
	defer c.life.RUnlock()
	if c.released {
		return
	}
	if !c.closing.Load() {
		_ = c.inner.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.limits.Close))
	}
	c.keep.Reset(c.limits.Ping)
}

// Code returns the code with which the peer closed, 0 where it did not.
func Code(err error) int {
	var closed *websocket.CloseError
	if errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
		return closed.Code
	}
	return 0
}
