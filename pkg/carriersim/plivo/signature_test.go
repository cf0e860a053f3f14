package plivo

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch/switchtest"
)

// TestSignatures holds the signed texts against signatures that Plivo or its
// SDKs have made.
func TestSignatures(t *testing.T) {
	doc, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Version, Method, URL, Body, Token, Nonce, Signature, Text string
		Valid                                                           bool
	}
	if err := json.Unmarshal(doc, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 50 {
		t.Fatalf("%d vectors", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			text := textV3(v.Method, overHTTP(v.URL), v.Body) + "." + v.Nonce
			if v.Version == "v2" {
				text = textV2(v.URL) + v.Nonce
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

// TestSubAccount has the numbers in a sub-account: V3 is made with its token,
// Ma-V3 with the main account's, under one nonce that is new for each request.
func TestSubAccount(t *testing.T) {
	t.Parallel()
	const sub = "SATRUNKLINE000000002"
	for _, handOut := range []bool{false, true} {
		c, g := begin(t, Options{
			AuthID: "MATRUNKLINE000000001", AuthToken: "main", SubAuthID: sub, SubAuthToken: "sub", HandOutSub: handOut,
		})
		g.On("/voice", "<Hangup/>")
		g.Ended(g.RingUp(carriersim.Person{}))
		header, form := g.Await("/voice", 1)[0].Header, g.Await("/voice", 1)[0].Form
		if header.Get(headerV3) == header.Get(headerMaV3) || header.Get(headerV2) == header.Get(headerMaV2) {
			t.Errorf("both accounts sign alike: %v", header)
		}
		body := form.Encode()
		alone := plivoswitch.Account{Token: "sub"}
		if want, _ := alone.Sign(textV3("POST", g.URL+"/voice", body) + "." + header.Get(headerV3Nonce)); header.Get(headerV3) != want {
			t.Errorf("V3 %s, want %s", header.Get(headerV3), want)
		}
		if again := g.Await("/hangup", 1)[0].Header; again.Get(headerV3Nonce) == header.Get(headerV3Nonce) || len(again.Get(headerV3Nonce)) != 20 {
			t.Errorf("nonces %s and %s", header.Get(headerV3Nonce), again.Get(headerV3Nonce))
		}
		if form.Get("ParentAuthID") != "MATRUNKLINE000000001" {
			t.Errorf("form %v", form)
		}
		if status, doc := g.REST(http.MethodGet, "/Number/"+ours+"/", nil); status != 200 || doc["sub_account"] == nil {
			t.Errorf("number: %d %v", status, doc)
		}
		if id := c.Config()["auth_id"]; (id == sub) != handOut {
			t.Errorf("configured with %v", id)
		}
	}
}

// TestHandshakeIsSignedForThePublicURL reaches the gateway without TLS while
// the markup says wss.
func TestHandshakeIsSignedForThePublicURL(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	seen := make(chan *http.Request, 3)
	g.Handle("/v1/media/01J/token", func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		http.Error(w, "enough", http.StatusTeapot)
	})
	const public = "wss://media.example"
	u, _ := url.Parse(g.URL)
	c.Reach(public, "ws://"+u.Host)
	g.On("/voice", `<Stream bidirectional="true" keepCallAlive="true" statusCallbackUrl="%s/stream">`+public+`/v1/media/01J/token?sig=k1</Stream>`)
	call := g.Ended(g.RingUp(carriersim.Person{}))
	for range 3 { // it tries two times more
		r := gatewaytest.Take(t, seen)
		owner, _ := c.account.Sign("https://media.example/v1/media/01J/token?sig=k1." + r.Header.Get(headerV3Nonce))
		if r.Header.Get(headerV3) != owner || r.Host != "media.example" || r.URL.RawQuery != "sig=k1" {
			t.Errorf("host %s, query %s, signature %s, want %s", r.Host, r.URL.RawQuery, r.Header.Get(headerV3), owner)
		}
	}
	form := g.Await("/stream", 1)[0].Form
	switchtest.Want(t, form, map[string]string{"Event": "DroppedStream", "ServiceURL": public + "/v1/media/01J/token?sig=k1"})
	if form.Get("Error") == "" || !call.Saw("stream failed") {
		t.Errorf("form %v:\n%s", form, call)
	}
}
