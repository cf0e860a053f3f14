package rest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// serve returns a client of a server.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &Client{Base: srv.URL}
}

func TestRequests(t *testing.T) {
	type sent struct{ Method, Target, Authorization, ContentType, Body string }
	for name, test := range map[string]struct {
		auth Auth
		req  Request
		want sent
	}{
		"query":    {Basic("AC1", "s:1"), Request{Method: "GET", Path: "/n.json", Query: url.Values{"N": {"+1"}, "T>": {"2"}}}, sent{"GET", "/n.json?N=%2B1&T%3E=2", "Basic QUMxOnM6MQ==", "", ""}},
		"form":     {nil, Request{Method: "POST", Path: "/c", Form: url.Values{"E": {"a", "b"}, "To": {"+1"}}}, sent{"POST", "/c", "", "application/x-www-form-urlencoded", "E=a&E=b&To=%2B1"}},
		"no field": {nil, Request{Method: "POST", Path: "/c", Form: url.Values{}}, sent{"POST", "/c", "", "application/x-www-form-urlencoded", ""}},
		"json":     {Bearer("t"), Request{Method: "PUT", Path: "/c/v3%3Ax", JSON: map[string]int{"a": 1}}, sent{"PUT", "/c/v3%3Ax", "Bearer t", "application/json", `{"a":1}`}},
		"delete":   {nil, Request{Method: "DELETE", Path: "/c"}, sent{"DELETE", "/c", "", "", ""}},
	} {
		var got sent
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = sent{r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(body)}
			w.WriteHeader(http.StatusNoContent)
		})
		c.Auth = test.auth
		if err := c.Do(context.Background(), test.req, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestReply(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"sid":"CA1"}`)
	})
	var got struct {
		SID string `json:"sid"`
	}
	if err := c.Do(context.Background(), Request{Method: "POST", Path: "/"}, &got); err != nil || got.SID != "CA1" {
		t.Errorf("%q %v, want CA1", got.SID, err)
	}
}

// raw answers by hand and takes the connection away.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		io.WriteString(conn, text)
		conn.Close()
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// TestKinds holds what each failure means for a dial, which must not be done
// twice, and for a request that may be.
func TestKinds(t *testing.T) {
	for name, test := range map[string]struct {
		answer      http.HandlerFunc
		once, again provider.Kind
	}{
		"cut":       {raw(""), provider.KindUncertain, provider.KindUnavailable},
		"reply cut": {raw("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"), provider.KindUncertain, provider.KindUnavailable},
		"no HTTP":   {raw("hello\r\n\r\n"), provider.KindUncertain, provider.KindUnavailable},
		"page":      {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }, provider.KindUncertain, provider.KindUnavailable},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "{"+strings.Repeat(" ", MaxReply-1)+"}")
		}, provider.KindUncertain, provider.KindUnavailable},
		"500":       {status(500), provider.KindUncertain, provider.KindUnavailable},
		"502":       {status(502), provider.KindUncertain, provider.KindUnavailable},
		"503":       {status(503), provider.KindUncertain, provider.KindUnavailable},
		"504":       {status(504), provider.KindUncertain, provider.KindUnavailable},
		"408":       {status(408), provider.KindUncertain, provider.KindUnavailable},
		"400":       {status(400), provider.KindInvalid, provider.KindInvalid},
		"422":       {status(422), provider.KindInvalid, provider.KindInvalid},
		"401":       {status(401), provider.KindUnauthenticated, provider.KindUnauthenticated},
		"402":       {status(402), provider.KindRejected, provider.KindRejected},
		"403":       {status(403), provider.KindForbidden, provider.KindForbidden},
		"404":       {status(404), provider.KindNotFound, provider.KindNotFound},
		"409":       {status(409), provider.KindConflict, provider.KindConflict},
		"410":       {status(410), provider.KindNotFound, provider.KindNotFound},
		"429":       {status(429), provider.KindRateLimited, provider.KindRateLimited},
		"error cut": {raw("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 100\r\n\r\n{"), provider.KindRateLimited, provider.KindRateLimited},
		"sends away": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
		}, provider.KindInvalid, provider.KindInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				asked.Add(1)
				test.answer(w, r)
			})
			for _, r := range []struct {
				req  Request
				want provider.Kind
			}{
				{Request{Method: "POST", Path: "/", JSON: 1}, test.once},
				{Request{Method: "POST", Path: "/", JSON: 1, Repeatable: true}, test.again},
				{Request{Method: "PUT", Path: "/", JSON: 1}, test.again},
			} {
				asked.Store(0)
				err := c.Do(context.Background(), r.req, new(any))
				if provider.KindOf(err) != r.want {
					t.Errorf("%s, repeatable %v: %v, want %s", r.req.Method, r.req.Repeatable, err, r.want)
				}
				if n := asked.Load(); n != 1 {
					t.Errorf("%s: asked %d times, want once", r.req.Method, n)
				}
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := Client{Base: "http://" + l.Addr().String()}
	err = c.Do(context.Background(), Request{Method: "POST", Path: "/Calls.json"}, nil)
	if provider.KindOf(err) != provider.KindUnavailable {
		t.Errorf("%v, want unavailable", err)
	}
	if strings.Contains(err.Error(), "Calls") {
		t.Errorf("%v: holds the address", err)
	}
}

func TestNoTLS(t *testing.T) {
	c := serve(t, status(204))
	c.Base = strings.Replace(c.Base, "http", "https", 1)
	if err := c.Do(context.Background(), Request{Method: "POST", Path: "/"}, nil); provider.KindOf(err) != provider.KindUnavailable {
		t.Errorf("%v, want unavailable: nothing was written", err)
	}
}

func TestPatience(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel() // the request is here
		<-r.Context().Done()
	})
	err := c.Do(ctx, Request{Method: "POST", Path: "/"}, nil)
	if provider.KindOf(err) != provider.KindUncertain || !errors.Is(err, context.Canceled) {
		t.Errorf("given up after writing: %v, want uncertain and canceled", err)
	}
	err = c.Do(ctx, Request{Method: "POST", Path: "/"}, nil)
	if provider.KindOf(err) != provider.KindUnavailable {
		t.Errorf("given up before: %v, want unavailable", err)
	}
}

// TestLostOnUsedConnection takes an idle connection away at the moment when it
// is used again: net/http repeats what it has not written, and nothing else.
func TestLostOnUsedConnection(t *testing.T) {
	var asked atomic.Int64
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if asked.Add(1) == 2 {
			raw("")(w, r)
		}
	})
	dial := Request{Method: "POST", Path: "/", Form: url.Values{"To": {"+1"}}}
	if err := c.Do(context.Background(), dial, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Do(context.Background(), dial, nil); provider.KindOf(err) != provider.KindUncertain {
		t.Errorf("%v, want uncertain", err)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times, want twice", n)
	}
}

// TestWritten plays what net/http does when it finds that an idle connection
// is gone before it has written to it.
func TestWritten(t *testing.T) {
	var w wire
	trace := httptrace.ContextClientTrace(w.watch(context.Background()))
	trace.GetConn("h:443")
	trace.GotConn(httptrace.GotConnInfo{Reused: true})
	if !w.written.Load() {
		t.Error("on a connection, a request may be written")
	}
	trace.GetConn("h:443")
	if w.written.Load() {
		t.Error("asking for another connection proves that nothing was written")
	}
}

func TestFault(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(map[string]string{"code": "21220", "message": "no:\n" + r.Header.Get("Authorization") +
			" and s3cret at https://hooks.example/v1/capability?x=1 " + strings.Repeat("x", maxText)})
	})
	c.Auth, c.Secrets = Bearer("t0ken"), []string{"", "s3cret"}
	c.Fault = func(status int, body []byte) Fault {
		var doc struct{ Code, Message string }
		if err := json.Unmarshal(body, &doc); err != nil {
			t.Error(err)
		}
		return Fault{Code: doc.Code, Text: doc.Message, Kind: provider.KindConflict}
	}
	err := c.Do(context.Background(), Request{Method: "POST", Path: "/"}, nil)
	var e *provider.Error
	if !errors.As(err, &e) || e.Kind != provider.KindConflict || e.Code != "21220" || e.Status != 400 {
		t.Fatalf("%#v, want conflict 21220 with status 400", err)
	}
	want := "no: Bearer *** and *** at https://*** xxx"
	if text := e.Err.Error(); !strings.HasPrefix(text, want) || len(text) != maxText+len("...") {
		t.Errorf("text is %q, want %q and %d characters in all", text, want, maxText)
	}
}

func TestUnusableAddress(t *testing.T) {
	for _, test := range []struct{ base, path string }{
		{"https://api.example", "@evil.example/"}, // would carry the credentials away
		{"https://api.example", ".evil.example/"},
		{"https://user:s3cret@\x7f", "/"},
		{"", "/"},
	} {
		c := Client{Base: test.base, Auth: Basic("AC1", "s3cret")}
		err := c.Do(context.Background(), Request{Method: "GET", Path: test.path}, nil)
		if provider.KindOf(err) != provider.KindInvalid || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q%q: %v, want invalid, without the address", test.base, test.path, err)
		}
	}
}

func TestUnencodable(t *testing.T) {
	c := Client{Base: "http://127.0.0.1:1"}
	if err := c.Do(context.Background(), Request{Method: "POST", Path: "/", JSON: func() {}}, nil); provider.KindOf(err) != provider.KindInternal {
		t.Errorf("%v, want internal", err)
	}
	c.Auth = func(http.Header) error { return errors.New("key cannot be read") }
	if err := c.Do(context.Background(), Request{Method: "POST", Path: "/"}, nil); provider.KindOf(err) != provider.KindUnauthenticated {
		t.Errorf("%v, want unauthenticated", err)
	}
}
