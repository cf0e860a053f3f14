// Package media is the service that terminates the carriers' media sockets: it
// converts their audio and connects each call with its agent, over NATS or a
// WebSocket.
package media

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/media/internal/gate"
	"github.com/trunkline-io/trunkline/services/media/internal/lookup"
	"github.com/trunkline-io/trunkline/services/media/internal/order"
	"github.com/trunkline-io/trunkline/services/media/internal/pace"
	"github.com/trunkline-io/trunkline/services/media/internal/prompt"
	"github.com/trunkline-io/trunkline/services/media/internal/session"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// GCPercent is for a program that runs this service alone, where GOGC is not set:
// audio is late while garbage is collected, and calls take little memory.
const GCPercent = 400

// Config of the service.
type Config struct {
	Links      trunk.Links
	Listen     string        `env:"MEDIA_LISTEN" envDefault:":8081" help:"address of the media sockets, /healthz, /readyz and /metrics"`
	Node       string        `env:"MEDIA_NODE" help:"name of this node in the log; the host's name when empty"`
	Prompts    string        `env:"MEDIA_PROMPTS" help:"folder of the MP3 and WAV files that are played: greetings, prompts, ambient loops"`
	Lead       time.Duration `env:"MEDIA_LEAD" envDefault:"120ms" help:"how far audio is sent ahead of its playing: 20ms to 1s"`
	MaxCalls   int           `env:"MEDIA_MAX_CALLS" envDefault:"500" help:"sockets served at once; 0 for no bound"`
	StartLimit time.Duration `env:"MEDIA_START_LIMIT" envDefault:"10s" help:"how long a carrier has, after it opened a socket, to announce its stream"`
	DrainLimit time.Duration `env:"MEDIA_DRAIN_LIMIT" envDefault:"10m" help:"how long calls may go on after SIGTERM"`

	Listener net.Listener      `env:"-"` // instead of Listen
	Ready    func(addr string) `env:"-"` // told the address once sockets are taken
	// Serve, when set, serves the app instead of listening, until ctx ends.
	Serve func(context.Context, *fiber.App) error `env:"-"`
}

// Run serves media sockets until ctx ends. Then it refuses new ones and lets
// the calls there are come to their end, for DrainLimit at most.
func Run(ctx context.Context, cfg Config, b *bus.Bus, log *logrus.Logger) error {
	if err := cfg.check(); err != nil {
		return fmt.Errorf("media: %w", err)
	}
	prompts, err := prompt.Open(cfg.Prompts, log)
	if err != nil {
		return fmt.Errorf("media: %w", err)
	}
	defer func() { _ = prompts.Close() }()
	if err := serve(ctx, cfg, prompts, b, log); err != nil {
		return fmt.Errorf("media: %w", err)
	}
	return nil
}

func (cfg *Config) check() error {
	if u, err := url.Parse(cfg.Links.Media); err != nil || u.Scheme != "wss" && u.Scheme != "ws" || u.Host == "" || u.RawQuery != "" {
		return fmt.Errorf("TRUNKLINE_PUBLIC_MEDIA_URL is %q, want wss://host", cfg.Links.Media)
	}
	if cfg.Lead < media.Frame || cfg.Lead > time.Second {
		return fmt.Errorf("TRUNKLINE_MEDIA_LEAD is %s, want 20ms to 1s", cfg.Lead)
	}
	if cfg.StartLimit <= 0 {
		return fmt.Errorf("TRUNKLINE_MEDIA_START_LIMIT is %s, want more than 0", cfg.StartLimit)
	}
	if cfg.Node == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("set TRUNKLINE_MEDIA_NODE: %w", err)
		}
		cfg.Node = host
	}
	return nil
}

