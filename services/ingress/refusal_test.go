package ingress_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/services/ingress"
)

func TestBadInputIsRefusedWithAReason(t *testing.T) {
	s := newSite(t, bustest.New(t))
	s.addTrunk("desk", "deskphone", map[string]any{"account": "D1", "secret": toySecret})
	s.addTrunk("phone", "twilio", map[string]any{"account_sid": twilioAccount, "auth_token": twilioToken})
	s.addTrunk("broken", "toy", map[string]any{"account": "A9"})
	s.agents(yes)
	n := s.start(s.bus)
	inbound, body := s.hook("main", "toy", provider.HookInbound, ""), toyBody(ringing("L1"))
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	signed := func(path, body, contentType string) http.Header {
		h := toyHeader(path, body)
		h.Set("Content-Type", contentType)
		if contentType == "" {
			h.Del("Content-Type")
		}
		return h
	}
	big := strings.Repeat("x", 256<<10)
	stream := s.hook("main", "toy", provider.HookStream, "c1")
	for name, c := range map[string]struct {
		method, path string
		header       http.Header
		body         string
		status       int
		reason       string // "" where the webhook is taken
	}{
		"fine":                             {"POST", inbound, signed(inbound, body, "application/json; charset=utf-8"), body, 200, ""},
		"no content type":                  {"POST", inbound, signed(inbound, body, ""), body, 200, ""},
		"unknown trunk":                    {"POST", strings.Replace(inbound, "/main/", "/other/", 1), toyHeader(inbound, body), body, 404, "unknown_trunk"},
		"unknown org":                      {"POST", strings.Replace(inbound, "/default/", "/acme/", 1), toyHeader(inbound, body), body, 404, "unknown_trunk"},
		"other provider":                   {"POST", strings.Replace(inbound, "/toy/", "/twilio/", 1), toyHeader(inbound, body), body, 404, "unknown_trunk"},
		"unknown hook":                     {"POST", strings.Replace(inbound, "/inbound/", "/nonsense/", 1), toyHeader(inbound, body), body, 404, "unknown_hook"},
		"broken trunk":                     {"POST", s.hook("broken", "toy", provider.HookInbound, ""), nil, body, 404, "unknown_trunk"},
		"wrong MAC":                        {"POST", inbound + "x", toyHeader(inbound+"x", body), body, 403, "path"},
		"MAC of another hook":              {"POST", strings.Replace(inbound, "/inbound/", "/status/", 1), toyHeader(inbound, body), body, 403, "path"},
		"MAC of another call":              {"POST", strings.Replace(stream, "/c1/", "/c2/", 1), toyHeader(stream, body), body, 403, "path"},
		"unsigned":                         {"POST", inbound, nil, body, 403, "signature"},
		"wrong signature":                  {"POST", inbound, signed(inbound, body+" ", "application/json"), body, 403, "signature"},
		"query added":                      {"POST", inbound + "?a=1", toyHeader(inbound, body), body, 403, "signature"},
		"unsigned, once more":              {"POST", s.hook("desk", "deskphone", provider.HookEvents, ""), nil, body, 503, "signature"},
		"XML":                              {"POST", inbound, signed(inbound, body, "text/xml"), body, 415, "content_type"},
		"multipart":                        {"POST", inbound, signed(inbound, body, "multipart/form-data; boundary=x"), body, 415, "content_type"},
		"too large":                        {"POST", inbound, signed(inbound, big+"x", "application/json"), big + "x", 413, "too_large"},
		"just not too large":               {"POST", inbound, signed(inbound, big, "application/json"), big, 400, "invalid"},
		"broken UTF-8":                     {"POST", inbound, signed(inbound, "{\"\xff\":1}", "application/json"), "{\"\xff\":1}", 400, "encoding"},
		"broken UTF-8, escaped in a form":  {"POST", inbound, form, "CallSid=CA1&From=%C3%28", 400, "encoding"},
		"broken UTF-8, escaped in a query": {"GET", inbound + "?From=%ff", nil, "", 400, "encoding"},
		"not a notice":                     {"POST", inbound, signed(inbound, "[]", "application/json"), "[]", 400, "invalid"},
		"no leg":                           {"POST", inbound, signed(inbound, "{}", "application/json"), "{}", 400, "invalid"},
		"gzip":                             {"POST", inbound, http.Header{"Content-Encoding": {"gzip"}}, "\x1f\x8b\x08\x00", 400, "encoding"},
	} {
		t.Run(name, func(t *testing.T) {
			got := n.send(c.method, c.path, c.header, c.body)
			if got.Status != c.status || c.reason != "" && got.Body != c.reason+"\n" {
				t.Fatalf("answer is %+v, want %d %s", got, c.status, c.reason)
			}
			if c.reason != "" {
				s.logged("webhook refused", `"reason":"`+c.reason+`"`, fmt.Sprintf(`"status":%d`, c.status), `"level":"warning"`)
			}
		})
	}
	if strings.Contains(s.lines.String(), toySecret) {
		t.Error("the log tells a secret")
	}
}

