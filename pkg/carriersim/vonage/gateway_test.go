package vonage

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/uuid"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

const (
	caller = "14155550199"
	callee = "14155550177"
	ours   = "14155550104"
)

// testKey is one private key for all tests: making one takes long.
var testKey = sync.OnceValues(newPrivateKey)

// gateway is a toy that checks tokens and answers with NCCOs.
type gateway struct {
	*gatewaytest.Gateway[request]
	carrier *Carrier
}

type request struct {
	path   string
	method string
	doc    map[string]any
	token  string
}

func (r request) Key() string { return r.path }

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
	g := &gateway{carrier: c}
	g.Gateway = gatewaytest.Begin(gatewaytest.Phone{T: t, Carrier: c, From: "+" + caller, To: ours}, gatewaytest.Dialect[request]{
		Refuse: g.refuse, Read: readWebhook, ContentType: "application/json",
	})
	if err := c.SetInbound(g.URL+"/answer", g.URL+"/fallback", g.URL+"/event"); err != nil {
		t.Fatal(err)
	}
	return c, g
}

func (g *gateway) refuse(r *http.Request, _, body string) int {
	token := r.Header.Get("Authorization")
	switch {
	case websocket.IsWebSocketUpgrade(r) || g.signed(token, body): // of sockets, tests look at the token
		return 0
	case token == "":
		return http.StatusServiceUnavailable // so that it is sent again, signed
	}
	return http.StatusUnauthorized
}

func readWebhook(r *http.Request, body string) (request, error) {
	got := request{r.URL.Path, r.Method, map[string]any{}, r.Header.Get("Authorization")}
	if r.Method == http.MethodGet {
		for name := range r.URL.Query() {
			got.doc[name] = r.URL.Query().Get(name)
		}
		return got, nil
	}
	err := json.Unmarshal([]byte(body), &got.doc)
	return got, err
}

// signed checks a token as a gateway must: the signature by the same MAC, the
// claims and the hash of the body by itself.
func (g *gateway) signed(header, body string) bool {
	token, ok := strings.CutPrefix(header, "Bearer ")
	parts := strings.Split(token, ".")
	if !ok || len(parts) != 3 || parts[2] != segment(mac(g.carrier.SignatureSecret(), parts[0]+"."+parts[1])) {
		return false
	}
	claims := claimsOf(g.T, header)
	sum := sha256.Sum256([]byte(body))
	return claims.Issuer == "Vonage" && claims.APIKey == g.carrier.opt.APIKey && claims.ID != "" &&
		time.Since(time.Unix(claims.IssuedAt, 0)).Abs() < time.Minute &&
		(len(body) == 0 || claims.PayloadHash == hex.EncodeToString(sum[:]))
}

// whose matches the requests to a path whose fields have these values.
func whose(path string, fields map[string]any) func(request) bool {
	return func(r request) bool {
		fits := r.path == path
		for field, value := range fields {
			fits = fits && r.doc[field] == value
		}
		return fits
	}
}

// got returns the requests to a path whose field has a value.
func (g *gateway) got(path, field string, value any) []request {
	return g.Webhooks.All(whose(path, map[string]any{field: value}))
}

// await returns the first request to a path whose field has a value.
func (g *gateway) await(path, field string, value any) request {
	g.T.Helper()
	return g.awaitAll(path, 1, map[string]any{field: value})[0]
}

// awaitAll returns the requests to a path whose fields have the given values,
// once there are n of them.
func (g *gateway) awaitAll(path string, n int, fields map[string]any) []request {
	g.T.Helper()
	return g.Webhooks.Await(g.T, n, fmt.Sprint(path, " with ", fields), whose(path, fields))
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

// token signs claims as the application does.
func (g *gateway) token(claims map[string]any) string {
	g.T.Helper()
	block, _ := pem.Decode([]byte(g.carrier.Config()["private_key"].(string)))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		g.T.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		g.T.Fatal(err)
	}
	signed := segment([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + segment(payload)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	if err != nil {
		g.T.Fatal(err)
	}
	return signed + "." + segment(signature)
}

// claims are those of a good token.
func (g *gateway) claims() map[string]any {
	return map[string]any{"application_id": g.carrier.opt.ApplicationID, "iat": time.Now().Unix(), "jti": uuid.NewString()}
}

// voice makes a request to the Voice API, whose body is filled.
func (g *gateway) voice(method, path, body string) (int, map[string]any) {
	g.T.Helper()
	return g.voiceAt(g.carrier.APIURL(), method, path, body)
}

func (g *gateway) voiceAt(base, method, path, body string) (int, map[string]any) {
	g.T.Helper()
	return g.do(g.request(method, base+"/v1/calls"+path, body, "Bearer "+g.token(g.claims())))
}

// account makes a request with the account's key.
func (g *gateway) account(method, path, body string) (int, map[string]any) {
	g.T.Helper()
	req := g.request(method, g.carrier.APIURL()+path, body, "")
	if strings.HasPrefix(path, "/number/") {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.SetBasicAuth(g.carrier.opt.APIKey, g.carrier.opt.APISecret)
	return g.do(req)
}

func (g *gateway) request(method, target, body, authorization string) *http.Request {
	g.T.Helper()
	req, err := http.NewRequest(method, target, strings.NewReader(g.Fill(body)))
	if err != nil {
		g.T.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return req
}

func (g *gateway) do(req *http.Request) (int, map[string]any) {
	g.T.Helper()
	status, body := gatewaytest.Do(g.T, req)
	doc := map[string]any{}
	if body != "" {
		if err := json.Unmarshal([]byte(body), &doc); err != nil {
			g.T.Fatalf("%v in %s", err, body)
		}
	}
	return status, doc
}

// dial places a call over REST and returns it. more is what the body has beside
// the two numbers.
func (g *gateway) dial(more string) *carriersim.Call {
	g.T.Helper()
	status, doc := g.voice(http.MethodPost, "", fmt.Sprintf(`{"to":[{"type":"phone","number":%q}],"from":{"type":"phone","number":%q},`, callee, ours)+more+`}`)
	if status != http.StatusCreated {
		g.T.Fatalf("dial: %d %v", status, doc)
	}
	return g.CallOf(doc["uuid"].(string))
}