func serve(ctx context.Context, cfg Config, prompts *prompt.Library, b *bus.Bus, log *logrus.Logger) error {
	live, err := b.Bucket(ctx, subject.BucketLive)
	if err != nil {
		return err
	}
	ln, err := cfg.listen()
	if err != nil {
		return err
	}
	// What serves calls goes on while they drain: it stops by itself, below.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, work := errgroup.WithContext(work)
	sessions, hangUp := context.WithCancel(work)
	defer hangUp()

	cache := trunk.NewCache(cfg.Links.Keys, log)
	sockets := socket.NewServer(socket.Defaults, cfg.MaxCalls, log)
	loaded := make(chan struct{})
	health := service.NewHealth(func() error { return ready(sockets, b) })
	node := &session.Node{
		Name: cfg.Node, Bus: b, Live: live, Clock: pace.NewClock(), Prompts: prompts,
		Metrics: session.NewMetrics(health.Metrics), Log: log, Lead: cfg.Lead, Announce: cfg.StartLimit,
	}
	book := &lookup.Book{Cache: cache, Bus: b}
	app := newApp(log)
	health.Mount(app)
	door := gate.New(gate.Config{
		Links: cfg.Links, Book: book, Sockets: sockets, Node: node, Log: log, Sessions: sessions,
	}, health.Metrics)
	app.Get(gate.Route, door.Handle)
	app.Get(gate.QueryRoute, door.Handle)
	desk := order.New(order.Config{Book: book, Sockets: sockets, Node: node, Log: log, Sessions: sessions}, health.Metrics)

	group.Go(func() error { node.Clock.Run(work); return nil })
	group.Go(func() error { prompts.Warm(ctx); return nil })
	group.Go(func() error { return cache.Watch(work, b, func() { close(loaded) }) })
	group.Go(func() error {
		select {
		case <-loaded:
			return cfg.serveApp(work, app, ln, log)
		case <-work.Done():
			return closed(ln)
		}
	})
	group.Go(func() error { takeOrders(ctx, work, desk, loaded); return nil })
	group.Go(func() error {
		defer stop()
		select {
		case <-ctx.Done():
			return drain(sockets, hangUp, cfg.DrainLimit, log)
		case <-work.Done(): // something has failed
			return drain(sockets, hangUp, 0, log)
		}
	})
	return group.Wait()
}

// listen opens the service's own address; nil where somebody else serves it.
func (cfg *Config) listen() (net.Listener, error) {
	if cfg.Serve != nil || cfg.Listener != nil {
		return cfg.Listener, nil
	}
	return net.Listen("tcp", cfg.Listen)
}

// serveApp takes sockets until ctx ends.
func (cfg *Config) serveApp(ctx context.Context, app *fiber.App, ln net.Listener, log *logrus.Logger) error {
	address := ""
	if ln != nil {
		address = ln.Addr().String()
		log.WithField("address", address).Info("media takes sockets")
	}
	if cfg.Ready != nil {
		cfg.Ready(address)
	}
	if cfg.Serve != nil {
		return cfg.Serve(ctx, app)
	}
	return service.ServeUntil(ctx, app, ln, time.Second)
}

// takeOrders takes orders once the cache is loaded, until the node drains or
// fails: until either context ends.
func takeOrders(ctx, work context.Context, desk *order.Desk, loaded <-chan struct{}) {
	work, stop := context.WithCancel(work)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	select {
	case <-loaded:
		desk.Run(work)
	case <-work.Done():
	}
}

// closed closes an address that was never served.
func closed(ln net.Listener) error {
	if ln == nil {
		return nil
	}
	return ln.Close()
}

// drain refuses new sockets, waits for the calls to end, and ends those that
// have not within the limit.
func drain(sockets *socket.Server, hangUp func(), limit time.Duration, log *logrus.Logger) error {
	sockets.Drain()
	log.WithField("calls", sockets.Live()).WithField("limit", limit.String()).Info("media drains")
	patience, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if sockets.Wait(patience) == nil {
		return nil
	}
	log.WithField("calls", sockets.Live()).Warn("calls are cut off")
	hangUp()
	last, cancel := context.WithTimeout(context.Background(), cutOff)
	defer cancel()
	return sockets.Wait(last)
}

// cutOff bounds the farewell to calls that are cut off: the agent is told, the
// end recorded, the socket closed.
const cutOff = 15 * time.Second

func ready(sockets *socket.Server, b *bus.Bus) error {
	switch {
	case sockets.Draining():
		return errors.New("draining")
	case !b.Connected():
		return errors.New("nats is away")
	}
	return nil
}

// newApp makes the HTTP server. Its limits hold up to the upgrade of a socket.
func newApp(log *logrus.Logger) *fiber.App {
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true, StrictRouting: true, CaseSensitive: true,
		BodyLimit: 16 << 10, ReadBufferSize: 8 << 10, // a socket keeps the latter for its life
		ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 75 * time.Second,
	})
	app.Use(func(c *fiber.Ctx) (err error) {
		defer func() {
			if p := recover(); p != nil {
				log.WithFields(logrus.Fields{"panic": p, "stack": string(debug.Stack())}).Error("request handler panicked")
				err = fiber.ErrInternalServerError
			}
		}()
		return c.Next()
	})
	return app
}
