package vobiz

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

const (
	testURL   = "https://hooks.trunkline.example/v1/vobiz/default/main/hangup/01JABC/mac"
	testNonce = "12345678901234567890"
	testForm  = "CallStatus=completed&CallUUID=bbbb2222-0000-4000-8000-000000000002&Event=Hangup&HangupCauseCode=3010"
)

// sign signs text the way the carrier does.
func sign(token, text string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// posted is testForm on a verified path, with some signature headers.
func posted(header ...provider.Field) *provider.Request {
	return &provider.Request{
		Method: http.MethodPost, URL: testURL, Hook: provider.HookHangup, Body: []byte(testForm), PathVerified: true,
		Header: append(provider.Header{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}}, header...),
	}
}

func line(name, value string) provider.Field { return provider.Field{Name: name, Value: value} }

// TestVerify holds both kinds of accounts to the policy: the newest signature
// that is there decides, and only where there is none the path does.
func TestVerify(t *testing.T) {
	goodV3, goodV2 := sign(vectorToken, testURL+"."+testNonce), sign(vectorToken, testURL+testNonce)
	whole := testURL + "?" + strings.NewReplacer("&", "", "=", "").Replace(testForm)
	shifted := posted(line(v2.Own, sign(vectorToken, testURL+"1"+testNonce)), line(v2.Nonce, "1"+testNonce))
	for name, c := range map[string]struct {
		req               *provider.Request
		required, allowed error // of an account that requires signatures, and of one that does not
	}{
		"version 3":            {posted(line(v3.Own, goodV3), line(v3.Nonce, testNonce)), nil, nil},
		"version 3, parent":    {posted(line("x-vobiz-signature-ma-v3", goodV3), line("x-vobiz-signature-v3-nonce", testNonce)), nil, nil},
		"version 3, one of":    {posted(line(v3.Own, "other,"+goodV3), line(v3.Nonce, testNonce)), nil, nil},
		"version 3, Plivo's":   {posted(line(v3.Own, sign(vectorToken, whole+"."+testNonce)), line(v3.Nonce, testNonce)), nil, nil},
		"version 2":            {posted(line(v2.Own, goodV2), line(v2.Nonce, testNonce)), nil, nil},
		"version 2, parent":    {posted(line(v2.Parent, goodV2), line(v2.Nonce, testNonce)), nil, nil},
		"none":                 {posted(), provider.ErrUnsigned, nil},
		"version 1":            {posted(line("X-Vobiz-Signature", "x")), provider.ErrUnsigned, nil},
		"version 3 is wrong":   {posted(line(v3.Own, goodV2), line(v3.Nonce, testNonce)), provider.ErrSignature, provider.ErrSignature},
		"version 3 is empty":   {posted(line(v3.Own, ""), line(v3.Nonce, testNonce)), provider.ErrSignature, provider.ErrSignature},
		"only version 2 right": {posted(line(v3.Own, "x"), line(v3.Nonce, testNonce), line(v2.Own, goodV2), line(v2.Nonce, testNonce)), provider.ErrSignature, provider.ErrSignature},
		"version 2 is wrong":   {posted(line(v2.Own, goodV3), line(v2.Nonce, testNonce)), provider.ErrSignature, provider.ErrSignature},
		"longer nonce":         {shifted, provider.ErrSignature, provider.ErrSignature},
		"no nonce":             {posted(line(v3.Own, goodV3)), provider.ErrSignature, provider.ErrSignature},
		"another's":            {posted(line(v3.Own, sign("another-token", testURL+"."+testNonce)), line(v3.Nonce, testNonce)), provider.ErrSignature, provider.ErrSignature},
	} {
		for required, want := range map[bool]error{true: c.required, false: c.allowed} {
			d := testDriver(t, provider.Config{Values: map[string]any{fieldSigned: required}})
			if err := d.Verify(c.req); !errors.Is(err, want) {
				t.Errorf("%s, required %t: %v, want %v", name, required, err, want)
			}
		}
	}
}

func TestVerifyWithoutProof(t *testing.T) {
	req := posted()
	req.PathVerified = false
	if err := testDriver(t, provider.Config{Values: map[string]any{fieldSigned: false}}).Verify(req); !errors.Is(err, provider.ErrUnsigned) {
		t.Errorf("neither signature nor proof: %v, want %v", err, provider.ErrUnsigned)
	}
	if err := testDriver(t, provider.Config{}).Verify(posted()); !errors.Is(err, provider.ErrUnsigned) {
		t.Errorf("an account that does not say: %v, want %v", err, provider.ErrUnsigned)
	}
}

func TestVerifyTokens(t *testing.T) {
	req := posted(line(v3.Own, sign(vectorToken, testURL+"."+testNonce)), line(v3.Nonce, testNonce))
	for name, c := range map[string]struct {
		values map[string]any
		want   error
	}{
		"main account's": {map[string]any{fieldAuthToken: "sub-account-token", fieldMainToken: vectorToken}, nil},
		"previous":       {map[string]any{fieldAuthToken: "new-token", fieldPreviousTokens: []string{vectorToken}}, nil},
		"retired":        {map[string]any{fieldAuthToken: "new-token"}, provider.ErrSignature},
	} {
		if err := testDriver(t, provider.Config{Values: c.values}).Verify(req); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestCountry holds that national numbers are read as India's, unless the
// trunk is elsewhere.
func TestCountry(t *testing.T) {
	for country, want := range map[string]string{"": "+912200000199", "IN": "+912200000199", "US": "+02200000199"} {
		n, err := testDriver(t, provider.Config{Country: country}).Parse(&provider.Request{
			Method: http.MethodPost, Body: []byte("CallUUID=c&Event=StartApp&Direction=inbound&From=02200000199"),
		}, nil)
		if err != nil || n.From != want {
			t.Errorf("%q: from %q, %v, want %q", country, n.From, err, want)
		}
	}
}

func BenchmarkReceive(b *testing.B) {
	d := testDriver(b, provider.Config{})
	req := posted(line(v3.Own, sign(vectorToken, testURL+"."+testNonce)), line(v3.Nonce, testNonce))
	known := func() provider.History { return provider.History{} }
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := d.Verify(req); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.Parse(req, known); err != nil {
				b.Fatal(err)
			}
		}
	})
}
