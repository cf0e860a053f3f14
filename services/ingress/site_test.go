package ingress_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/bus/natsd"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/ingress"
)

const (
	org         = call.DefaultOrg
	application = "reception"
	number      = "+14155550101"
	publicURL   = "https://hooks.example.com/tl"
	mediaURL    = "wss://media.example.com"
)

// patience is when a test gives up: below the 15 seconds that Twilio waits.
const patience = 10 * time.Second

var unable = call.Spoken("Nobody is here.")

// TestMain runs the tests; or, where it is told a folder, a NATS server that
// another process freezes and kills.
func TestMain(m *testing.M) {
	dir := os.Getenv("INGRESS_TEST_NATS_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	s, err := natsd.Start(natsd.Config{Dir: dir, Name: "test"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.ClientURL())
	done := make(chan os.Signal, 1)
	signal.Notify(done, syscall.SIGTERM)
	<-done
	s.Stop()
}

// site is an installation: a bus, what is configured, and what was logged.
type site struct {
	t     testing.TB
	bus   *bus.Bus
	links trunk.Links
	lines lines
}

func newSite(t testing.TB, b *bus.Bus) *site {
	t.Helper()
	keys, err := trunk.NewKeys("0123456789abcdef0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, bus: b, links: trunk.Links{Keys: keys, Hooks: publicURL, Media: mediaURL}}
	s.addTrunk("main", "toy", map[string]any{"account": "A1", "secret": toySecret})
	s.addNumber("main", number)
	s.addApplication(trunk.Agent{Kind: trunk.AgentNATS})
	return s
}

func (s *site) put(bucket, key string, v any) {
	s.t.Helper()
	kv, err := s.bus.Bucket(context.Background(), bucket)
	if err != nil {
		s.t.Fatal(err)
	}
	doc, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := kv.Put(context.Background(), key, doc); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) addTrunk(name, kind string, config map[string]any) {
	s.t.Helper()
	sealed, err := s.links.Keys.SealSecrets(trunk.Trunk{Org: org, Name: name, Provider: kind, Config: config}, trunk.Trunk{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.put(subject.BucketTrunks, subject.TrunkKey(org, name), sealed)
}

func (s *site) addNumber(trunkName, address string) {
	s.t.Helper()
	s.put(subject.BucketNumbers, subject.NumberKey(org, trunkName, address),
		trunk.Number{Org: org, Trunk: trunkName, Address: address, Application: application})
}

func (s *site) addApplication(agent trunk.Agent) {
	s.t.Helper()
	s.put(subject.BucketApplications, subject.ApplicationKey(org, application),
		trunk.Application{Org: org, Name: application, Agent: agent, Fallback: unable})
}

// hook mints a path on a node.
func (s *site) hook(trunkName, kind string, hook provider.Hook, callID string) string {
	return strings.TrimPrefix(s.links.Hook(trunk.HookPath{Provider: kind, Org: org, Trunk: trunkName, Hook: hook, Call: callID}), publicURL)
}

// agents answers offers as decide says, and returns those that were made.
func (s *site) agents(decide func() bool) (offers func() []media.Offer) {
	s.t.Helper()
	var mu sync.Mutex
	var seen []media.Offer
	leave, err := s.bus.Join(context.Background(), org, application, func(o media.Offer) media.Accept {
		mu.Lock()
		seen = append(seen, o)
		mu.Unlock()
		return media.Accept{Accept: decide(), Agent: "tester"}
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = leave() })
	return func() []media.Offer {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

// facts returns the types of what the log holds of a call, sorted by the server.
func (s *site) facts(callID string) map[string]*event.Event {
	s.t.Helper()
	list, err := s.bus.Facts(context.Background(), org, callID, event.Types()...)
	if err != nil {
		s.t.Fatal(err)
	}
	found := map[string]*event.Event{}
	for _, e := range list {
		name := e.Data.Type()
		if found[name] != nil {
			s.t.Errorf("call %s has %s twice", callID, name)
		}
		found[name] = e
	}
	return found
}

// node is one running ingress.
type node struct {
	t       testing.TB
	addr    string
	stop    context.CancelFunc
	stopped chan error
}

func (s *site) start(b *bus.Bus, change ...func(*ingress.Config)) *node {
	s.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	ready := make(chan string, 1)
	cfg := ingress.Config{Links: s.links, Drain: 10 * time.Second, Listener: ln, Ready: func(addr string) { ready <- addr }}
	for _, f := range change {
		f(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := &node{t: s.t, stop: cancel, stopped: make(chan error, 1)}
	go func() { n.stopped <- ingress.Run(ctx, cfg, b, s.lines.log()) }()
	select {
	case n.addr = <-ready:
	case err := <-n.stopped:
		s.t.Fatalf("ingress ended at once: %v", err)
	}
	s.t.Cleanup(func() { n.end() })
	return n
}

// end drains a node, once.
func (n *node) end() {
	n.stop()
	client.CloseIdleConnections() // one that was opened in vain would hold the server up
	if n.stopped == nil {
		return
	}
	if err := <-n.stopped; err != nil {
		n.t.Errorf("ingress ended with %v", err)
	}
	n.stopped = nil
}

// answer is what a carrier is told.
type answer struct {
	Status      int
	ContentType string
	Body        string
}

var client = &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

func (n *node) send(method, path string, header http.Header, body string) answer {
	a, err := n.try(method, path, header, body)
	if err != nil {
		n.t.Errorf("webhook: %v", err)
	}
	return a
}

func (n *node) try(method, path string, header http.Header, body string) (answer, error) {
	req, err := http.NewRequest(method, "http://"+n.addr+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header = header
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header.Get("Content-Type"), string(text)}, err
}

// raw writes a request as it stands and reads the answer.
func (n *node) raw(request string) answer {
	n.t.Helper()
	conn, err := net.Dial("tcp", n.addr)
	if err != nil {
		n.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	go func() { _, _ = io.WriteString(conn, request) }() // one that is refused is not read to its end
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		n.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Content-Type"), string(text)}
}

// lines keeps what was logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) log() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(l)
	log.SetFormatter(&logrus.JSONFormatter{})
	return log
}

// logged fails the test unless one line holds all of the words.
func (s *site) logged(words ...string) {
	s.t.Helper()
	for line := range strings.SplitSeq(s.lines.String(), "\n") {
		missing := false
		for _, word := range words {
			missing = missing || !strings.Contains(line, word)
		}
		if !missing {
			return
		}
	}
	s.t.Errorf("no line with %q in:\n%s", words, s.lines.String())
}

// twoBuses connects twice to one server.
func twoBuses(t testing.TB) (*bus.Bus, *bus.Bus) {
	server := bustest.Server(t)
	return bustest.Connect(t, server), bustest.Connect(t, server)
}
