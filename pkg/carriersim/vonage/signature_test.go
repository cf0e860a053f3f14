package vonage

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestSign makes the tokens of the vectors again from their claims. Those that
// are not valid differ in the signature or in the hash of the body.
func TestSign(t *testing.T) {
	doc, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Secret, Body, Authorization string
		Valid                             bool
	}
	if err := json.Unmarshal(doc, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 12 {
		t.Fatalf("%d vectors", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			token := strings.TrimPrefix(v.Authorization, "Bearer ")
			parts := strings.Split(token, ".")
			payload, err := base64.RawURLEncoding.DecodeString(parts[1])
			if err != nil {
				t.Fatal(err)
			}
			var claims hookClaims
			if err := json.Unmarshal(payload, &claims); err != nil {
				t.Fatal(err)
			}
			made := sign(v.Secret, claims)
			if claims.Issuer == "" { // the published ones have other claims: only the last step is ours
				made = parts[0] + "." + parts[1] + "." + segment(mac(v.Secret, parts[0]+"."+parts[1]))
			}
			sum := sha256.Sum256([]byte(v.Body))
			hashed := claims.PayloadHash == "" || claims.PayloadHash == hex.EncodeToString(sum[:])
			if (made == token && hashed) != v.Valid {
				t.Errorf("made %s, the vector has %s and is valid: %t", made, token, v.Valid)
			}
		})
	}
}

func TestAuthorizationHashesTheBody(t *testing.T) {
	c := &Carrier{opt: Options{APIKey: "a1b2c3d4", SignatureSecret: "secret"}}
	for body, want := range map[string]string{
		"":   "",
		"{}": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
	} {
		claims := claimsOf(t, c.authorization("app", []byte(body)))
		if claims.PayloadHash != want || claims.ApplicationID != "app" || claims.APIKey != "a1b2c3d4" || claims.Issuer != "Vonage" {
			t.Errorf("body %q: %+v", body, claims)
		}
	}
	if a, b := claimsOf(t, c.authorization("app", nil)), claimsOf(t, c.authorization("app", nil)); a.ID == b.ID || a.ID == "" {
		t.Errorf("two tokens share the id %q", a.ID)
	}
}

func claimsOf(t testing.TB, authorization string) (claims hookClaims) {
	t.Helper()
	parts := strings.Split(strings.TrimPrefix(authorization, "Bearer "), ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}
