// Package ingress takes the carriers' webhooks, records what happened, and
// answers with what the carrier shall do. It keeps nothing: any number of
// instances run beside each other.
package ingress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/ingress/internal/listener"
	"github.com/trunkline-io/trunkline/services/ingress/internal/webhook"
)

// Config of the service.
type Config struct {
	Links          trunk.Links
	Listen         string        `env:"INGRESS_LISTEN" envDefault:":8080" help:"address of the webhooks, /healthz, /readyz and /metrics"`
	TrustedProxies []string      `env:"INGRESS_TRUSTED_PROXIES" help:"networks (CIDR, comma-separated) whose X-Forwarded-Proto and -Host tell the public URL where TRUNKLINE_PUBLIC_URL is empty"`
	Drain          time.Duration `env:"INGRESS_DRAIN" envDefault:"10s" help:"how long webhooks in hand may take after SIGTERM"`

	Listener net.Listener      `env:"-"` // instead of Listen
	Ready    func(addr string) `env:"-"` // told the address once webhooks are taken
	// Serve, when set, serves the app instead of listening, until ctx ends.
	Serve func(context.Context, *fiber.App) error `env:"-"`
}

// Run takes webhooks until ctx ends, then finishes those in hand.
func Run(ctx context.Context, cfg Config, b *bus.Bus, log *logrus.Logger) error {
	if err := run(ctx, cfg, b, log); err != nil {
		return fmt.Errorf("ingress: %w", err)
	}
	return nil
}

func run(ctx context.Context, cfg Config, b *bus.Bus, log *logrus.Logger) (err error) {
	public, err := cfg.public()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// What is configured is watched until the last webhook is done.
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	cache := trunk.NewCache(cfg.Links.Keys, log)
	loaded, watched := make(chan struct{}), make(chan error, 1)
	go func() {
		defer stop()
		err := cache.Watch(watching, b, func() { close(loaded) })
		if err == nil && watching.Err() == nil {
			err = errors.New("what is configured is no longer watched")
		}
		watched <- err
	}()
	defer func() {
		stopWatching()
		err = errors.Join(err, <-watched)
	}()
	select {
	case <-loaded:
		return serve(ctx, cfg, public, cache, b, log)
	case <-ctx.Done():
		return nil
	}
}

func serve(ctx context.Context, cfg Config, public *webhook.Public, cache *trunk.Cache, b *bus.Bus, log *logrus.Logger) error {
	health := service.NewHealth(func() error {
		switch {
		case ctx.Err() != nil:
			return errors.New("draining")
		case !b.Connected():
			return errors.New("nats is away")
		}
		return nil
	})
	receiver, err := webhook.New(ctx, cfg.Links, public, cache, b, health.Metrics, log)
	if err != nil {
		return err
	}
	stopListening, err := listen(ctx, cache, receiver, b, health.Metrics, log)
	if err != nil {
		return err
	}
	defer stopListening()
	app := newApp(log)
	health.Mount(app)
	receiver.Mount(app)
	if cfg.Serve != nil {
		if cfg.Ready != nil {
			cfg.Ready("")
		}
		return cfg.Serve(ctx, app)
	}
	ln := cfg.Listener
	if ln == nil {
		if ln, err = net.Listen("tcp", cfg.Listen); err != nil {
			return err
		}
	}
	log.WithField("address", ln.Addr().String()).Info("ingress takes webhooks")
	if cfg.Ready != nil {
		cfg.Ready(ln.Addr().String())
	}
	return service.ServeUntil(ctx, app, ln, cfg.Drain)
}

// park is how long a trunk rests whose carrier does not want to be listened to.
const park = time.Minute

// listen hears the trunks whose carriers call nobody back, until ctx ends or stop is called.
func listen(ctx context.Context, cache *trunk.Cache, r *webhook.Receiver, b *bus.Bus, metrics prometheus.Registerer, log *logrus.Logger) (stop func(), err error) {
	host, _ := os.Hostname() // "" does as well
	desk := &listener.Desk{Bus: b, Cache: cache, Hear: r.Hear, Owner: fmt.Sprintf("%s/%d", host, os.Getpid()), Log: log, Park: park}
	if err := desk.Open(ctx, metrics); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { desk.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}, nil
}

// public checks the addresses that carriers are told.
func (cfg Config) public() (*webhook.Public, error) {
	if cfg.Links.Hooks != "" {
		if err := checkBase("TRUNKLINE_PUBLIC_URL", cfg.Links.Hooks, "https", "http"); err != nil {
			return nil, err
		}
	}
	if err := checkBase("TRUNKLINE_PUBLIC_MEDIA_URL", cfg.Links.Media, "wss", "ws"); err != nil {
		return nil, err
	}
	return webhook.NewPublic(cfg.Links.Hooks, cfg.TrustedProxies)
}

func checkBase(setting, base, secure, plain string) error {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != secure && u.Scheme != plain || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%s is %q, want %s://host", setting, base, secure)
	}
	return nil
}

// Limits of a request. A body above webhook.MaxBody is refused in words; one
// above maxRead is not even read.
const (
	maxRead    = 4 * webhook.MaxBody
	maxHeader  = 16 << 10 // a GET callback carries all its fields, some of them tokens
	readLimit  = 10 * time.Second
	idleLimit  = 75 * time.Second
	writeLimit = 10 * time.Second
)

func newApp(log *logrus.Logger) *fiber.App {
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true, StrictRouting: true, CaseSensitive: true,
		BodyLimit: maxRead, ReadBufferSize: maxHeader, DisablePreParseMultipartForm: true,
		ReadTimeout: readLimit, IdleTimeout: idleLimit, WriteTimeout: writeLimit,
		ErrorHandler: func(c *fiber.Ctx, err error) error { return refuse(c, log, err) },
	})
	app.Use(func(c *fiber.Ctx) (err error) {
		defer func() {
			if p := recover(); p != nil {
				log.WithFields(logrus.Fields{"panic": p, "stack": string(debug.Stack())}).Error("webhook handler panicked")
				err = fiber.ErrServiceUnavailable
			}
		}()
		return c.Next()
	})
	return app
}

// refuse answers a request that reached no webhook. A fault of ours asks the
// carrier to try again.
func refuse(c *fiber.Ctx, log *logrus.Logger, err error) error {
	status := fiber.StatusServiceUnavailable
	var known *fiber.Error
	if errors.As(err, &known) && known.Code < fiber.StatusInternalServerError {
		status = known.Code
	}
	level := logrus.WarnLevel
	if status == fiber.StatusNotFound || status == fiber.StatusMethodNotAllowed {
		level = logrus.DebugLevel // scanners ask for anything
	}
	log.WithError(err).WithField("status", status).Log(level, "request refused")
	return c.SendStatus(status)
}
