package service_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/service"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func newApp() *fiber.App { return fiber.New(fiber.Config{DisableStartupMessage: true}) }

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(read)
}

// TestServeUntilEndsBeforeItHasBegun holds that a server which is stopped
// while it starts does not serve on.
func TestServeUntilEndsBeforeItHasBegun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		ln := listen(t)
		if err := service.ServeUntil(ctx, newApp(), ln, time.Second); err != nil {
			t.Fatal(err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("the listener is still there: %v", err)
		}
	}
}

// TestServeUntilLetsARequestEnd holds that an answer in hand is given.
func TestServeUntilLetsARequestEnd(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	app, ln := newApp(), listen(t)
	app.Get("/", func(c *fiber.Ctx) error {
		stop()
		// The port is taken again only when the server has begun to stop.
		for {
			again, err := net.Listen("tcp", ln.Addr().String())
			if err == nil {
				_ = again.Close()
				return c.SendString("done")
			}
		}
	})
	served := make(chan error, 1)
	go func() { served <- service.ServeUntil(ctx, app, ln, 10*time.Second) }()
	if status, body := get(t, "http://"+ln.Addr().String()+"/"); status != http.StatusOK || body != "done" {
		t.Errorf("got %d %q", status, body)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestHealthRoutes(t *testing.T) {
	var notReady error
	h := service.NewHealth(func() error { return notReady })
	app := newApp()
	h.Mount(app)
	ctx, stop := context.WithCancel(t.Context())
	ln := listen(t)
	served := make(chan error, 1)
	go func() { served <- service.ServeUntil(ctx, app, ln, time.Second) }()
	base := "http://" + ln.Addr().String()
	type answer struct {
		Status int
		Body   string
	}
	ask := func(path string) answer {
		status, body := get(t, base+path)
		return answer{status, body}
	}
	got := []answer{ask("/healthz"), ask("/readyz")}
	notReady = errors.New("nats is away")
	got = append(got, ask("/healthz"), ask("/readyz"))
	want := []answer{{200, "ok\n"}, {200, "ready\n"}, {200, "ok\n"}, {503, "nats is away\n"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if m := ask("/metrics"); m.Status != http.StatusOK || len(m.Body) == 0 {
		t.Errorf("metrics: %+v", m)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestHealthOff holds that a service without an address lives on without one.
func TestHealthOff(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	h := service.NewHealth(func() error { return nil })
	for _, listen := range []string{"off", ""} {
		if err := h.Serve(ctx, listen); err != nil {
			t.Errorf("%q: %v", listen, err)
		}
	}
	taken := listen(t)
	defer taken.Close()
	if err := h.Serve(t.Context(), taken.Addr().String()); err == nil {
		t.Error("a taken address was served")
	}
}
