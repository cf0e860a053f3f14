package ari

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// pbx stands for an Asterisk: it answers requests as it is told, keeps them, and
// sends events.
type pbx struct {
	t       *testing.T
	srv     *httptest.Server
	sockets chan *websocket.Conn

	lock    sync.Mutex
	replies map[string]reply // by method and path, without /ari; 204 for others
	asked   []string
	open    []*websocket.Conn // nobody else may hold them, and what is collected is closed
	changed chan struct{}     // closed at every request, and made anew
}

type reply struct {
	status int
	body   string
}

func newPBX(t *testing.T) *pbx {
	p := &pbx{t: t, replies: map[string]reply{}, sockets: make(chan *websocket.Conn, 16), changed: make(chan struct{})}
	p.srv = httptest.NewServer(p)
	t.Cleanup(p.srv.Close)
	p.on("GET /asterisk/ping", 200, `{"timestamp":"2026-11-22T17:05:00.000+0000"}`)
	p.on("GET /channels", 200, `[]`)
	p.on("GET /bridges", 200, `[]`)
	return p
}

func (p *pbx) on(request string, status int, body string) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.replies[request] = reply{status, body}
}

func (p *pbx) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/ari")
	line := r.Method + " " + path
	body, _ := io.ReadAll(r.Body)
	full := line
	if len(r.URL.Query()) > 0 {
		full += "?" + r.URL.Query().Encode()
	}
	if len(body) > 0 {
		full += " " + string(body)
	}
	user, password, _ := r.BasicAuth()
	p.lock.Lock()
	answer, known := p.replies[line]
	p.asked = append(p.asked, full)
	close(p.changed)
	p.changed = make(chan struct{})
	p.lock.Unlock()
	switch {
	case user != "trunkline" || password != testPassword:
		http.Error(w, `{"message":"Authentication required"}`, http.StatusUnauthorized)
	case path == "/events" && !known:
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err == nil {
			p.lock.Lock()
			p.open = append(p.open, conn)
			p.lock.Unlock()
			p.sockets <- conn
		}
	case !known:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(answer.status)
		_, _ = io.WriteString(w, answer.body)
	}
}

// requests are those so far that change something.
func (p *pbx) requests() (list []string) {
	p.lock.Lock()
	defer p.lock.Unlock()
	for _, r := range p.asked {
		if !strings.HasPrefix(r, "GET ") && !strings.Contains(r, "eventFilter") {
			list = append(list, r)
		}
	}
	return list
}

// await waits for a request that begins so.
func (p *pbx) await(prefix string) string {
	p.t.Helper()
	late := time.After(10 * time.Second)
	for {
		p.lock.Lock()
		changed := p.changed
		for _, r := range p.asked {
			if strings.HasPrefix(r, prefix) {
				p.lock.Unlock()
				return r
			}
		}
		asked := p.asked
		p.lock.Unlock()
		select {
		case <-changed:
		case <-late:
			p.t.Fatalf("no request %s among %q", prefix, asked)
		}
	}
}

func (p *pbx) socket() *websocket.Conn {
	p.t.Helper()
	select {
	case conn := <-p.sockets:
		return conn
	case <-time.After(10 * time.Second):
		p.t.Fatal("nobody opens the events socket")
		return nil
	}
}

func (p *pbx) driver(more ...any) *driver {
	d := open(provider.Config{Values: values(more...), APIURL: p.srv.URL})
	d.times = quick
	return d
}

// quick are times for tests: what a test waits for comes soon, what it does not
// wait for never.
var quick = times{
	request: 5 * time.Second, ping: time.Hour, pong: time.Hour, first: time.Millisecond, most: time.Millisecond,
	stable: time.Hour, janitor: time.Hour, end: time.Hour, connect: time.Hour,
	record: time.Millisecond, attempts: 3,
}

// eventOf writes an event about a channel.
func eventOf(typ, id, state string, more string) string {
	name := "PJSIP/loop-1"
	if strings.HasPrefix(id, "tm") {
		name = "WebSocket/INCOMING/0x1"
	}
	c, _ := json.Marshal(map[string]any{"id": id, "name": name, "state": state, "caller": map[string]string{"name": "Ann", "number": "+15551234567"},
		"dialplan": map[string]string{"exten": "8000", "app_name": "", "app_data": ""}})
	return fmt.Sprintf(`{"type":%q,"timestamp":"2026-11-22T17:04:26.825+0000","application":"trunkline","channel":%s%s}`, typ, c, more)
}

// log is a sink that remembers.
type log struct {
	notices chan provider.Notice
	live    []provider.Leg
	fail    func(provider.Notice) bool
	deaf    int // how often Live fails before it tells
}

func newLog() *log { return &log{notices: make(chan provider.Notice, 64)} }

func (l *log) Notice(ctx context.Context, n provider.Notice) error {
	if l.fail != nil && l.fail(n) {
		return errors.New("not recorded")
	}
	select {
	case l.notices <- n:
		return nil
	case <-ctx.Done(): // of a test that has failed nobody reads on
		return ctx.Err()
	}
}

func (l *log) Live(context.Context) ([]provider.Leg, error) {
	if l.deaf--; l.deaf >= 0 {
		return nil, errors.New("the log is still being read")
	}
	return l.live, nil
}

func (l *log) Socket(error) {}

func (l *log) next(t *testing.T) provider.Notice {
	t.Helper()
	select {
	case n := <-l.notices:
		return n
	case <-time.After(10 * time.Second):
		t.Fatal("nothing is recorded")
		return provider.Notice{}
	}
}

// listen runs a listener until the test ends.
func listen(t *testing.T, d *driver, sink provider.EventSink) (stopped chan error) {
	ctx, cancel := context.WithCancel(context.Background())
	stopped = make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		stopped <- d.Listen(ctx, sink)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return stopped
}

func say(t *testing.T, conn *websocket.Conn, event string) {
	t.Helper()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(event)); err != nil {
		t.Fatal(err)
	}
}

// refuseDelete is a PBX whose user may not hang up.
type refuseDelete struct {
	*pbx
	reply reply
}

func (p refuseDelete) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		w.WriteHeader(p.reply.status)
		_, _ = io.WriteString(w, p.reply.body)
		return
	}
	p.pbx.ServeHTTP(w, r)
}
