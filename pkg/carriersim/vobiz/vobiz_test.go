package vobiz

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch/gatewaytest"
)

const (
	caller = "+912200000199"
	callee = "+912200000177"
	ours   = "+912200000101"
)

// begin starts a carrier and a gateway that checks V3 as Vobiz documents it, on
// webhooks only: sockets are not signed.
func begin(t testing.TB, o Options) (*Carrier, *gatewaytest.Gateway) {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := c.Config()["auth_id"].(string)
	token, _ := c.Config()["auth_token"].(string)
	return c, gatewaytest.Begin(t, gatewaytest.Side{
		Carrier: c, Account: "/api/v1/Account/" + id,
		Authorize: func(r *http.Request) {
			r.Header.Set("X-Auth-ID", id)
			r.Header.Set("X-Auth-Token", token)
		},
		Verify: func(r *http.Request, url, _ string) error {
			signature := r.Header.Get(headerV3)
			switch owner, main := c.account.Sign(baseURL(url) + "." + r.Header.Get(headerV3Nonce)); {
			case r.Header.Get("Upgrade") != "" || c.unsigned:
				if signature != "" {
					return errors.New("signed")
				}
			case signature != owner || r.Header.Get(headerMAV3) != main:
				return fmt.Errorf("signature %q of %q", signature, url)
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
func TestDialEnds(t *testing.T)        { gatewaytest.DialEnds(t, plain, true) }
func TestFaults(t *testing.T)          { gatewaytest.Faults(t, plain) }
func TestFaultSignatures(t *testing.T) { gatewaytest.FaultSignatures(t, plain) }
