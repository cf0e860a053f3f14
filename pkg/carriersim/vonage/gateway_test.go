package vonage

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/uuid"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// patience is how long a test waits for something that must happen.
const patience = 20 * time.Second

const (
	caller = "14155550199"
	callee = "14155550177"
	ours   = "14155550104"
)

// testKey is one private key for all tests: making one takes long.
var testKey = sync.OnceValues(newPrivateKey)

// gateway is a toy on the other side: it answers webhooks with what a test
// tells it, remembers them, and serves media sockets.
type gateway struct {
	*httptest.Server
	t       testing.TB
	carrier *Carrier

	mu       sync.Mutex
	answers  map[string]func(doc map[string]any) string // by path
	handlers map[string]http.HandlerFunc                // by path, before anything else
	requests []request
	changed  chan struct{}
	media    func(ws *websocket.Conn) // serves /media
	media2   func(ws *websocket.Conn) // serves /media2
	opened   []http.Header            // of the media sockets
}

type request struct {
	path   string
	method string
	doc    map[string]any
	token  string
}

// begin starts a carrier and a gateway to which the numbers lead.
func begin(t testing.TB, o Options) (*Carrier, *gateway) {
	t.Helper()
	key, err := testKey()
	if err != nil {
		t.Fatal(err)
	}
	o.PrivateKey = key
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{t: t, carrier: c, answers: map[string]func(map[string]any) string{}, handlers: map[string]http.HandlerFunc{}, changed: make(chan struct{})}
	g.Server = httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(func() {
		c.Close()
		g.Close()
	})
	if err := c.SetInbound(g.URL+"/answer", g.URL+"/fallback", g.URL+"/event"); err != nil {
		t.Fatal(err)
	}
	return c, g
}

func (g *gateway) serve(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	handler := g.handlers[r.URL.Path]
	media := map[string]func(ws *websocket.Conn){"/media": g.media, "/media2": g.media2}[r.URL.Path]
	g.mu.Unlock()
	if handler != nil {
		handler(w, r)
		return
	}
	if media != nil {
		g.serveMedia(w, r, media)
		return
	}
	body, _ := io.ReadAll(r.Body)
	token := r.Header.Get("Authorization")
	if !g.signed(token, body) {
		status := http.StatusUnauthorized
		if token == "" {
			status = http.StatusServiceUnavailable // so that it is sent again, signed
		}
		http.Error(w, "signature", status)
		return
	}
	doc := map[string]any{}
	if r.Method == http.MethodGet {
		for name := range r.URL.Query() {
			doc[name] = r.URL.Query().Get(name)
		}
	} else if err := json.Unmarshal(body, &doc); err != nil {
		g.t.Errorf("%s: %v in %s", r.URL.Path, err, body)
	}
	g.mu.Lock()
	answer := g.answers[r.URL.Path]
	g.requests = append(g.requests, request{r.URL.Path, r.Method, doc, token})
	close(g.changed)
	g.changed = make(chan struct{})
	g.mu.Unlock()
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	ncco := answer(doc)
	if ncco == "" {
		http.Error(w, "no", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, ncco)
}

// signed checks a token as a gateway must: the signature by the same MAC, the
// claims and the hash of the body by itself.
func (g *gateway) signed(header string, body []byte) bool {
	token, ok := strings.CutPrefix(header, "Bearer ")
	parts := strings.Split(token, ".")
	if !ok || len(parts) != 3 || parts[2] != segment(mac(g.carrier.SignatureSecret(), parts[0]+"."+parts[1])) {
		return false
	}
	claims := claimsOf(g.t, header)
	sum := sha256.Sum256(body)
	return claims.Issuer == "Vonage" && claims.APIKey == g.carrier.opt.APIKey && claims.ID != "" &&
		time.Since(time.Unix(claims.IssuedAt, 0)).Abs() < time.Minute &&
		(len(body) == 0 || claims.PayloadHash == hex.EncodeToString(sum[:]))
}

func (g *gateway) serveMedia(w http.ResponseWriter, r *http.Request, media func(ws *websocket.Conn)) {
	g.mu.Lock()
	g.opened = append(g.opened, r.Header.Clone())
	g.mu.Unlock()
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		g.t.Errorf("upgrade: %v", err)
		return
	}
	defer ws.Close()
	media(ws)
}

// on answers a path with an NCCO; %s in it is the gateway's base URL, and WS
// that of its sockets.
func (g *gateway) on(path, ncco string) {
	g.onDoc(path, func(map[string]any) string { return g.fill(ncco) })
}

func (g *gateway) fill(text string) string {
	return strings.NewReplacer("%s", g.URL, "WS", "ws"+strings.TrimPrefix(g.URL, "http")).Replace(text)
}

func (g *gateway) onDoc(path string, answer func(doc map[string]any) string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers[path] = answer
}

// handle serves a path without checks.
func (g *gateway) handle(path string, h http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handlers[path] = h
}

// got returns the requests to a path whose field has a value, all of them
// where field is empty.
func (g *gateway) got(path, field string, value any) []request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gotLocked(path, map[string]any{field: value})
}

