package cloudonix

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// TestProvisionMakesAKey: each domain gets another one, and the one that it
// gets is the one that is accepted afterwards.
func TestProvisionMakesAKey(t *testing.T) {
	set := map[string]bool{}
	for range 2 {
		var written string
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.Method + " " + r.URL.Path {
			case "GET /customers/self/domains/acme.cloudonix.net":
				_ = json.NewEncoder(w).Encode(map[string]any{"profile": nil})
			case "POST /customers/self/domains/acme.cloudonix.net/applications":
				_ = json.NewEncoder(w).Encode(map[string]any{"id": 7})
			case "PATCH /customers/self/domains/acme.cloudonix.net":
				var body struct{ Profile map[string]string }
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
					t.Error(err)
				}
				written = body.Profile[profileKey]
			default:
				http.NotFound(w, r)
			}
		}))
		d := testDriver(t, provider.Config{APIURL: srv.URL})
		values, err := d.Provision(context.Background(), "main", provider.Inbound{AnswerURL: "https://h.example/in", StatusURL: "https://h.example/st"})
		srv.Close()
		if err != nil {
			t.Fatal(err)
		}
		if values[fieldAppID] != "7" || values[fieldWebhookKey] != written || len(written) != 64 || set[written] {
			t.Errorf("values %v, written %q, want a new key of 64 digits in both", values, written)
		}
		set[written] = true
		after := testDriver(t, provider.Config{Values: map[string]any{fieldWebhookKey: values[fieldWebhookKey]}})
		if err := after.Verify(&provider.Request{Header: provider.Header{header("Authorization", "Bearer "+written)}}); err != nil {
			t.Error(err)
		}
	}
}

func TestSameHook(t *testing.T) {
	const ours = "https://hooks.example/v1/cloudonix/default/main/status/-/mac"
	for other, want := range map[string]bool{
		ours: true,
		"http://old.example:8080/v1/cloudonix/default/main/status/-/older": true,
		"https://hooks.example/v1/cloudonix/default/other/status/-/mac":    false,
		"https://billing.example/cdr":                                      false,
		"https://hooks.example":                                            false,
		"s3://bucket/mac":                                                  false,
		"\x7f":                                                             false,
	} {
		if sameHook(other, ours) != want {
			t.Errorf("%q: want %v", other, want)
		}
	}
	if sameHook("https://a.example/x", "https://b.example/y") {
		t.Error("addresses without anything in common are taken for one")
	}
}

func TestNumberOfADNID(t *testing.T) {
	for _, test := range []struct {
		dnid dnid
		want string
	}{
		{dnid{Source: "+15550100101", DNID: `^(\+15550100101)$`}, "+15550100101"},
		{dnid{DNID: "+15550100101"}, "+15550100101"},
		{dnid{DNID: `^\+15550100101$`}, "+15550100101"},
		{dnid{DNID: `^(\+15550100101)$`}, "+15550100101"},
		{dnid{DNID: "^1001$"}, "1001"},
		{dnid{DNID: `^(\+1555.*)$`}, ""},
		{dnid{DNID: `^(\+1555|\+1556)$`}, ""},
		{dnid{Source: "+1555", Prefix: true}, ""},
		{dnid{DNID: "_1NXX", Asterisk: true}, ""},
		{dnid{DNID: "(1"}, "1"}, // closed by nothing: no pattern that the carrier would take
		{dnid{}, ""},
	} {
		if got := test.dnid.number(); got != test.want {
			t.Errorf("%+v: %q, want %q", test.dnid, got, test.want)
		}
	}
}
