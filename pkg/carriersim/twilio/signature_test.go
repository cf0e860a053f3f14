package twilio

import (
	"encoding/json"
	"net/url"
	"os"
	"testing"
)

func TestSign(t *testing.T) {
	doc, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, URL, Method, Body, Signature string
		Token                              string `json:"auth_token"`
		Valid                              bool
	}
	if err := json.Unmarshal(doc, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 20 {
		t.Fatalf("%d vectors", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			form, err := url.ParseQuery(v.Body)
			if err != nil {
				t.Fatal(err)
			}
			got := sign(v.Token, v.URL, form)
			if (got == v.Signature) != v.Valid {
				t.Errorf("signature %s, the vector has %s and is valid: %t", got, v.Signature, v.Valid)
			}
		})
	}
}

func TestSignedURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://hooks.example/a?b=c":                 "https://hooks.example/a?b=c",
		"https://hooks.example:8443/a":                "https://hooks.example/a",
		"http://hooks.example:8080/a":                 "http://hooks.example:8080/a",
		"https://user:pa%40ss@hooks.example:1/a@b":    "https://hooks.example/a@b",
		"https://[2001:db8::7]/a":                     "https://[2001:db8::7]/a",
		"https://[2001:db8::7]:8443/a":                "https://[2001:db8::7]/a",
		"https://hooks.example?a=1":                   "https://hooks.example?a=1",
		"https://hooks.example/a#ct=1000&rc=2":        "https://hooks.example/a",
		"wss://media.example:9000/v1/media/01J/token": "wss://media.example:9000/v1/media/01J/token",
	} {
		if got := signedURL(raw); got != want {
			t.Errorf("signedURL(%q) = %q, want %q", raw, got, want)
		}
	}
}
