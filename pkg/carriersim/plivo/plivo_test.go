package plivo

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch/gatewaytest"
)

const (
	caller = "14155550123"
	callee = "14155550177"
	ours   = "14155550101"
)

// begin starts a carrier and a gateway that checks V3 as Plivo documents it.
func begin(t testing.TB, o Options) (*Carrier, *gatewaytest.Gateway) {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := c.Config()["auth_id"].(string)
	token, _ := c.Config()["auth_token"].(string)
	return c, gatewaytest.Begin(t, gatewaytest.Side{
		Carrier: c, Account: "/v1/Account/" + id,
		Authorize: func(r *http.Request) { r.SetBasicAuth(id, token) },
		Verify: func(r *http.Request, url, body string) error {
			text := textV3(r.Method, overHTTP(url), body) + "." + r.Header.Get(headerV3Nonce)
			owner, main := c.account.Sign(text)
			if r.Header.Get(headerV3) != owner || r.Header.Get(headerMaV3) != main {
				return fmt.Errorf("signature %q of %q", r.Header.Get(headerV3), text)
			}
			return nil
		},
		Caller: caller, Callee: callee, Ours: ours,
	})
}

func plain(t testing.TB) *gatewaytest.Gateway {
	_, g := begin(t, Options{})
	return g
}

func TestMedia(t *testing.T)           { gatewaytest.Media(t, plain) }
func TestCalls(t *testing.T)           { gatewaytest.Calls(t, plain) }
func TestDialEnds(t *testing.T)        { gatewaytest.DialEnds(t, plain, false) }
func TestFaults(t *testing.T)          { gatewaytest.Faults(t, plain) }
func TestFaultSignatures(t *testing.T) { gatewaytest.FaultSignatures(t, plain) }
