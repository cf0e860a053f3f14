package socket_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	contrib "github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// run serves an app on loopback and returns the URL of its sockets.
func run(t *testing.T, app *fiber.App) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- app.Listener(ln) }()
	t.Cleanup(func() {
		_ = app.ShutdownWithTimeout(time.Second)
		<-done
	})
	return "ws://" + ln.Addr().String() + "/"
}

func newApp() *fiber.App { return fiber.New(fiber.Config{DisableStartupMessage: true}) }

// serveRaw runs a handler of the library itself.
func serveRaw(t *testing.T, handler func(*contrib.Conn)) (string, *fiber.App) {
	t.Helper()
	app := newApp()
	app.Get("/", contrib.New(handler))
	return run(t, app), app
}

func serve(t *testing.T, limits socket.Limits, handler func(*socket.Conn)) string {
	t.Helper()
	log, _ := recordedLog()
	return serveBy(t, socket.NewServer(limits, 0, log), handler)
}

func serveBy(t *testing.T, server *socket.Server, handler func(*socket.Conn)) string {
	t.Helper()
	app := newApp()
	app.Get("/", func(c *fiber.Ctx) error {
		slot, err := server.Reserve()
		if err != nil {
			return fiber.NewError(fiber.StatusServiceUnavailable, err.Error())
		}
		return slot.Upgrade(c, handler)
	})
	return run(t, app)
}

func dialRaw(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func recordedLog() (*logrus.Logger, func() string) {
	var mu sync.Mutex
	var buf bytes.Buffer
	log := logrus.New()
	log.SetOutput(writer(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return buf.Write(p)
	}))
	return log, func() string {
		mu.Lock()
		defer mu.Unlock()
		return buf.String()
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// echo gives every message back.
func echo(c *socket.Conn) {
	for {
		m, err := c.Read()
		if err != nil || c.Write(m) != nil {
			return
		}
	}
}

func TestBothSidesCarryMessages(t *testing.T) {
	url := serve(t, socket.Defaults, echo)
	c, err := socket.Dial(t.Context(), socket.Target{URL: url}, socket.Defaults)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	for _, m := range []media.Message{
		{Data: []byte("text")},
		{Binary: true, Data: []byte{0, 1, 2}},
		{Binary: true},
		{Data: []byte(strings.Repeat("longer than any buffer ", 2000))},
		{Data: []byte("short again")},
	} {
		if err := c.Write(m); err != nil {
			t.Fatal(err)
		}
		got, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		if got.Binary != m.Binary || !bytes.Equal(got.Data, m.Data) {
			t.Errorf("%d bytes came back as %d bytes, binary %v; want them as they were", len(m.Data), len(got.Data), got.Binary)
		}
	}
}

func TestTooLongMessageBreaksTheSocket(t *testing.T) {
	limits := socket.Defaults
	limits.Message = 1000
	ended := make(chan error, 1)
	url := serve(t, limits, func(c *socket.Conn) {
		_, err := c.Read()
		ended <- err
	})
	peer := dialRaw(t, url)
	if err := peer.WriteMessage(websocket.BinaryMessage, make([]byte, 1001)); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, websocket.ErrReadLimit) {
		t.Errorf("reading %v, want ErrReadLimit", err)
	}
	if _, _, err := peer.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Errorf("the peer got %v, want close code %d", err, websocket.CloseMessageTooBig)
	}
}

func TestManyWriters(t *testing.T) {
	const writers, each = 8, 50
	url := serve(t, socket.Defaults, func(c *socket.Conn) {
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range each {
					if err := c.Write(media.Message{Data: []byte("whole")}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
	peer := dialRaw(t, url)
	for i := range writers * each {
		if _, data, err := peer.ReadMessage(); err != nil || string(data) != "whole" {
			t.Fatalf("message %d: %q, %v", i, data, err)
		}
	}
	if _, _, err := peer.ReadMessage(); socket.Code(err) != socket.Normal {
		t.Errorf("at the end %v, want close code %d", err, socket.Normal)
	}
}

func TestDialTellsWhyNot(t *testing.T) {
	app := newApp()
	app.Get("/", func(c *fiber.Ctx) error { return fiber.ErrForbidden })
	app.Get("/busy", func(c *fiber.Ctx) error { return fiber.ErrServiceUnavailable })
	url := run(t, app)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx       context.Context
		url       string
		want      string
		permanent bool
	}{
		"refused":       {t.Context(), url, "status 403", true},
		"busy":          {t.Context(), url + "busy", "status 503", false},
		"no WebSocket":  {t.Context(), "http://127.0.0.1/secret", "malformed ws or wss URL", true},
		"no URL":        {t.Context(), "ws://127.0.0.1:secret/", "malformed ws or wss URL", true},
		"nobody there":  {t.Context(), "ws://127.0.0.1:1/secret", "refused", false},
		"context ended": {ended, url, "canceled", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := socket.Dial(c.ctx, socket.Target{URL: c.url, Header: http.Header{}}, socket.Defaults)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%v gives the URL away", err)
			}
			if got := socket.Permanent(err); got != c.permanent {
				t.Errorf("permanent: %t, want %t", got, c.permanent)
			}
		})
	}
}

func TestDialVerifiesTheCertificate(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err == nil {
			_, _, _ = c.ReadMessage()
			_ = c.Close()
		}
	}))
	defer server.Close()
	to := socket.Target{URL: "wss" + strings.TrimPrefix(server.URL, "https")}
	if _, err := socket.Dial(t.Context(), to, socket.Defaults); err == nil || !socket.Permanent(err) {
		t.Errorf("got %v, want a permanent error of the certificate", err)
	}
	to.Insecure = true
	c, err := socket.Dial(t.Context(), to, socket.Defaults)
	if err != nil {
		t.Fatal(err)
	}
	c.Release()
}

