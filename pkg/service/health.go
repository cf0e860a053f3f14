package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Health answers /healthz (the process runs), /readyz (it can do its work) and
// /metrics (Prometheus).
type Health struct {
	Metrics *prometheus.Registry
	ready   func() error
}

// NewHealth makes a health with a registry of its own. ready returns nil when
// the service can do its work, or why it cannot.
func NewHealth(ready func() error) *Health {
	h := &Health{Metrics: prometheus.NewRegistry(), ready: ready}
	h.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return h
}

// Mount adds the three routes to an app.
func (h *Health) Mount(app *fiber.App) {
	app.Get("/healthz", func(c *fiber.Ctx) error { return c.SendString("ok\n") })
	app.Get("/readyz", func(c *fiber.Ctx) error {
		if err := h.ready(); err != nil {
			return c.Status(fiber.StatusServiceUnavailable).SendString(err.Error() + "\n")
		}
		return c.SendString("ready\n")
	})
	app.Get("/metrics", adaptor.HTTPHandler(promhttp.HandlerFor(h.Metrics, promhttp.HandlerOpts{})))
}

// Serve runs an HTTP server for the three routes alone until ctx ends, for
// services that have no other. The address "off", or none, means no server.
func (h *Health) Serve(ctx context.Context, listen string) error {
	if listen == "off" || listen == "" {
		<-ctx.Done()
		return nil
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: 10 * time.Second})
	h.Mount(app)
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return ServeUntil(ctx, app, ln, time.Second)
}

// ServeUntil serves an app until ctx ends, then gives open requests the grace.
// It closes ln.
func ServeUntil(ctx context.Context, app *fiber.App, ln net.Listener, grace time.Duration) error {
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	err := app.ShutdownWithTimeout(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	// A server that had not begun yet was not shut down. It ends at once
	// without its listener, which a shutdown has closed already.
	_ = ln.Close()
	return errors.Join(err, <-served)
}
