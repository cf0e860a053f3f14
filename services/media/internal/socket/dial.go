package socket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
	Insecure bool   // the server's certificate is not verified
}

// ErrURL is the error of Dial where there can be no such server.
var ErrURL = errors.New("malformed ws or wss URL")

// StatusError is the answer of a server that opens no socket.
type StatusError struct{ Status int }

// Error implements error.
func (e *StatusError) Error() string { return fmt.Sprintf("no socket: status %d", e.Status) }

// Dial opens a socket. Whoever dialled calls Release. The error does not give
// the URL away, but for its host.
func Dial(ctx context.Context, to Target, limits Limits) (*Conn, error) {
	if u, err := url.Parse(to.URL); err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return nil, fmt.Errorf("dial: %w", ErrURL) // its own error would quote it
	}
	d := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: dialTimeout, ReadBufferSize: bufferSize, WriteBufferSize: bufferSize}
	if to.Protocol != "" {
		d.Subprotocols = []string{to.Protocol}
	}
	if to.Insecure {
		d.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // it is asked for, for a carrier in a trusted network
	}
	inner, resp, err := d.DialContext(ctx, to.URL, to.Header) //nolint:bodyclose // of a handshake's answer there is nothing to close
	if resp != nil && errors.Is(err, websocket.ErrBadHandshake) {
		err = &StatusError{resp.StatusCode}
	}
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return newConn(inner, limits, true), nil
}

// Permanent reports whether an error of Dial is there to stay: the server says
// no, is not who it should be, or cannot be. One that is away or has no room may
// be back.
func Permanent(err error) bool {
	var answer *StatusError
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &answer) {
		return answer.Status < 500 && answer.Status != http.StatusRequestTimeout && answer.Status != http.StatusTooManyRequests
	}
	return errors.As(err, &certificate) || errors.Is(err, ErrURL)
}