func TestDialTakesASlot(t *testing.T) {
	log, _ := recordedLog()
	server := socket.NewServer(socket.Defaults, 1, log)
	url := serve(t, socket.Defaults, echo)
	slot, err := server.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	served, end := make(chan *socket.Conn), make(chan struct{})
	if err := slot.Dial(t.Context(), socket.Target{URL: url}, func(c *socket.Conn) {
		served <- c
		<-end
		panic("a bug")
	}); err != nil {
		t.Fatal(err)
	}
	c := <-served
	if _, err := server.Reserve(); !errors.Is(err, socket.ErrFull) {
		t.Errorf("a second socket: %v, want %v", err, socket.ErrFull)
	}
	server.Drain()
	close(end)
	if err := server.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Write(media.Message{}); !errors.Is(err, socket.ErrClosed) {
		t.Errorf("afterwards: %v, want %v", err, socket.ErrClosed)
	}
}

func TestDialSpeaksTheProtocol(t *testing.T) {
	app := newApp()
	got := make(chan [2]string, 1)
	app.Get("/", func(c *fiber.Ctx) error {
		got <- [2]string{strings.Clone(c.Get("Sec-Websocket-Protocol")), strings.Clone(c.Get("Authorization"))}
		return contrib.New(func(*contrib.Conn) {}, contrib.Config{Subprotocols: []string{"media"}})(c)
	})
	c, err := socket.Dial(t.Context(), socket.Target{URL: run(t, app), Protocol: "media", Header: http.Header{"Authorization": {"Bearer x"}}}, socket.Defaults)
	if err != nil {
		t.Fatal(err)
	}
	c.Release()
	if g := <-got; g != [2]string{"media", "Bearer x"} {
		t.Errorf("the server was asked for %q", g)
	}
}

func TestFullServerRefuses(t *testing.T) {
	log, _ := recordedLog()
	server := socket.NewServer(socket.Defaults, 1, log)
	first, err := server.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Reserve(); !errors.Is(err, socket.ErrFull) {
		t.Errorf("second slot: %v, want ErrFull", err)
	}
	first.Free()
	first.Free() // twice counts once
	if _, err := server.Reserve(); err != nil {
		t.Errorf("after Free: %v", err)
	}
	if _, err := server.Reserve(); !errors.Is(err, socket.ErrFull) {
		t.Errorf("beyond it: %v, want ErrFull", err)
	}
}

func TestFailedUpgradeGivesItsSlotBack(t *testing.T) {
	log, _ := recordedLog()
	server := socket.NewServer(socket.Defaults, 1, log)
	url := serveBy(t, server, echo)
	resp, err := http.Get("http" + strings.TrimPrefix(url, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != fiber.StatusUpgradeRequired {
		t.Errorf("status %d, want 426", resp.StatusCode)
	}
	if n := server.Live(); n != 0 {
		t.Errorf("%d slots are taken, want none", n)
	}
}

// BenchmarkEcho is a message there and back, the library's part included.
func BenchmarkEcho(b *testing.B) {
	app := newApp()
	server := socket.NewServer(socket.Defaults, 0, logrus.New())
	app.Get("/", func(c *fiber.Ctx) error {
		slot, _ := server.Reserve()
		return slot.Upgrade(c, echo)
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = app.Listener(ln) }()
	defer func() { _ = app.Shutdown() }()
	c, err := socket.Dial(b.Context(), socket.Target{URL: "ws://" + ln.Addr().String() + "/"}, socket.Defaults)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Release()
	m := media.Message{Data: make([]byte, 320)}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Write(m); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Read(); err != nil {
			b.Fatal(err)
		}
	}
}