func (g *gateway) gotLocked(path string, fields map[string]any) []request {
	var list []request
	for _, r := range g.requests {
		fits := r.path == path
		for field, value := range fields {
			fits = fits && (field == "" || r.doc[field] == value)
		}
		if fits {
			list = append(list, r)
		}
	}
	return list
}

// await returns the first request to a path whose field has a value. Without a
// field it is the first request there.
func (g *gateway) await(path, field string, value any) request {
	g.t.Helper()
	return g.awaitAll(path, 1, map[string]any{field: value})[0]
}

// awaitAll returns the requests to a path whose fields have the given values,
// once there are n of them.
func (g *gateway) awaitAll(path string, n int, fields map[string]any) []request {
	g.t.Helper()
	limit := time.After(patience)
	for {
		g.mu.Lock()
		list, changed, all := g.gotLocked(path, fields), g.changed, g.requests
		g.mu.Unlock()
		if len(list) >= n {
			return list
		}
		select {
		case <-changed:
		case <-limit:
			g.t.Fatalf("%d requests to %s with %v, want %d, of %v", len(list), path, fields, n, all)
		}
	}
}

// statuses are the events of a leg so far, in the order in which they came.
func (g *gateway) statuses(path, uuid string) []string {
	var list []string
	for _, r := range g.got(path, "uuid", uuid) {
		if status, ok := r.doc["status"].(string); ok {
			list = append(list, status)
		}
	}
	return list
}

// ring lets a person call the account.
func (g *gateway) ring(p carriersim.Person) *carriersim.Call {
	g.t.Helper()
	c, err := g.carrier.Ring(g.t.Context(), "+"+caller, ours, p)
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

// ended waits for the end of a call.
func (g *gateway) ended(c *carriersim.Call) *carriersim.Call {
	g.t.Helper()
	select {
	case <-c.Done():
	case <-time.After(patience):
		g.t.Fatalf("call still runs:\n%s", c)
	}
	return c
}

// saw waits for an entry in a call's timeline.
func (g *gateway) saw(c *carriersim.Call, what string) {
	g.t.Helper()
	ctx, stop := context.WithTimeout(g.t.Context(), patience)
	defer stop()
	if err := c.Await(ctx, what); err != nil {
		g.t.Fatal(err)
	}
}

// legTo waits for the leg to a number.
func (g *gateway) legTo(to string) *carriersim.Call {
	g.t.Helper()
	ctx, stop := context.WithTimeout(g.t.Context(), patience)
	defer stop()
	c, err := g.carrier.AwaitCall(ctx, func(c *carriersim.Call) bool { return c.To() == to })
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

// token signs claims as the application does.
func (g *gateway) token(claims map[string]any) string {
	g.t.Helper()
	block, _ := pem.Decode([]byte(g.carrier.Config()["private_key"].(string)))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		g.t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		g.t.Fatal(err)
	}
	signed := segment([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + segment(payload)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	if err != nil {
		g.t.Fatal(err)
	}
	return signed + "." + segment(signature)
}

// claims are those of a good token.
func (g *gateway) claims() map[string]any {
	return map[string]any{"application_id": g.carrier.opt.ApplicationID, "iat": time.Now().Unix(), "jti": uuid.NewString()}
}

// voice makes a request to the Voice API; %s and WS in the body are as in on.
func (g *gateway) voice(method, path, body string) (int, map[string]any) {
	g.t.Helper()
	return g.voiceAt(g.carrier.APIURL(), method, path, body)
}

func (g *gateway) voiceAt(base, method, path, body string) (int, map[string]any) {
	g.t.Helper()
	return g.do(g.request(method, base+"/v1/calls"+path, body, "Bearer "+g.token(g.claims())))
}

// account makes a request with the account's key.
func (g *gateway) account(method, path, body string) (int, map[string]any) {
	g.t.Helper()
	req := g.request(method, g.carrier.APIURL()+path, body, "")
	if strings.HasPrefix(path, "/number/") {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.SetBasicAuth(g.carrier.opt.APIKey, g.carrier.opt.APISecret)
	return g.do(req)
}

func (g *gateway) request(method, target, body, authorization string) *http.Request {
	g.t.Helper()
	req, err := http.NewRequest(method, target, strings.NewReader(g.fill(body)))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return req
}

func (g *gateway) do(req *http.Request) (int, map[string]any) {
	g.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	doc := map[string]any{}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &doc); err != nil {
			g.t.Fatalf("%v in %s", err, body)
		}
	}
	return resp.StatusCode, doc
}

// dial places a call over REST and returns it. more is what the body has beside
// the two numbers.
func (g *gateway) dial(more string) *carriersim.Call {
	g.t.Helper()
	status, doc := g.voice(http.MethodPost, "", fmt.Sprintf(`{"to":[{"type":"phone","number":%q}],"from":{"type":"phone","number":%q},`, callee, ours)+more+`}`)
	if status != http.StatusCreated {
		g.t.Fatalf("dial: %d %v", status, doc)
	}
	ctx, stop := context.WithTimeout(g.t.Context(), patience)
	defer stop()
	c, err := g.carrier.AwaitCall(ctx, func(c *carriersim.Call) bool { return c.ID() == doc["uuid"] })
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}