func TestNothingIsRecordedOfWhatIsRefused(t *testing.T) {
	s := newSite(t, bustest.New(t))
	n := s.start(s.bus)
	path, body := s.hook("main", "toy", provider.HookStatus, "c1"), toyBody(provider.Notice{Kind: provider.CallStatus, LegID: "L1", Status: "ringing"})
	n.send("POST", path, nil, body)
	n.send("POST", strings.Replace(path, "/c1/", "/c2/", 1), toyHeader(path, body), body)
	for _, id := range []string{"c1", "c2"} {
		if facts := s.facts(id); len(facts) != 0 {
			t.Errorf("%s: facts are %v, want none", id, facts)
		}
	}
	if dead, err := s.bus.DeadLetters(t.Context(), 10); err != nil || len(dead) != 0 {
		t.Errorf("dead letters are %v, %v; want none", dead, err)
	}
}

func TestRequestsThatReachNoWebhook(t *testing.T) {
	s := newSite(t, bustest.New(t))
	n := s.start(s.bus)
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"2 MB":                   {"POST /v1/inbound HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n" + strings.Repeat("x", 2<<20), 413},
		"body announced as huge": {"POST /v1/inbound HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413},
		"header too large":       {"POST /v1/inbound HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 17<<10) + "\r\n\r\n", 431},
		"no HTTP":                {"hello\r\n\r\n", 400},
		"no route":               {"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"other method":           {"DELETE /v1/inbound HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		"head":                   {"HEAD /v1/inbound HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405},
	} {
		if got := n.raw(c.request); got.Status != c.status {
			t.Errorf("%s: status %d, want %d", name, got.Status, c.status)
		}
	}
	s.logged("request refused", `"status":413`)
}

func TestSharedInboundURL(t *testing.T) {
	s := newSite(t, bustest.New(t))
	s.agents(yes)
	s.addTrunk("desk", "deskphone", map[string]any{"account": "D1", "secret": toySecret})
	s.addTrunk("twin1", "toy", map[string]any{"account": "A2", "secret": toySecret})
	s.addTrunk("twin2", "toy", map[string]any{"account": "A2", "secret": toySecret})
	s.addTrunk("both", "deskphone", map[string]any{"account": "A3", "secret": toySecret})
	s.addTrunk("both2", "toy", map[string]any{"account": "A3", "secret": toySecret})
	n := s.start(s.bus)
	const path = "/v1/inbound"
	from := func(account string) string {
		n := ringing("L1")
		n.AccountID = account
		return toyBody(n)
	}
	if in := told(t, n.toy(path, from("A1"))); in.Steps[0].Stream == nil {
		t.Errorf("told %+v, want a stream", in)
	}
	if s.facts(call.InboundID(org, "main", "L1"))["call.received"] == nil {
		t.Error("the call is not recorded for the trunk of the account")
	}
	for name, c := range map[string]struct {
		body   string
		header http.Header
		status int
		words  []string
	}{
		"unknown account":       {from("A7"), toyHeader(path, from("A7")), 404, []string{"unknown_account", "X-Toy ", " AccountID "}},
		"account of two trunks": {from("A2"), toyHeader(path, from("A2")), 404, []string{"ambiguous_account", "AccountID"}},
		"account of two kinds":  {from("A3"), toyHeader(path, from("A3")), 404, []string{"ambiguous_account"}},
		"nobody's request":      {"a=1&b=2", nil, 404, []string{"unknown_account", " a b\""}},
		"forged":                {from("A1"), http.Header{"X-Toy": {"f0f0"}}, 403, []string{"signature"}},
	} {
		if got := n.send("POST", path, c.header, c.body); got.Status != c.status {
			t.Errorf("%s: answer is %+v, want %d", name, got, c.status)
		}
		s.logged(append(c.words, "webhook refused")...)
	}
	if strings.Contains(s.lines.String(), "4711") {
		t.Error("the log tells what a field holds")
	}
}

func TestPublicURLFromProxies(t *testing.T) {
	s := newSite(t, bustest.New(t))
	s.agents(yes)
	trusting := s.start(s.bus, func(c *ingress.Config) { c.Links.Hooks, c.TrustedProxies = "", []string{"127.0.0.0/8"} })
	wary := s.start(s.bus, func(c *ingress.Config) { c.Links.Hooks, c.TrustedProxies = "", []string{"10.0.0.0/8", "192.0.2.1"} })
	path, body := s.hook("main", "toy", provider.HookInbound, ""), toyBody(ringing("L1"))
	forwarded := func(proto, host string) http.Header {
		return http.Header{"X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {host},
			"X-Toy": {toySignature(toySecret, "https://voice.example.com"+path, body)}}
	}
	for name, c := range map[string]struct {
		node   *node
		header http.Header
		status int
	}{
		"told by a trusted proxy":    {trusting, forwarded("https", "voice.example.com"), 200},
		"outsider's entry before it": {trusting, forwarded("http, https", "evil.example.com, voice.example.com"), 200},
		"another host":               {trusting, forwarded("https", "evil.example.com"), 403},
		"no proxy's word":            {trusting, http.Header{"X-Toy": {toySignature(toySecret, "http://"+trusting.addr+path, body)}}, 200},
		"told from outside":          {wary, forwarded("https", "voice.example.com"), 403},
	} {
		if got := c.node.send("POST", path, c.header, body); got.Status != c.status {
			t.Errorf("%s: answer is %+v, want %d", name, got, c.status)
		}
	}
	configured := s.start(s.bus, func(c *ingress.Config) { c.TrustedProxies = []string{"127.0.0.0/8"} })
	if got := configured.send("POST", path, forwarded("https", "voice.example.com"), body); got.Status != 403 {
		t.Errorf("a proxy overrules the configured URL: %+v", got)
	}
}

func TestTargetIsSignedByteForByte(t *testing.T) {
	s := newSite(t, bustest.New(t))
	n := s.start(s.bus)
	path := s.hook("main", "toy", provider.HookStatus, "c1") + "?a=%7e&b=x+y&&c=/..//;d&E=%c3%bc'"
	body := toyBody(provider.Notice{Kind: provider.CallStatus, LegID: "L1", Status: "ringing"})
	got := n.raw(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nX-Toy: %s\r\nContent-Length: %d\r\n\r\n%s", path, toySignature(toySecret, publicURL+path, body), len(body), body))
	if got.Status != http.StatusNoContent {
		t.Errorf("answer is %+v", got)
	}
}

func TestRunRefusesToStartWithoutAddresses(t *testing.T) {
	s := newSite(t, bustest.New(t))
	for name, c := range map[string]struct {
		change func(*ingress.Config)
		want   string
	}{
		"no public URL":  {func(c *ingress.Config) { c.Links.Hooks = "" }, "TRUNKLINE_PUBLIC_URL"},
		"no scheme":      {func(c *ingress.Config) { c.Links.Hooks = "hooks.example.com" }, "TRUNKLINE_PUBLIC_URL"},
		"no media URL":   {func(c *ingress.Config) { c.Links.Media = "" }, "TRUNKLINE_PUBLIC_MEDIA_URL"},
		"media over TLS": {func(c *ingress.Config) { c.Links.Media = "https://media.example.com" }, "TRUNKLINE_PUBLIC_MEDIA_URL"},
		"no network":     {func(c *ingress.Config) { c.TrustedProxies = []string{"all"} }, `"all"`},
		"taken address":  {func(c *ingress.Config) { c.Listen = taken(t) }, "address already in use"},
	} {
		cfg := ingress.Config{Links: s.links, Listen: "127.0.0.1:0"}
		c.change(&cfg)
		if err := ingress.Run(t.Context(), cfg, s.bus, s.lines.log()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one about %s", name, err, c.want)
		}
	}
}

// taken is an address that somebody listens on.
func taken(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

func TestHealth(t *testing.T) {
	s := newSite(t, bustest.New(t))
	n := s.start(s.bus)
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready"} {
		if got := n.send("GET", path, nil, ""); got.Status != 200 || !strings.HasPrefix(got.Body, want) {
			t.Errorf("%s: %+v", path, got)
		}
	}
	n.toy(s.hook("main", "toy", provider.HookInbound, ""), toyBody(ringing("L1")))
	n.send("POST", s.hook("main", "toy", provider.HookInbound, ""), nil, "{}")
	got := n.send("GET", "/metrics", nil, "").Body
	for _, want := range []string{
		`trunkline_ingress_webhooks_total{hook="inbound",outcome="fallback",provider="toy"} 1`,
		`trunkline_ingress_webhooks_total{hook="inbound",outcome="signature",provider="toy"} 1`,
		`trunkline_ingress_webhook_seconds_count{provider="toy"} 2`,
		`trunkline_ingress_fallbacks_total{reason="no_agent"} 1`,
		`trunkline_ingress_offers_total{outcome="no_agent"} 1`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}
