package plivosign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

const testToken = "unit-test-token"

var scheme = Scheme{Own: "X-Signature", Parent: "X-Parent", Nonce: "X-Nonce", Join: "."}

func code(token, text string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestText(t *testing.T) {
	for name, c := range map[string]struct {
		text Text
		body string
		want string
	}{
		"nothing":             {Text{URL: "https://h/a"}, "", "https://h/a"},
		"fragment":            {Text{URL: "https://h/a#ct=1?b=2"}, "", "https://h/a"},
		"empty query":         {Text{URL: "https://h/a?"}, "", "https://h/a"},
		"query in order":      {Text{URL: "https://h/a?b=2&Z=1&a=x+y%26&b=1"}, "", "https://h/a?Z=1&a=x y&&b=1&b=2"},
		"name alone":          {Text{URL: "https://h/a?flag"}, "", "https://h/a?flag="},
		"body":                {Text{URL: "https://h/a"}, "b=2&a=1&B=3&b=1", "https://h/a?B3a1b1b2"},
		"body behind a query": {Text{URL: "https://h/a?q=1"}, "b=2&a=", "https://h/a?q=1.ab2"},
		"code points":         {Text{URL: "https://h/a"}, "%F0%9F%98%80=1&%EF%BC%81=2", "https://h/a?！2😀1"},
		"bare":                {Text{URL: "https://h:8443/a%20b?q=1#f", Bare: true}, "b=2", "https://h:8443/a%20b"},
		"scheme":              {Text{URL: "wss://h/a?q=1", Scheme: "https"}, "", "https://h/a?q=1"},
		"scheme of its own":   {Text{URL: "wss://h/a", Scheme: "wss"}, "", "wss://h/a"},
		"no scheme":           {Text{URL: "h/a", Scheme: "https"}, "", "h/a"},
	} {
		c.text.Posted = form.Append(nil, c.body)
		if got := string(c.text.append(nil)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestVerify(t *testing.T) {
	const url, signed = "https://h/a?q=1", "https://h/a?q=1.123"
	good, other := code(testToken, signed), code("another", signed)
	for name, c := range map[string]struct {
		header provider.Header
		want   error // nil: accepted
	}{
		"own":             {provider.Header{{Name: "X-Signature", Value: good}, {Name: "X-Nonce", Value: "123"}}, nil},
		"parent":          {provider.Header{{Name: "x-parent", Value: good}, {Name: "x-nonce", Value: "123"}}, nil},
		"parent is right": {provider.Header{{Name: "X-Signature", Value: other}, {Name: "X-Parent", Value: good}, {Name: "X-Nonce", Value: "123"}}, nil},
		"second of two":   {provider.Header{{Name: "X-Signature", Value: other + ", " + good}, {Name: "X-Nonce", Value: "123"}}, nil},
		"second line":     {provider.Header{{Name: "X-Signature", Value: other}, {Name: "X-Signature", Value: good}, {Name: "X-Nonce", Value: "123"}}, nil},

		"none":          {provider.Header{{Name: "X-Nonce", Value: "123"}}, provider.ErrUnsigned},
		"empty":         {provider.Header{{Name: "X-Signature"}, {Name: "X-Nonce", Value: "123"}}, provider.ErrSignature},
		"no nonce":      {provider.Header{{Name: "X-Signature", Value: good}}, provider.ErrSignature},
		"empty nonce":   {provider.Header{{Name: "X-Signature", Value: code(testToken, url+".")}, {Name: "X-Nonce"}}, provider.ErrSignature},
		"another nonce": {provider.Header{{Name: "X-Signature", Value: good}, {Name: "X-Nonce", Value: "124"}}, provider.ErrSignature},
		"another token": {provider.Header{{Name: "X-Signature", Value: other}, {Name: "X-Nonce", Value: "123"}}, provider.ErrSignature},
		"cut":           {provider.Header{{Name: "X-Signature", Value: good[:43]}, {Name: "X-Nonce", Value: "123"}}, provider.ErrSignature},
	} {
		keys := NewKeys("older", testToken)
		if err := keys.Verify(c.header, &scheme, Text{URL: "https://h/elsewhere"}, Text{URL: url}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestNoKeys(t *testing.T) {
	header := provider.Header{{Name: "X-Signature", Value: code("", "https://h/a.1")}, {Name: "X-Nonce", Value: "1"}}
	if err := NewKeys("", "").Verify(header, &scheme, Text{URL: "https://h/a"}); !errors.Is(err, provider.ErrNoSecret) {
		t.Errorf("empty tokens: %v, want %v", err, provider.ErrNoSecret)
	}
}
