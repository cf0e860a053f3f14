package twilio

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

const (
	caller = "+14155550199"
	callee = "+14155550177"
	ours   = "+14155550101"
)

// gateway is a toy that checks signatures and answers with TwiML.
type gateway struct {
	*gatewaytest.Gateway[gatewaytest.Form]
	carrier *Carrier
}

// begin starts a carrier and a gateway whose number leads to /voice.
func begin(t testing.TB, o Options) (*Carrier, *gateway) {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{carrier: c}
	g.Gateway = gatewaytest.Begin(gatewaytest.Phone{T: t, Carrier: c, From: caller, To: ours}, gatewaytest.Dialect[gatewaytest.Form]{
		Refuse: g.refuse, Read: gatewaytest.ReadForm, ContentType: "text/xml; charset=utf-8",
	})
	if err := c.SetInbound(ours, g.URL+"/voice", g.URL+"/status"); err != nil {
		t.Fatal(err)
	}
	return c, g
}

func (g *gateway) refuse(r *http.Request, target, body string) int {
	form, _ := url.ParseQuery(body) // where it cannot be read, Read says so
	if r.Header.Get(signatureHeader) != sign(g.carrier.AuthToken(), target, form) {
		return http.StatusForbidden
	}
	return 0
}

// on answers a path with markup, filled.
func (g *gateway) on(path, markup string) { g.On(path, "<Response>"+markup+"</Response>") }

// rest makes a REST request and returns the status and the body.
func (g *gateway) rest(method, path string, form url.Values) (int, string) {
	g.T.Helper()
	req, err := http.NewRequest(method, g.carrier.APIURL()+"/2010-04-01/Accounts/"+g.carrier.AccountSID()+path, strings.NewReader(form.Encode()))
	if err != nil {
		g.T.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(g.carrier.AccountSID(), g.carrier.AuthToken())
	return gatewaytest.Do(g.T, req)
}

// dial places a call over REST and returns it.
func (g *gateway) dial(form url.Values) *carriersim.Call {
	g.T.Helper()
	for name, value := range map[string]string{
		"To": callee, "From": ours, "Url": g.URL + "/answer", "StatusCallback": g.URL + "/status",
	} {
		if !form.Has(name) {
			form.Set(name, value)
		}
	}
	status, body := g.rest(http.MethodPost, "/Calls.json", form)
	if status != http.StatusCreated {
		g.T.Fatalf("create: %d %s", status, body)
	}
	return g.CallOf(field[string](g.T, body, "sid"))
}

// stream is markup that connects a call with the gateway's media socket.
func (g *gateway) stream() string {
	return fmt.Sprintf(`<Connect><Stream url="%s"><Parameter name="call" value="01J"/></Stream></Connect>`, g.MediaURL())
}
