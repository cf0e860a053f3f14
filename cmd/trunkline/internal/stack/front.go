package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/sirupsen/logrus"
	"github.com/valyala/fasthttp"
)

// What stands behind the one address.
const (
	webhooks = iota
	sockets
	backends
)

// mediaPath is where every media URL begins; see trunk.Links. What follows is
// more path, or nothing but a query.
var mediaPath = []byte("/v1/media")

// front serves ingress and media on one address, so that one tunnel or one
// certificate is enough.
type front struct {
	ln       net.Listener
	log      *logrus.Logger
	mounted  [backends]chan struct{}
	handlers [backends]fasthttp.RequestHandler
	closed   chan struct{} // closed once no request is in hand any more
}

func newFront(ln net.Listener, log *logrus.Logger) *front {
	f := &front{ln: ln, log: log, closed: make(chan struct{})}
	for i := range f.mounted {
		f.mounted[i] = make(chan struct{})
	}
	return f
}

// serve returns what a service calls instead of listening: it puts the
// service's app behind the address and keeps it there until the front closes.
func (f *front) serve(backend int) func(context.Context, *fiber.App) error {
	return func(_ context.Context, app *fiber.App) error {
		f.handlers[backend] = app.Handler()
		close(f.mounted[backend])
		<-f.closed
		return nil
	}
}

// run calls ready once it serves. It serves until ctx ends, then lets the
// requests in hand come to their end and closes the listener. Media sockets
// outlive it: the media service drains them.
func (f *front) run(ctx context.Context, ready func()) error {
	defer close(f.closed)
	for _, mounted := range f.mounted {
		select {
		case <-mounted:
		case <-ctx.Done():
			return f.ln.Close()
		}
	}
	server := &fasthttp.Server{
		Handler: f.route, ErrorHandler: f.refuse, Logger: quiet{}, Name: "trunkline", MaxRequestBodySize: 1 << 20, ReadBufferSize: 16 << 10,
		ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 75 * time.Second, NoDefaultServerHeader: true,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(f.ln) }()
	ready()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = server.ShutdownWithContext(closing) // past the limit, open requests are cut off
	_ = f.ln.Close()                        // a server that had not begun yet was not shut down
	return <-served
}

// refuse answers a request that cannot be read.
func (f *front) refuse(c *fasthttp.RequestCtx, err error) {
	status := fasthttp.StatusBadRequest
	var small *fasthttp.ErrSmallBuffer
	var network net.Error
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		status = fasthttp.StatusRequestEntityTooLarge
	case errors.As(err, &small):
		status = fasthttp.StatusRequestHeaderFieldsTooLarge
	case errors.As(err, &network) && network.Timeout():
		status = fasthttp.StatusRequestTimeout
	}
	f.log.WithError(err).WithFields(logrus.Fields{"status": status, "peer": c.RemoteIP().String()}).Warn("request refused")
	c.Response.Reset()
	c.SetStatusCode(status)
	c.SetConnectionClose()
}

// quiet keeps the server from saying again what refuse has said.
type quiet struct{}

// Printf implements fasthttp.Logger.
func (quiet) Printf(string, ...any) {}

func (f *front) route(c *fasthttp.RequestCtx) {
	if rest, ok := bytes.CutPrefix(c.Path(), mediaPath); ok && (len(rest) == 0 || rest[0] == '/') {
		f.handlers[sockets](c)
		return
	}
	f.handlers[webhooks](c)
}
