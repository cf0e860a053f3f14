package socket

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	contrib "github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/sirupsen/logrus"
)

// Reasons for which Reserve refuses.
var (
	ErrFull     = errors.New("as many sockets as this node may serve are open")
	ErrDraining = errors.New("this node is draining")
)

// handover bounds the time between the answer to an upgrade and the start of
// its handler. Where the peer is gone before it, the handler never starts.
const handover = 10 * time.Second

// Server upgrades requests of a fiber app, dials where the peer is the one to be
// dialled, and knows which sockets live.
type Server struct {
	limits  Limits
	max     int // 0 for no bound
	log     *logrus.Logger
	upgrade fiber.Handler

	mu       sync.Mutex
	live     int // slots that are taken
	draining bool
	idle     chan struct{} // closed when live is 0 while draining
}

// NewServer makes a server that serves at most atOnce sockets, 0 for no bound.
func NewServer(limits Limits, atOnce int, log *logrus.Logger) *Server {
	s := &Server{limits: limits, max: atOnce, log: log, idle: make(chan struct{})}
	s.upgrade = contrib.New(s.hijacked, contrib.Config{
		ReadBufferSize: bufferSize, WriteBufferSize: bufferSize, HandshakeTimeout: handover,
		// The default would send the panic's text to the peer. What can panic
		// is caught in hijacked already.
		RecoverHandler: func(*contrib.Conn) { s.caught(recover()) },
	})
	return s
}

// Slot is the right to one socket. It ends with Free, or by itself with the
// socket that Upgrade or Dial made of it.
type Slot struct {
	server *Server
	serve  func(*Conn)
	taken  atomic.Bool // by the handler, or by the timer that counts it as lost
	lost   *time.Timer
	once   sync.Once
}

// Reserve takes a slot, or returns ErrFull or ErrDraining.
func (s *Server) Reserve() (*Slot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining:
		return nil, ErrDraining
	case s.max > 0 && s.live >= s.max:
		return nil, ErrFull
	}
	s.live++
	return &Slot{server: s}, nil
}

// local is where a request keeps its slot from the answer to the handler.
const local = "trunkline.socket"

// Upgrade answers the request of c with an upgrade and then calls serve, in a
// goroutine of the HTTP server's. When serve returns the socket is closed and
// everything that still holds the Conn gets ErrClosed.
func (sl *Slot) Upgrade(c *fiber.Ctx, serve func(*Conn)) error {
	sl.serve = serve
	sl.lost = time.AfterFunc(handover, func() {
		if sl.taken.CompareAndSwap(false, true) {
			sl.Free()
		}
	})
	c.Locals(local, sl)
	err := sl.server.upgrade(c)
	if err != nil {
		sl.lost.Stop()
		sl.Free()
	}
	return err
}

// Dial opens a socket to a server and then calls serve, in a goroutine of its
// own, which Wait waits for. The rest is as with Upgrade.
func (sl *Slot) Dial(ctx context.Context, to Target, serve func(*Conn)) error {
	conn, err := Dial(ctx, to, sl.server.limits)
	if err != nil {
		sl.Free()
		return err
	}
	sl.serve = serve
	go sl.run(conn)
	return nil
}

// Free gives back a slot that neither Upgrade nor Dial was called for.
func (sl *Slot) Free() { sl.once.Do(sl.server.leave) }

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live--
	s.settle()
}

// settle tells Wait when the last socket is gone.
func (s *Server) settle() {
	if !s.draining || s.live > 0 {
		return
	}
	select {
	case <-s.idle:
	default:
		close(s.idle)
	}
}

// hijacked is where the library hands over a socket that was upgraded.
func (s *Server) hijacked(raw *contrib.Conn) {
	sl, ok := raw.Locals(local).(*Slot)
	if !ok || !sl.taken.CompareAndSwap(false, true) {
		return
	}
	sl.lost.Stop()
	sl.run(newConn(raw.Conn, s.limits, false))
}

// run serves one socket to its end.
func (sl *Slot) run(conn *Conn) {
	defer sl.Free()
	defer conn.Release()
	defer func() {
		if sl.server.caught(recover()) {
			conn.Close(InternalError, "")
		}
	}()
	sl.serve(conn)
}

// caught logs what recover gave, if it gave something.
func (s *Server) caught(panicked any) bool {
	if panicked != nil {
		s.log.WithFields(logrus.Fields{"panic": panicked, "stack": string(debug.Stack())}).Error("socket handler panicked")
	}
	return panicked != nil
}

// Live is the number of sockets.
func (s *Server) Live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live
}

// Drain refuses new sockets from now on.
func (s *Server) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	s.settle()
}

// Draining reports whether Drain was called.
func (s *Server) Draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// Wait returns when, after Drain, the last socket is gone, or with the error of
// ctx when it ends before.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-s.idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
