package providertest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// carrier stands for a carrier's REST API: an HTTP server on loopback that
// answers as it is told, and counts.
type carrier struct {
	srv   *httptest.Server
	suite *Suite
	rang  atomic.Int64 // requests that can ring a phone

	lock   sync.Mutex
	answer http.HandlerFunc // to what can ring, and to a hang-up
	auth   string           // the credentials as the last request carried them
}

func (s *Suite) newCarrier(answer http.HandlerFunc) *carrier {
	c := &carrier{suite: s, answer: answer}
	c.srv = httptest.NewServer(c)
	return c
}

// ServeHTTP reads a request to its end, as a carrier does before it dials.
func (c *carrier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, err := io.Copy(io.Discard, r.Body)
	c.lock.Lock()
	answer := c.answer
	if auth := r.Header.Get("Authorization"); auth != "" {
		c.auth = auth
	}
	c.lock.Unlock()
	switch {
	case err != nil:
		panic(http.ErrAbortHandler)
	case c.suite.rings(r):
		c.rang.Add(1)
		answer(w, r)
	case c.suite.API != nil:
		c.suite.API.ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *Suite) rings(r *http.Request) bool {
	if s.Rings != nil {
		return s.Rings(r)
	}
	return r.Method != http.MethodGet
}

// next sets the answer to what comes now, and counts from zero again.
func (c *carrier) next(answer http.HandlerFunc) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.answer = answer
	c.rang.Store(0)
}

func (c *carrier) credentials() string {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.auth
}

// account opens the suite's account at the carrier.
func (c *carrier) account(e *env) (*provider.Account, error) {
	config := e.Config
	config.APIURL = c.srv.URL
	return provider.Open(e.Provider, config)
}

// reply answers with a status and a JSON body.
func (r Reply) reply(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.Status != 0 {
		w.WriteHeader(r.Status)
	}
	_, _ = io.WriteString(w, r.Body) // whoever hung up does not want it
}

// cut takes the connection away after writing to it.
func cut(raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(conn, raw) // it is closed either way
		conn.Close()
	}
}

// refusing returns an address at which nobody listens.
func refusing() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return "http://" + l.Addr().String(), l.Close()
}

// patience is a context that ends as a deadline does, at a moment of the
// test's choice.
type patience struct {
	context.Context
	done chan struct{}
	err  error
}

func (p patience) Done() <-chan struct{} { return p.done }

func (p patience) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}
