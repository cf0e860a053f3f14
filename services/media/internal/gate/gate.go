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

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/media/internal/lookup"
	"github.com/trunkline-io/trunkline/services/media/internal/session"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// Where carriers open sockets. trunk.Links mints paths of Route; a carrier that
// keeps no path names the same in the query of QueryRoute.
const (
	Route      = "/v1/media/:org/:trunk/:call/:stream/:token"
	QueryRoute = "/v1/media"
)

// Config of a gate.
type Config struct {
	Links    trunk.Links
	Book     *lookup.Book
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

// Handle answers a request for either route: an upgrade, or the status that tells why
// not.
func (g *Gate) Handle(c *fiber.Ctx) error {
	// What fiber hands out is borrowed for the time of the request.
	param := func(name string) string { return strings.Clone(c.Params(name, c.Query(name))) }
	path := trunk.StreamPath{Org: param("org"), Trunk: param("trunk"), Call: param("call"), Stream: param("stream")}
	err := g.admit(c, path, param("token"))
	var r *lookup.Refusal
	var f *fiber.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &r):
	case errors.As(err, &f):
		r = &lookup.Refusal{Status: f.Code, Reason: f.Message}
	default:
		r = &lookup.Refusal{Status: fiber.StatusInternalServerError, Reason: err.Error()}
	}
	g.refused.WithLabelValues(fmt.Sprint(r.Status)).Inc()
	g.Log.WithFields(logrus.Fields{
		"org": path.Org, "call_id": path.Call, "trunk": path.Trunk, "stream_id": path.Stream, "status": r.Status, "reason": r.Reason,
	}).Warn("media socket is refused")
	return c.SendStatus(r.Status) // the reason is for the log, not for whoever asks
}

// admit runs the checks, the cheap ones first, and upgrades.
func (g *Gate) admit(c *fiber.Ctx, path trunk.StreamPath, token string) error {
	if !g.Links.VerifyStream(path, token, time.Now()) {
		return lookup.Refuse(fiber.StatusForbidden, "the token is wrong or has expired")
	}
	slot, err := g.Sockets.Reserve()
	if err != nil {
		return lookup.Refuse(fiber.StatusServiceUnavailable, "%s", err)
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
	line, err := g.Book.Trunk(path)
	if err != nil {
		return nil, err
	}
	req := g.request(c, path.Call)
	if err := line.Account.VerifyHandshake(req); err != nil {
		return nil, lookup.Refuse(handshakeStatus(err), "%s", err)
	}
	found, err := g.Book.Call(g.Sessions, line, path, "")
	if err != nil {
		return nil, err
	}
	found.Header = req.Header
	return found, nil
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
