// Package gate is the door of a media node: it decides which requests become
// sockets, and hands those to sessions.
package gate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/media/internal/session"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// Route is where carriers open sockets; trunk.Links mints such paths.
const Route = "/v1/media/:org/:trunk/:call/:stream/:token"

// patience bounds what waits for NATS while a carrier waits for its answer.
const patience = 2 * time.Second

// Config of a gate.
type Config struct {
	Links    trunk.Links
	Cache    *trunk.Cache
	Bus      *bus.Bus
	Sockets  *socket.Server
	Node     *session.Node
	Log      *logrus.Logger
	Sessions context.Context // of all sessions, which outlive their requests
}

// Gate lets sockets in.
type Gate struct {
	Config
	refused *prometheus.CounterVec
}

// New makes a gate and registers its metrics.
func New(c Config, metrics prometheus.Registerer) *Gate {
	g := &Gate{c, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "trunkline_media_upgrades_refused_total", Help: "Requests for a media socket that were refused, by HTTP status.",
	}, []string{"status"})}
	metrics.MustRegister(g.refused)
	return g
}

// refusal is the error of a request that becomes no socket.
type refusal struct {
	status int
	reason string
}

// Error implements error.
func (r *refusal) Error() string { return r.reason }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// Handle answers a request for Route: an upgrade, or the status that tells why
// not.
func (g *Gate) Handle(c *fiber.Ctx) error {
	// What fiber hands out is borrowed for the time of the request.
	param := func(name string) string { return strings.Clone(c.Params(name)) }
	path := trunk.StreamPath{Org: param("org"), Trunk: param("trunk"), Call: param("call"), Stream: param("stream")}
	err := g.admit(c, path, param("token"))
	var r *refusal
	var f *fiber.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &r):
	case errors.As(err, &f):
		r = &refusal{f.Code, f.Message}
	default:
		r = &refusal{fiber.StatusInternalServerError, err.Error()}
	}
	g.refused.WithLabelValues(fmt.Sprint(r.status)).Inc()
	g.Log.WithFields(logrus.Fields{
		"org": path.Org, "call_id": path.Call, "trunk": path.Trunk, "stream_id": path.Stream, "status": r.status, "reason": r.reason,
	}).Warn("media socket is refused")
	return c.SendStatus(r.status) // the reason is for the log, not for whoever asks
}

// admit runs the checks, the cheap ones first, and upgrades.
func (g *Gate) admit(c *fiber.Ctx, path trunk.StreamPath, token string) error {
	if !g.Links.VerifyStream(path, token, time.Now()) {
		return refuse(fiber.StatusForbidden, "the token is wrong or has expired")
	}
	slot, err := g.Sockets.Reserve()
	if err != nil {
		return refuse(fiber.StatusServiceUnavailable, "%s", err)
	}
	var found *session.Call
	defer func() {
		if found == nil {
			slot.Free()
		}
	}()
	if found, err = g.find(c, path); err != nil {
		return err
	}
	return slot.Upgrade(c, func(conn *socket.Conn) { g.Node.Serve(g.Sessions, *found, conn) })
}

// find looks up the stream that a request is for, and checks that it may have
// it.
func (g *Gate) find(c *fiber.Ctx, path trunk.StreamPath) (*session.Call, error) {
	line, err := g.Cache.Trunk(path.Org, path.Trunk)
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return nil, refuse(fiber.StatusNotFound, "%s", err)
	case err != nil:
		return nil, refuse(fiber.StatusServiceUnavailable, "%s", err)
	case !line.Account.Can(provider.CanStream):
		return nil, refuse(fiber.StatusNotFound, "%s has no media streams", line.Provider)
	}
	req := g.request(c, path.Call)
	if err := line.Account.VerifyHandshake(req); err != nil {
		return nil, refuse(handshakeStatus(err), "%s", err)
	}
	state, err := g.state(path)
	if err != nil {
		return nil, err
	}
	app, ok := g.Cache.Application(path.Org, application(state))
	if !ok {
		return nil, refuse(fiber.StatusNotFound, "there is no application %q", application(state))
	}
	return &session.Call{Org: path.Org, ID: path.Call, Stream: path.Stream, Trunk: line, Application: app, State: state, Header: req.Header}, nil
}

// request is the upgrade in the form that providers verify: over the public
// URL, of which the carrier was told.
func (g *Gate) request(c *fiber.Ctx, callID string) *provider.Request {
	req := &provider.Request{
		Method: strings.Clone(c.Method()), URL: strings.TrimSuffix(g.Links.Media, "/") + c.OriginalURL(),
		CallID: callID, PathVerified: true, Now: time.Now(),
	}
	c.Request().Header.VisitAll(func(name, value []byte) {
		req.Header = append(req.Header, provider.Field{Name: string(name), Value: string(value)})
	})
	return req
}

func handshakeStatus(err error) int {
	var e *provider.Error
	if errors.As(err, &e) && e.Status != 0 {
		return e.Status
	}
	return fiber.StatusForbidden
}

// state asks the log whether the call lives, and whether its stream was used by
// another leg.
func (g *Gate) state(path trunk.StreamPath) (event.State, error) {
	ctx, cancel := context.WithTimeout(g.Sessions, patience)
	defer cancel()
	state, err := g.Bus.State(ctx, path.Org, path.Call)
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return state, refuse(fiber.StatusNotFound, "there is no such call")
	case err != nil:
		return state, refuse(fiber.StatusServiceUnavailable, "the log cannot be asked: %s", err)
	case state.End != nil:
		return state, refuse(fiber.StatusGone, "the call has ended")
	}
	used, err := g.Bus.Fact(ctx, path.Org, path.Call, event.StreamStarted{}.Type(), path.Stream)
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return state, nil
	case err != nil:
		return state, refuse(fiber.StatusServiceUnavailable, "the log cannot be asked: %s", err)
	case state.Leg != "" && used.Leg != "" && used.Leg != state.Leg:
		return state, refuse(fiber.StatusConflict, "the stream is another leg's")
	}
	return state, nil
}

// application is the one that took the call.
func application(s event.State) string {
	if s.Bound != nil && s.Bound.Application != "" {
		return s.Bound.Application
	}
	return s.Application
}
