package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/natsd"
	_ "github.com/trunkline-io/trunkline/pkg/provider/twilio"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/ingress"
	"github.com/trunkline-io/trunkline/services/media"
)

const (
	secret   = "bench-bench-bench-bench-bench-bench"
	hooksURL = "https://hooks.example.com"
	mediaURL = "wss://media.example.com"
)

func links() trunk.Links {
	keys, err := trunk.NewKeys(secret)
	if err != nil {
		panic(err) // the secret above is long enough
	}
	return trunk.Links{Keys: keys, Hooks: hooksURL, Media: mediaURL}
}

// runRole is what this program does when the bench starts it again.
func runRole(name string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	switch name {
	case "nats":
		debug.SetGCPercent(restGC)
		return serveNATS(ctx)
	case "ingress":
		return onBus(ctx, "ingress", func(ctx context.Context, b *bus.Bus, log *logrus.Logger) error {
			return ingress.Run(ctx, ingress.Config{Links: links(), Listen: "127.0.0.1:0", Drain: time.Second, Ready: announce}, b, log)
		})
	case "media":
		defer profile(os.Getenv("BENCH_PROFILE"))()
		debug.SetGCPercent(media.GCPercent)
		return onBus(ctx, "media", func(ctx context.Context, b *bus.Bus, log *logrus.Logger) error {
			return media.Run(ctx, media.Config{Links: links(), Listen: "127.0.0.1:0", Node: "bench", Lead: 120 * time.Millisecond,
				StartLimit: 10 * time.Second, DrainLimit: time.Second, Ready: announce}, b, log)
		})
	case "echo":
		return serveEcho(ctx)
	}
	return fmt.Errorf("there is no role %q", name)
}

// profile writes a CPU profile to a file, if there is one, until it is stopped.
func profile(file string) (stop func()) {
	if file == "" {
		return func() {}
	}
	f, err := os.Create(file)
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "no profile:", err)
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}
}

// announce tells the parent where a service listens.
func announce(addr string) { fmt.Println(addr) }

func serveNATS(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "trunkline-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := natsd.Start(natsd.Config{Dir: dir, Name: "bench"})
	if err != nil {
		return err
	}
	announce(s.ClientURL())
	<-ctx.Done()
	s.Stop()
	return nil
}

func onBus(ctx context.Context, name string, run func(context.Context, *bus.Bus, *logrus.Logger) error) error {
	log, err := service.NewLog(io.Discard, "info")
	if err != nil {
		return err
	}
	b, err := connect(ctx, name, log)
	if err != nil {
		return err
	}
	defer b.Close()
	return run(ctx, b, log)
}

func connect(ctx context.Context, name string, log *logrus.Logger) (*bus.Bus, error) {
	return bus.Connect(ctx, bus.Config{URL: os.Getenv("BENCH_NATS"), Replicas: 1, MediaConn: 4}, name, log)
}

// serveEcho is the limit of media: a WebSocket server that gives every message
// back untouched, on the library the media node is built on.
func serveEcho(ctx context.Context) error {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/*", websocket.New(func(c *websocket.Conn) {
		var buf bytes.Buffer
		for {
			kind, r, err := c.NextReader()
			if err != nil {
				return
			}
			buf.Reset()
			if _, err := buf.ReadFrom(r); err != nil {
				return
			}
			if err := c.WriteMessage(kind, buf.Bytes()); err != nil {
				return
			}
		}
	}))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	announce(ln.Addr().String())
	err = service.ServeUntil(ctx, app, ln, time.Second)
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
