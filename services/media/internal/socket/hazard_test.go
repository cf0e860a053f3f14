package socket_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	contrib "github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// Each pair of tests here shows first what the library does, then that this
// package does not. Should a library be mended, its test says so.

func TestLibraryCloseFromAnotherGoroutineDoesNothing(t *testing.T) {
	conns := make(chan *contrib.Conn)
	read := make(chan string, 1)
	url, _ := serveRaw(t, func(c *contrib.Conn) {
		conns <- c
		_, data, _ := c.ReadMessage()
		read <- string(data)
	})
	peer := dialRaw(t, url)
	if err := (<-conns).Close(); err != nil {
		t.Fatal(err)
	}
	if err := peer.WriteMessage(websocket.TextMessage, []byte("still there?")); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != "still there?" {
		t.Errorf("the reader of a closed socket got %q: Close has begun to work", got)
	}
}

func TestCloseFromAnotherGoroutineEndsReading(t *testing.T) {
	conns := make(chan *socket.Conn)
	ended := make(chan error, 1)
	url := serve(t, socket.Defaults, func(c *socket.Conn) {
		conns <- c
		_, err := c.Read()
		ended <- err
	})
	peer := dialRaw(t, url)
	(<-conns).Close(socket.Policy, "not yours")
	_, _, err := peer.ReadMessage()
	if !websocket.IsCloseError(err, socket.Policy) {
		t.Errorf("the peer got %v, want close code %d", err, socket.Policy)
	}
	if err := <-ended; !errors.Is(err, socket.ErrClosed) {
		t.Errorf("the reader got %v, want ErrClosed", err)
	}
}

// kept is what a goroutine may have kept of a call: something that the library
// pools, and a way to write to it.
type kept struct {
	pooled any
	write  func(data []byte) error
}

// crossCall runs call A to its end while keeping something of it, then call B,
// and reports what B's peer hears when "audio of call A" is written to what was
// kept. Pools may drop things, so it tries until what was A's is used for B.
func crossCall(t *testing.T, keep func(*contrib.Conn) kept) string {
	t.Helper()
	started := make(chan kept)
	next := make(chan struct{})
	url, _ := serveRaw(t, func(c *contrib.Conn) {
		started <- keep(c)
		<-next
	})
	for range 200 {
		a := dialRaw(t, url)
		ofA := <-started
		next <- struct{}{}
		_, _, _ = a.ReadMessage() // until the server has closed it
		b := dialRaw(t, url)
		ofB := <-started
		var err error
		reused := ofA.pooled == ofB.pooled
		if reused {
			err = ofA.write([]byte("audio of call A"))
		}
		next <- struct{}{}
		_, heard, _ := b.ReadMessage()
		if reused && err == nil {
			return string(heard)
		}
	}
	return ""
}

func TestLibraryWritesIntoAnotherCall(t *testing.T) {
	for name, keep := range map[string]func(*contrib.Conn) kept{
		"by its wrapper": func(c *contrib.Conn) kept {
			return kept{c, func(data []byte) error { return c.WriteMessage(websocket.TextMessage, data) }}
		},
		"by fasthttp's connection, even where the inner socket is kept": func(c *contrib.Conn) kept {
			inner := c.Conn
			return kept{inner.NetConn(), func(data []byte) error { return inner.WriteMessage(websocket.TextMessage, data) }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if heard := crossCall(t, keep); heard != "audio of call A" {
				t.Errorf("call B heard %q: the library has ceased to mix calls up", heard)
			}
		})
	}
}

func TestWriteAfterTheHandlerReachesNobody(t *testing.T) {
	started := make(chan *socket.Conn)
	next := make(chan struct{})
	url := serve(t, socket.Defaults, func(c *socket.Conn) {
		started <- c
		<-next
	})
	for range 50 {
		a := dialRaw(t, url)
		keptOfA := <-started
		next <- struct{}{}
		_, _, _ = a.ReadMessage()
		_ = a.Close()
		b := dialRaw(t, url)
		ofB := <-started
		if err := ofB.Write(media.Message{Data: []byte("audio of call B")}); err != nil {
			t.Fatal(err)
		}
		if _, heard, err := b.ReadMessage(); err != nil || string(heard) != "audio of call B" {
			t.Fatalf("call B heard %q, %v", heard, err)
		}
		// A's handler has returned, or is about to: either way nothing may pass.
		if err := keptOfA.Write(media.Message{Data: []byte("audio of call A")}); !errors.Is(err, socket.ErrClosed) {
			t.Fatalf("a write to an ended call: %v, want ErrClosed", err)
		}
		keptOfA.Close(socket.Normal, "")
		if _, err := keptOfA.Read(); !errors.Is(err, socket.ErrClosed) {
			t.Fatalf("a read of an ended call: %v, want ErrClosed", err)
		}
		next <- struct{}{}
		if _, heard, err := b.ReadMessage(); err == nil {
			t.Fatalf("call B heard %q after its own audio", heard)
		}
	}
}

const secret = "the token is 12345"

func TestLibraryTellsThePeerWhyItPanicked(t *testing.T) {
	url, _ := serveRaw(t, func(*contrib.Conn) { panic(secret) })
	_, got, _ := dialRaw(t, url).ReadMessage()
	if !strings.Contains(string(got), secret) {
		t.Errorf("the peer got %q: the library has ceased to send the panic", got)
	}
}

func TestPanicStaysInTheLog(t *testing.T) {
	log, lines := recordedLog()
	url := serveBy(t, socket.NewServer(socket.Defaults, 0, log), func(*socket.Conn) { panic(secret) })
	_, got, err := dialRaw(t, url).ReadMessage()
	if !websocket.IsCloseError(err, socket.InternalError) || strings.Contains(err.Error(), secret) {
		t.Errorf("the peer got %q, %v; want only close code %d", got, err, socket.InternalError)
	}
	if !strings.Contains(lines(), secret) {
		t.Errorf("the log does not tell of the panic: %s", lines())
	}
}

func TestLibraryShutdownForgetsSockets(t *testing.T) {
	up := make(chan struct{})
	down := make(chan struct{})
	url, app := serveRaw(t, func(*contrib.Conn) {
		close(up)
		<-down
	})
	dialRaw(t, url)
	<-up
	defer close(down) // the handler runs until here
	if err := app.ShutdownWithTimeout(time.Minute); err != nil {
		t.Errorf("%v: the library has begun to wait for sockets", err)
	}
}

func TestWaitKnowsEverySocket(t *testing.T) {
	log, _ := recordedLog()
	server := socket.NewServer(socket.Defaults, 0, log)
	up := make(chan struct{})
	down := make(chan struct{})
	url := serveBy(t, server, func(*socket.Conn) {
		up <- struct{}{}
		<-down
	})
	dialRaw(t, url)
	<-up
	server.Drain()
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Wait(impatient); err == nil {
		t.Error("Wait is over while a socket is open")
	}
	if _, resp, err := websocket.DefaultDialer.Dial(url, nil); err == nil || resp.StatusCode != fiber.StatusServiceUnavailable {
		t.Errorf("a new socket while draining: %v, want status 503", err)
	}
	close(down)
	if err := server.Wait(t.Context()); err != nil {
		t.Errorf("Wait after the last socket: %v", err)
	}
	if n := server.Live(); n != 0 {
		t.Errorf("%d sockets live, want none", n)
	}
}
