package vonage

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

func TestVerifyParameters(t *testing.T) {
	const text = "b=1%262%3D3&a=x+y&empty=&blank=+&timestamp=2100"
	// Of "&a=x y&b=1_2_3&timestamp=2100" by an HMAC with the key abcde.
	const sum = "956ab841d2c596c4ab30392f892504d61e740b9f179131dfb00b7fa317602730"
	get := func(query string) *provider.Request {
		return &provider.Request{Method: http.MethodGet, URL: testHost + "/?" + query, Now: time.Unix(2100, 0)}
	}
	post := get("sig=other")
	post.Method, post.Body = http.MethodPost, []byte(text+"&sig="+sum)
	late := get(text + "&sig=" + sum)
	late.Now = time.Unix(2401, 0)
	for name, test := range map[string]struct {
		req               *provider.Request
		algorithm, secret string
		want              error
	}{
		"query":        {get(text + "&sig=" + sum), "sha256", "abcde", nil},
		"form":         {post, "sha256", "abcde", nil},
		"no signature": {get(text), "sha256", "abcde", provider.ErrUnsigned},
		"no secret":    {get(text + "&sig=" + sum), "sha256", "", provider.ErrNoSecret},
		"other method": {get(text + "&sig=" + sum), "sha512", "abcde", provider.ErrSignature},
		"late":         {late, "sha256", "abcde", provider.ErrStale},
	} {
		if err := VerifyParameters(test.req, test.algorithm, test.secret); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if err := VerifyParameters(get("sig=x"), "crc32", "abcde"); provider.KindOf(err) != provider.KindInvalid {
		t.Errorf("unknown algorithm: %v, want invalid", err)
	}
}

// TestVerifyParametersWithoutATime holds that a signature without a time is
// stale: it would be good for ever.
func TestVerifyParametersWithoutATime(t *testing.T) {
	req := &provider.Request{Method: http.MethodGet, URL: testHost + "/?a=1&sig=75e6b4fd2fe97a298efc2b355f7494b4", Now: time.Unix(0, 0)}
	if err := VerifyParameters(req, "md5hash", "abcde"); !errors.Is(err, provider.ErrStale) {
		t.Errorf("%v, want %v", err, provider.ErrStale)
	}
}

func TestVerifyToken(t *testing.T) {
	req := webhook("", token("s", hs256, map[string]any{"iat": 1}))
	for secret, want := range map[string]error{"s": nil, "other": provider.ErrSignature, "": provider.ErrNoSecret} {
		if err := VerifyToken(req, secret); !errors.Is(err, want) {
			t.Errorf("secret %q: %v, want %v", secret, err, want)
		}
	}
	if err := VerifyToken(webhook("", ""), "s"); !errors.Is(err, provider.ErrUnsigned) {
		t.Errorf("no token: %v, want %v", err, provider.ErrUnsigned)
	}
}
