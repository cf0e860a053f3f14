package socket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fasthttp/websocket"
)

// dialTimeout bounds the handshake where this side dials.
const dialTimeout = 5 * time.Second

// Target is a WebSocket server.
type Target struct {
	URL      string // ws:// or wss://
	Header   http.Header
	Protocol string // WebSocket subprotocol; "" for none
}

// Dial opens a socket. Whoever dialled calls Release.
func Dial(ctx context.Context, to Target, limits Limits) (*Conn, error) {
	d := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: dialTimeout, ReadBufferSize: bufferSize, WriteBufferSize: bufferSize}
	if to.Protocol != "" {
		d.Subprotocols = []string{to.Protocol}
	}
	inner, resp, err := d.DialContext(ctx, to.URL, to.Header) //nolint:bodyclose // of a handshake's answer there is nothing to close
	if resp != nil && errors.Is(err, websocket.ErrBadHandshake) {
		return nil, fmt.Errorf("dial: %w: status %d", err, resp.StatusCode)
	}
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return newConn(inner, limits, true), nil
}
