package vobiz

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch"
)

// TestSignatures holds the signed texts against published signatures.
func TestSignatures(t *testing.T) {
	doc, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Version, URL, Token, Nonce, Signature, Text string
		Valid                                             bool
	}
	if err := json.Unmarshal(doc, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 25 {
		t.Fatalf("%d vectors", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			text := baseURL(v.URL) + "." + v.Nonce
			if v.Version == "v2" {
				text = baseURL(v.URL) + v.Nonce
			}
			account := plivoswitch.Account{Token: v.Token}
			if got, _ := account.Sign(text); (got == v.Signature) != v.Valid {
				t.Errorf("signature %s, the vector has %s and is valid: %t", got, v.Signature, v.Valid)
			}
			if v.Valid && text != v.Text {
				t.Errorf("text %q, want %q", text, v.Text)
			}
		})
	}
}

// TestUnsigned is an account without credentials for its callback URLs: only a
// URL that has them in it is called with a signature, which covers neither its
// credentials nor its query.
func TestUnsigned(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{Unsigned: true})
	if c.Config()["require_signature"] != false {
		t.Errorf("config %v", c.Config())
	}
	g.On("/voice", "<Hangup/>")
	g.Ended(g.RingUp(carriersim.Person{}))
	for name := range g.Await("/hangup", 1)[0].Header {
		if strings.HasPrefix(name, "X-Vobiz-") {
			t.Errorf("there is a header %s", name)
		}
	}
	seen := make(chan http.Header, 1)
	g.Handle("/guarded", func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		w.Header().Set("Content-Type", "application/xml")
		w.Write([]byte("<Response><Hangup/></Response>"))
	})
	if err := c.SetInbound(ours, strings.Replace(g.URL, "http://", "http://gw:secret@", 1)+"/guarded?run=1", g.URL+"/hangup"); err != nil {
		t.Fatal(err)
	}
	g.Ended(g.RingUp(carriersim.Person{}))
	header := gatewaytest.Take(t, seen)
	if want, _ := c.account.Sign(g.URL + "/guarded." + header.Get(headerV3Nonce)); header.Get(headerV3) != want {
		t.Errorf("signature %s, want %s", header.Get(headerV3), want)
	}
	if want, _ := c.account.Sign(g.URL + "/guarded" + header.Get(headerV2Nonce)); header.Get(headerV2) != want || len(header.Get(headerV2Nonce)) != 20 {
		t.Errorf("V2 signature %s, want %s", header.Get(headerV2), want)
	}
}

// TestSubAccount has the numbers in a sub-account: V3 is made with its token,
// MA-V3 with the parent's.
func TestSubAccount(t *testing.T) {
	t.Parallel()
	for _, handOut := range []bool{false, true} {
		_, g := begin(t, Options{AuthID: "MA_TRNK0001", AuthToken: "main", SubAuthID: "SA_TRNK0002", SubAuthToken: "sub", HandOutSub: handOut})
		g.On("/voice", "<Hangup/>")
		g.Ended(g.RingUp(carriersim.Person{}))
		voice := g.Await("/voice", 1)[0]
		alone := plivoswitch.Account{Token: "sub"}
		if want, _ := alone.Sign(g.URL + "/voice." + voice.Header.Get(headerV3Nonce)); voice.Header.Get(headerV3) != want || voice.Header.Get(headerMAV3) == want {
			t.Errorf("V3 %s, MA-V3 %s, want %s for one", voice.Header.Get(headerV3), voice.Header.Get(headerMAV3), want)
		}
		if voice.Form.Get("ParentAuthID") != "MA_TRNK0001" || voice.Form.Get("auth_id") != "SA_TRNK0002" {
			t.Errorf("form %v", voice.Form)
		}
	}
}
