package ari

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// times are how long things take, shorter in tests.
type times struct {
	request  time.Duration // of one request to the PBX
	ping     time.Duration // between two pings: Asterisk sends none
	pong     time.Duration // patience for the answer
	first    time.Duration // of the back-off
	most     time.Duration // of the back-off
	stable   time.Duration // a socket that was up for it begins the back-off anew
	janitor  time.Duration // between two reconciliations
	end      time.Duration // patience for the end of a channel that left
	connect  time.Duration // patience for a media socket to be dialled
	record   time.Duration // before a notice that was not recorded is tried again
	attempts int           // at recording a notice
}

var usual = times{
	request: 3 * time.Second, ping: 25 * time.Second, pong: 10 * time.Second,
	first: time.Second, most: 30 * time.Second, stable: 30 * time.Second,
	janitor: 30 * time.Second,
	end:     2 * time.Second, connect: 5 * time.Second, record: 200 * time.Millisecond, attempts: 4,
}

// refusals is how often in a row the PBX may refuse the socket for a reason
// that does not pass by itself.
const refusals = 5

// maxEvent is the longest event that is read, in bytes.
const maxEvent = 1 << 20

// errReplaced ends a listener whose application another one has taken: taking it
// back would make both fight for ever.
var errReplaced = provider.Errorf(provider.KindConflict, "another connection took the application over: does another trunk or node use its name?")

// Listen implements provider.EventListener. It returns before ctx ends only
// where to go on makes no sense: the application was taken over, or the PBX
// refuses the socket again and again.
func (d *driver) Listen(ctx context.Context, sink provider.EventSink) error {
	l := newListener(d, sink)
	defer l.wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.start(ctx)
	refused := 0
	for wait := d.times.first; ; wait = min(2*wait, d.times.most) {
		up := time.Now()
		err := l.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		sink.Socket(err)
		switch {
		case errors.Is(err, errReplaced):
			return err
		case permanent(err):
			if refused++; refused == refusals {
				return err
			}
		default:
			refused = 0
		}
		if time.Since(up) >= d.times.stable {
			wait = d.times.first
		}
		if !sleep(ctx, wait/2+rand.N(wait/2+1)) {
			return nil
		}
	}
}

// sleep waits, and reports whether ctx goes on.
func sleep(ctx context.Context, wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// permanent reports whether the PBX refused a socket for a reason that does not
// pass by itself.
func permanent(err error) bool {
	switch provider.KindOf(err) {
	case provider.KindInvalid, provider.KindUnauthenticated, provider.KindForbidden, provider.KindNotFound:
		return true
	}
	return false
}

// dial opens the events socket.
func (d *driver) dial(ctx context.Context) (*websocket.Conn, error) {
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: d.times.request}
	if !d.verify {
		dialer.TLSClientConfig = insecure.Clone()
	}
	header := http.Header{}
	if err := d.rest.Auth(header); err != nil {
		return nil, err
	}
	address := socketURL(d.base) + "/ari/events?" + url.Values{"app": {d.app}, "subscribeAll": {"false"}}.Encode()
	conn, resp, err := dialer.DialContext(ctx, address, header) //nolint:bodyclose // of a handshake's answer there is nothing to close
	if err == nil {
		conn.SetReadLimit(maxEvent)
		return conn, nil
	}
	if resp == nil {
		return nil, &provider.Error{Kind: provider.KindUnavailable, Err: fmt.Errorf("open the events socket: %w", hide(err))}
	}
	kinds := map[int]provider.Kind{
		http.StatusBadRequest: provider.KindInvalid, http.StatusUnauthorized: provider.KindUnauthenticated,
		http.StatusForbidden: provider.KindForbidden, http.StatusNotFound: provider.KindNotFound,
	}
	kind := provider.KindUnavailable
	if k, ok := kinds[resp.StatusCode]; ok {
		kind = k
	}
	return nil, &provider.Error{Kind: kind, Status: resp.StatusCode, Err: errors.New("the PBX refuses the events socket")}
}

// hide takes the address off an error.
func hide(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// session is one life of the events socket. The reader only sorts events into
// lanes: Asterisk cuts off whoever is slow.
func (l *listener) session(ctx context.Context) error {
	conn, err := l.dial(ctx)
	if err != nil {
		return err
	}
	l.sink.Socket(nil)
	ctx, cancel := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer others.Wait()
	defer cancel()
	others.Go(func() {
		<-ctx.Done()
		_ = conn.Close() // it wakes the reader
	})
	others.Go(func() { l.keepAlive(ctx, conn) })
	others.Go(func() { l.keepTrue(ctx) })
	alive := func() error { return conn.SetReadDeadline(time.Now().Add(l.times.ping + l.times.pong)) }
	conn.SetPongHandler(func(string) error { return alive() })
	for {
		if err := alive(); err != nil {
			return unavailable(err)
		}
		_, doc, err := conn.ReadMessage()
		if err != nil {
			return unavailable(err)
		}
		e, n, err := l.ids.parse(doc)
		switch {
		case err != nil: // no event
		case e.Type == "ApplicationReplaced" && e.Application == l.app:
			return errReplaced
		default:
			l.lane(n.LegID).push(func(ctx context.Context) { l.take(ctx, e, n) })
		}
	}
}

func unavailable(err error) error {
	return &provider.Error{Kind: provider.KindUnavailable, Err: fmt.Errorf("events socket: %w", err)}
}

// keepAlive pings: neither side would notice a dead peer otherwise.
func (l *listener) keepAlive(ctx context.Context, conn *websocket.Conn) {
	for sleep(ctx, l.times.ping) {
		if err := conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(l.times.pong)); err != nil {
			_ = conn.Close() // it wakes the reader
			return
		}
	}
}

// keepTrue sets the filter of a new socket, and compares the PBX with the log:
// at once, as nobody repeats what was missed, and now and then.
func (l *listener) keepTrue(ctx context.Context) {
	type kind struct {
		Type string `json:"type"`
	}
	noise := map[string][]kind{"disallowed": {{"ChannelVarset"}, {"ChannelDialplan"}}}
	_ = l.quick(ctx, rest.Request{Method: http.MethodPut, Path: "/applications/" + url.PathEscape(l.app) + "/eventFilter", JSON: noise}, nil) // it spares work, no more
	var suspects map[string]bool
	for {
		wait := l.times.janitor
		var err error
		if suspects, err = l.reconcile(ctx, suspects); err != nil {
			wait = l.times.connect // registry may be on its way, too
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}
