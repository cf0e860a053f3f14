package vobiz

import (
	"net/http"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch/switchtest"
)

const (
	caller = "+912200000199"
	callee = "+912200000177"
	ours   = "+912200000101"
)

// begin starts a carrier and a gateway that checks V3 as Vobiz documents it, on
// webhooks only: sockets are not signed.
func begin(t testing.TB, o Options) (*Carrier, *switchtest.Gateway) {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := c.Config()["auth_id"].(string)
	token, _ := c.Config()["auth_token"].(string)
	return c, switchtest.Begin(t, switchtest.Side{
		Carrier: c, Account: "/api/v1/Account/" + id,
		Authorize: func(r *http.Request) {
			r.Header.Set("X-Auth-ID", id)
			r.Header.Set("X-Auth-Token", token)
		},
		Refuse: func(r *http.Request, url, _ string) int {
			owner, main := c.account.Sign(baseURL(url) + "." + r.Header.Get(headerV3Nonce))
			if r.Header.Get("Upgrade") != "" || c.unsigned {
				owner, main = "", ""
			}
			if r.Header.Get(headerV3) != owner || r.Header.Get(headerMAV3) != main {
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
func TestDialEnds(t *testing.T)        { switchtest.DialEnds(t, plain, true) }
func TestFaults(t *testing.T)          { switchtest.Faults(t, plain) }
func TestFaultSignatures(t *testing.T) { switchtest.FaultSignatures(t, plain) }
