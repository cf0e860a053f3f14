package vonage

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// signatureHeader carries the token of a webhook and of a socket's handshake.
const signatureHeader = "Authorization"

// hookClaims are what Vonage states about a request of its own. There is no
// expiry.
type hookClaims struct {
	IssuedAt      int64  `json:"iat"`
	ID            string `json:"jti"`
	Issuer        string `json:"iss"`
	PayloadHash   string `json:"payload_hash,omitempty"`
	APIKey        string `json:"api_key"`
	ApplicationID string `json:"application_id,omitempty"`
}

// authorization is the header value for a request with a body, which may be
// empty. What is hashed where there is none is not documented: nothing here.
func (c *Carrier) authorization(app string, body []byte) string {
	claims := hookClaims{
		IssuedAt: time.Now().Unix(), ID: uuid.NewString(), Issuer: "Vonage", APIKey: c.opt.APIKey, ApplicationID: app,
	}
	if len(body) > 0 {
		sum := sha256.Sum256(body)
		claims.PayloadHash = hex.EncodeToString(sum[:])
	}
	return "Bearer " + sign(c.opt.SignatureSecret, claims)
}

// sign makes a token with HMAC-SHA256 (RFC 7515). The secret is taken as it is,
// not decoded.
func sign(secret string, claims hookClaims) string {
	payload, err := json.Marshal(claims)
	if err != nil { // never: the claims are strings and a number
		return ""
	}
	signed := segment([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + segment(payload)
	return signed + "." + segment(mac(secret, signed))
}

func mac(secret, signed string) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(signed))
	return m.Sum(nil)
}

func segment(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// restClaims are what the gateway states about a request of its own.
type restClaims struct {
	ApplicationID string  `json:"application_id"`
	IssuedAt      float64 `json:"iat"` // seconds
	ID            string  `json:"jti"`
	NotBefore     float64 `json:"nbf"`
	Expires       float64 `json:"exp"`
}

const (
	tokenLife = 15 * time.Minute // where the token names no end
	clockSkew = 30 * time.Second
)

// readToken takes the claims from a gateway's token without a look at the
// signature, and returns what is signed with it.
func readToken(token string) (claims restClaims, signed string, signature []byte, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims, "", nil, errors.New("token has not three segments")
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	for i, into := range []any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return claims, "", nil, fmt.Errorf("segment %d: %w", i+1, err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			return claims, "", nil, fmt.Errorf("segment %d: %w", i+1, err)
		}
	}
	if header.Algorithm != "RS256" {
		return claims, "", nil, fmt.Errorf("algorithm %q", header.Algorithm)
	}
	signature, err = base64.RawURLEncoding.DecodeString(parts[2])
	return claims, parts[0] + "." + parts[1], signature, err
}

// valid checks the claims against the clock.
func (t *restClaims) valid(now time.Time) error {
	at, end := seconds(t.IssuedAt), seconds(t.Expires)
	if t.Expires == 0 {
		end = at.Add(tokenLife)
	}
	switch {
	case t.IssuedAt == 0 || t.ID == "":
		return errors.New("iat and jti are required")
	case at.After(now.Add(clockSkew)), seconds(t.NotBefore).After(now.Add(clockSkew)):
		return errors.New("token is not valid yet")
	case !end.After(now):
		return errors.New("token has expired")
	}
	return nil
}

func seconds(n float64) time.Time { return time.UnixMilli(int64(n * 1000)) }

// checkRS256 verifies a signature under a public key in PEM.
func checkRS256(public, signed string, signature []byte) error {
	block, _ := pem.Decode([]byte(public))
	if block == nil {
		return errors.New("the application has no public key")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return errors.New("public key is not RSA")
	}
	sum := sha256.Sum256([]byte(signed))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
}
