package vonage

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// TestToken holds that calls are authorised by the application, and numbers by
// the account.
func TestToken(t *testing.T) {
	var calls, numbers string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/account/numbers" {
			numbers = r.Header.Get("Authorization")
		} else {
			calls = r.Header.Get("Authorization")
		}
		w.Write([]byte("{}"))
	}))
	defer srv.Close()
	d := openDriver(t, provider.Config{APIURL: srv.URL + "/"})
	if _, err := d.Numbers(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := d.Hangup(context.Background(), provider.Leg{ID: "1"}); err != nil {
		t.Fatal(err)
	}
	if want := "Basic YTFiMmMzZDQ6dW5pdC10ZXN0LWFwaS1zZWNyZXQ="; numbers != want {
		t.Errorf("numbers: %s, want %s", numbers, want)
	}
	key, err := privateKey(testPrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	token, err := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired()).
		ParseWithClaims(calls[len("Bearer "):], claims, func(*jwt.Token) (any, error) { return &key.PublicKey, nil })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"alg": "RS256", "typ": "JWT"}, token.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if claims["application_id"] != testApplication || claims["acl"] != nil || claims["sub"] != nil {
		t.Errorf("claims %v", claims)
	}
	if id, _ := claims["jti"].(string); !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("jti %q is no UUID of version 4", id)
	}
	if life := claims["exp"].(float64) - claims["iat"].(float64); life != tokenLife.Seconds() {
		t.Errorf("the token lives %v s", life)
	}
}

func TestTokenIsReplacedBeforeItsEnd(t *testing.T) {
	key, err := privateKey(testPrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	now := testNow
	s := &signer{application: testApplication, key: key, now: func() time.Time { return now }}
	token := func(after time.Duration) string {
		now = testNow.Add(after)
		h := http.Header{}
		if err := s.authorize(h); err != nil {
			t.Fatal(err)
		}
		return h.Get("Authorization")
	}
	first := token(0)
	if token(tokenLife-tokenMargin-1) != first {
		t.Error("a fresh token is not used again")
	}
	second := token(tokenLife - tokenMargin)
	if second == first {
		t.Error("a token near its end is used again")
	}
	if token(tokenLife) != second {
		t.Error("the new token is not used again")
	}
}

func TestHosts(t *testing.T) {
	type bases struct{ Voice, Accounts, Numbers string }
	for name, test := range map[string]struct {
		config provider.Config
		want   bases
	}{
		"usual":         {provider.Config{}, bases{"https://api.nexmo.com", "https://api.nexmo.com", "https://rest.nexmo.com"}},
		"region":        {provider.Config{Values: map[string]any{fieldRegion: "api-eu-4"}}, bases{"https://api-eu-4.vonage.com", "https://api.nexmo.com", "https://rest.nexmo.com"}},
		"proxy":         {provider.Config{APIURL: "http://127.0.0.1:8080/vonage/"}, bases{"http://127.0.0.1:8080/vonage", "http://127.0.0.1:8080/vonage", "http://127.0.0.1:8080/vonage"}},
		"regional host": {provider.Config{APIURL: "https://api-ap-3.vonage.com"}, bases{"https://api-ap-3.vonage.com", "https://api.nexmo.com", "https://rest.nexmo.com"}},
	} {
		d := openDriver(t, test.config)
		if diff := cmp.Diff(test.want, bases{d.voice.Base, d.accounts.Base, d.numbers.Base}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestRegion holds that a call is steered where Vonage says it lives, and that
// nobody else can name a place for the credentials.
func TestRegion(t *testing.T) {
	for region, want := range map[string]string{
		"":                                "https://api.nexmo.com",
		"https://api-us-3.vonage.com":     "https://api-us-3.vonage.com",
		"https://api-us-3.vonage.com/":    "https://api-us-3.vonage.com",
		"https://API-EU-3.Vonage.com":     "https://API-EU-3.Vonage.com",
		"https://api-us-1.nexmo.com":      "https://api-us-1.nexmo.com",
		"http://api-us-3.vonage.com":      "https://api.nexmo.com",
		"https://api-us-3.vonage.com:81":  "https://api.nexmo.com",
		"https://vonage.com.evil.com":     "https://api.nexmo.com",
		"https://evilvonage.com":          "https://api.nexmo.com",
		"https://evil.com/.vonage.com":    "https://api.nexmo.com",
		"https://evil.com?.vonage.com":    "https://api.nexmo.com",
		"https://evil.com#.vonage.com":    "https://api.nexmo.com",
		"https://a:b@api.vonage.com":      "https://api.nexmo.com",
		"https://api.vonage.com@evil.com": "https://api.nexmo.com",
		"https://api.vonage.com/x":        "https://api.nexmo.com",
		"https://api.vonage.com?x":        "https://api.nexmo.com",
		"//api.vonage.com":                "https://api.nexmo.com",
		"api.vonage.com":                  "https://api.nexmo.com",
		"https://evil.com%2f.vonage.com":  "https://api.nexmo.com",
		"https://evil.com\\.vonage.com":   "https://api.nexmo.com",
	} {
		if got := testDriver(t, nil).at(region).Base; got != want {
			t.Errorf("region %q: %s, want %s", region, got, want)
		}
	}
	const proxy = "http://127.0.0.1:8080"
	if got := openDriver(t, provider.Config{APIURL: proxy}).at("https://api-us-3.vonage.com").Base; got != proxy {
		t.Errorf("behind a proxy: %s, want %s", got, proxy)
	}
}
