package carriersim

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/fasthttp/websocket"
)

const (
	// socketQueue is how many messages wait for a slow reader: 10 s of frames.
	socketQueue = 512
	socketWrite = 5 * time.Second // for one message
	socketBye   = 2 * time.Second // for the other side's close frame
)

// Socket is a WebSocket of the carrier's. Send never blocks.
type Socket struct {
	conn *websocket.Conn
	out  chan socketMessage
	done chan struct{} // reading has ended

	mu     sync.Mutex
	leg    *Leg // may be nil
	closed bool // nothing more may be sent
	full   bool // a message was dropped
	err    error
}

type socketMessage struct {
	kind int
	data []byte
}

// SocketError is a handshake that the other side refused.
type SocketError struct {
	Status int // HTTP status, 0 where there was no answer
	Err    error
}

func (e *SocketError) Error() string {
	if e.Status == 0 {
		return "media socket: " + e.Err.Error()
	}
	return fmt.Sprintf("media socket: handshake answered %d", e.Status)
}

func (e *SocketError) Unwrap() error { return e.Err }

// OpenSocket dials a WebSocket for a leg and calls receive for each message, in
// order, from one goroutine. The data is receive's own.
func (x *Exchange) OpenSocket(ctx context.Context, l *Leg, url string, h http.Header, protocols []string, receive func(binary bool, data []byte)) (*Socket, error) {
	target, host := x.actual(url)
	h = h.Clone()
	if h == nil {
		h = http.Header{}
	}
	if host != "" {
		h.Set("Host", host)
	}
	d := websocket.Dialer{HandshakeTimeout: 5 * time.Second, Subprotocols: protocols}
	conn, resp, err := d.DialContext(ctx, target, h)
	if err != nil {
		e := &SocketError{Err: err}
		if resp != nil {
			e.Status = resp.StatusCode
		}
		return nil, e
	}
	return x.UseSocket(l, conn, receive), nil
}

// UseSocket is OpenSocket for a connection that is already there: one that the
// gateway opened, where a carrier works that way.
func (x *Exchange) UseSocket(l *Leg, conn *websocket.Conn, receive func(binary bool, data []byte)) *Socket {
	s := &Socket{conn: conn, out: make(chan socketMessage, socketQueue), done: make(chan struct{})}
	x.Go(func(context.Context) { s.readAll(receive) })
	x.Go(func(ctx context.Context) { s.writeAll(ctx) })
	if l != nil {
		l.Attach(s)
	}
	return s
}

// Attach makes a socket the leg's, for the faults and for Call.CutMedia, where it
// was opened before it was known whose it is.
func (l *Leg) Attach(s *Socket) {
	s.mu.Lock()
	s.leg = l
	s.mu.Unlock()
	l.mu.Lock()
	l.socket = s
	l.mu.Unlock()
	if after, ok := l.exchange.faults.cut(l.Call); ok {
		l.exchange.Go(func(context.Context) { s.cutAfter(after) })
	}
}

// Send queues a message; the slice belongs to the socket from then on. Where
// the other side reads so slowly that the queue is full, the message is
// dropped and the call's timeline says so once.
func (s *Socket) Send(binary bool, data []byte) {
	kind := websocket.TextMessage
	if binary {
		kind = websocket.BinaryMessage
	}
	s.push(socketMessage{kind, data})
}

// Close sends what is queued, then a close frame, and gives the other side some
// seconds to answer it. It does not wait: Done does.
func (s *Socket) Close() {
	s.push(socketMessage{websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")})
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.out)
	}
}

// Cut severs the connection as a dead network does, without a close frame.
func (s *Socket) Cut() {
	s.mu.Lock()
	leg := s.leg
	s.mu.Unlock()
	if leg != nil {
		leg.Note("socket cut")
	}
	s.conn.NetConn().Close()
}

// Done is closed when nothing comes from the other side any more.
func (s *Socket) Done() <-chan struct{} { return s.done }

// Err tells why, once Done is closed: a *websocket.CloseError where the other
// side closed in good order.
func (s *Socket) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *Socket) push(m socketMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	select {
	case <-s.done: // nobody will read it
	case s.out <- m:
	default:
		if !s.full && s.leg != nil {
			s.leg.Warn("the gateway reads too slowly: message dropped")
		}
		s.full = true
	}
}

func (s *Socket) readAll(receive func(binary bool, data []byte)) {
	defer close(s.done)
	for {
		kind, data, err := s.conn.ReadMessage()
		if err != nil {
			s.mu.Lock()
			s.err = err
			s.mu.Unlock()
			return
		}
		receive(kind == websocket.BinaryMessage, data)
	}
}

// writeAll owns the connection's end: it closes it once all is written and the
// other side has answered the close, or has had its time.
func (s *Socket) writeAll(ctx context.Context) {
	defer s.conn.Close()
	for {
		select {
		case m, more := <-s.out:
			if !more {
				s.conn.SetReadDeadline(time.Now().Add(socketBye))
				select {
				case <-s.done:
				case <-ctx.Done():
				}
				return
			}
			s.conn.SetWriteDeadline(time.Now().Add(socketWrite))
			if s.conn.WriteMessage(m.kind, m.data) != nil {
				return
			}
		case <-s.done:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (s *Socket) cutAfter(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		s.Cut()
	case <-s.done:
	}
}
