package plivo

import (
	"net/http"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch/switchtest"
)

const (
	caller = "14155550123"
	callee = "14155550177"
	ours   = "14155550101"
)

// begin starts a carrier and a gateway that checks V3 as Plivo documents it.
func begin(t testing.TB, o Options) (*Carrier, *switchtest.Gateway) {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := c.Config()["auth_id"].(string)
	token, _ := c.Config()["auth_token"].(string)
	return c, switchtest.Begin(t, switchtest.Side{
		Carrier: c, Account: "/v1/Account/" + id,
		Authorize: func(r *http.Request) { r.SetBasicAuth(id, token) },
		Refuse: func(r *http.Request, url, body string) int {
			owner, main := c.account.Sign(textV3(r.Method, overHTTP(url), body) + "." + r.Header.Get(headerV3Nonce))
			if r.Header.Get(headerV3) != owner || r.Header.Get(headerMaV3) != main {
				return http.StatusForbidden
			}
			return 0
		},
		Caller: caller, Callee: callee, Ours: ours,
	})
}

func plain(t testing.TB) *switchtest.Gateway {
	_, g := begin(t, Options{})
	return g
}

func TestMedia(t *testing.T)           { switchtest.Media(t, plain) }
func TestCalls(t *testing.T)           { switchtest.Calls(t, plain) }
func TestDialEnds(t *testing.T)        { switchtest.DialEnds(t, plain, false) }
func TestFaults(t *testing.T)          { switchtest.Faults(t, plain) }
func TestFaultSignatures(t *testing.T) { switchtest.FaultSignatures(t, plain) }
