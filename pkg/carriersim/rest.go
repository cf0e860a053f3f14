package carriersim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// maxRequest is the size up to which a REST request is read.
const maxRequest = 1 << 20

// Refuse writes the carrier's own kind of reply for an HTTP status that is not
// a success.
type Refuse func(w http.ResponseWriter, status int)

// Serve starts the REST server on loopback. The handler's replies are held
// until it returns, so that the stages of a request are clear cut; requests to
// upgrade to a WebSocket reach the handler as they are.
func (x *Exchange) Serve(h http.Handler, refuse Refuse) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("%s: %w", x.name, err)
	}
	x.url = "http://" + listener.Addr().String()
	x.server = &http.Server{
		Handler:           &restServer{x, h, refuse},
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return x.ctx },
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				x.faults.stage(Accepted, nil)
			}
		},
	}
	x.Go(func(context.Context) { x.server.Serve(listener) })
	return nil
}

// APIURL implements Carrier.
func (x *Exchange) APIURL() string { return x.url }

// restServer takes a request through its stages and faults.
type restServer struct {
	exchange *Exchange
	handler  http.Handler
	refuse   Refuse
}

// enter makes Close wait for a request that is being served.
func (x *Exchange) enter() (ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.closed {
		x.wg.Add(1)
	}
	return !x.closed
}

func (s *restServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.exchange.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.exchange.wg.Done()
	if r.Header.Get("Upgrade") != "" {
		s.handler.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		s.refuse(w, http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	faults := s.exchange.faults
	faults.stage(Read, r)
	before, after := faults.rest(r)
	reply := newReply()
	if !s.strike(reply, r, before) {
		s.handler.ServeHTTP(reply, r)
		faults.stage(Acted, r)
		s.strike(reply, r, after)
	}
	reply.send(w)
	faults.stage(Replied, r)
}

// strike applies faults to a reply, and reports whether they made one of their
// own. It aborts the request where no reply shall come.
func (s *restServer) strike(reply *reply, r *http.Request, faults []RESTFault) (replied bool) {
	for _, f := range faults {
		Sleep(r.Context(), f.Delay)
		if f.Hang {
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}
		if f.Cut && !f.After {
			panic(http.ErrAbortHandler)
		}
		reply.cut = reply.cut || f.Cut
		for name, values := range f.Header {
			reply.extra[name] = values
		}
		if f.Status != 0 {
			reply.reset()
			s.refuse(reply, f.Status)
			replied = true
		}
	}
	return replied
}

// reply holds a handler's reply.
type reply struct {
	status int
	header http.Header
	extra  http.Header // from faults
	body   bytes.Buffer
	cut    bool // send half of it
}

func newReply() *reply {
	return &reply{status: http.StatusOK, header: http.Header{}, extra: http.Header{}}
}

func (r *reply) reset() {
	r.status, r.header = http.StatusOK, http.Header{}
	r.body.Reset()
}

func (r *reply) Header() http.Header         { return r.header }
func (r *reply) WriteHeader(status int)      { r.status = status }
func (r *reply) Write(b []byte) (int, error) { return r.body.Write(b) }

// send writes the reply to the client and flushes it.
func (r *reply) send(w http.ResponseWriter) {
	for _, from := range []http.Header{r.header, r.extra} {
		for name, values := range from {
			w.Header()[name] = values
		}
	}
	body := r.body.Bytes()
	if r.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(r.status)
	if r.cut {
		body = body[:len(body)/2]
	}
	w.Write(body)
	http.NewResponseController(w).Flush()
	if r.cut {
		panic(http.ErrAbortHandler)
	}
}
