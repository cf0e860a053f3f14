package vonage

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

const (
	headerSignature = "Authorization"
	issuer          = "Vonage"
	// maxAge is how old or early a signature may be. Vonage's tokens have no
	// expiry of their own, so that without it a captured request is good for
	// ever; within it, a fact is recorded once.
	maxAge = 5 * time.Minute
)

// Verify implements provider.WebhookReceiver. The header carries a JWT that is
// signed with the account's secret, names account and application, and holds
// the hash of the body
// (https://developer.vonage.com/en/getting-started/concepts/signing-messages).
// The URL is not signed, nor what a GET has in its query.
func (d *driver) Verify(req *provider.Request) error {
	token, err := bearer(req.Header)
	if err != nil {
		return err
	}
	var c claims
	if err := d.secrets.open(token, &c); err != nil {
		return err
	}
	switch {
	case c.Issuer != issuer:
		return refused(fmt.Errorf("%w: the issuer is not %s", provider.ErrSignature, issuer))
	case c.ID == "":
		return refused(fmt.Errorf("%w: the token has no id", provider.ErrSignature))
	case c.APIKey == "" || c.APIKey != d.account:
		return refused(provider.ErrAccount)
	case c.ApplicationID != nil && *c.ApplicationID != d.application:
		return refused(fmt.Errorf("%w: of another application", provider.ErrAccount))
	case !c.current(req.Now):
		return refused(provider.ErrStale)
	case !c.cover(req):
		return refused(fmt.Errorf("%w: the body is another", provider.ErrSignature))
	}
	return nil
}

// VerifyHandshake implements provider.HandshakeVerifier: an endpoint with the
// authorization "vonage" brings the same token as a webhook.
func (d *driver) VerifyHandshake(req *provider.Request) error { return d.Verify(req) }

// bearer returns the token of a request. One without a token is asked for
// again with status 503: Vonage says that a fault of its own may leave the
// signature off, and that it signs what it repeats after a 5xx.
func bearer(h provider.Header) (string, error) {
	scheme, token, _ := strings.Cut(strings.TrimSpace(h.Get(headerSignature)), " ")
	token = strings.TrimSpace(token)
	if token == "" || !strings.EqualFold(scheme, "Bearer") {
		e := provider.Unauthenticated(provider.ErrUnsigned)
		e.Status = http.StatusServiceUnavailable
		return "", e
	}
	return token, nil
}

// refused is the error for a signature that is there and wrong.
func refused(err error) *provider.Error {
	e := provider.Unauthenticated(err)
	e.Status = http.StatusUnauthorized
	return e
}

// claims are what a token says.
type claims struct {
	jwt.RegisteredClaims
	IssuedAt      *float64 `json:"iat"` // a number: the library takes a text too
	APIKey        string   `json:"api_key"`
	ApplicationID *string  `json:"application_id"`
	PayloadHash   string   `json:"payload_hash"` // SHA-256 of the body, lower-case hex
}

func (c *claims) current(now time.Time) bool {
	switch {
	case c.IssuedAt == nil || math.Abs(float64(now.Unix())-*c.IssuedAt) > maxAge.Seconds():
		return false
	case c.ExpiresAt != nil && !now.Before(c.ExpiresAt.Time):
		return false
	}
	return c.NotBefore == nil || !now.Before(c.NotBefore.Time)
}

// cover reports whether the token is for the body of a request. What Vonage
// hashes for a GET is not documented.
func (c *claims) cover(req *provider.Request) bool {
	if len(req.Body) == 0 && (req.Method == http.MethodGet || c.PayloadHash == "") {
		return true
	}
	sum := sha256.Sum256(req.Body)
	return c.PayloadHash == hex.EncodeToString(sum[:])
}

// said returns what the token of a request says, without a proof of it.
func said(h provider.Header) (c claims, ok bool) {
	token, err := bearer(h)
	if err != nil || strings.Count(token, ".") != 2 {
		return c, false
	}
	doc, err := tokens.DecodeSegment(strings.Split(token, ".")[1])
	return c, err == nil && json.Unmarshal(doc, &c) == nil
}

// secrets are the keys of which any may have signed.
type secrets []jwt.VerificationKey

func newSecrets(texts ...string) (s secrets) {
	for _, t := range texts {
		if t != "" { // an empty secret would make everybody a signer
			s = append(s, []byte(t))
		}
	}
	return s
}

// tokens refuses every algorithm but HS256 before it looks at a key.
var tokens = jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
	jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())

// open checks the signature of a token and reads its claims.
func (s secrets) open(token string, into jwt.Claims) error {
	if len(s) == 0 {
		return refused(provider.ErrNoSecret)
	}
	_, err := tokens.ParseWithClaims(token, into, func(*jwt.Token) (any, error) {
		return jwt.VerificationKeySet{Keys: s}, nil
	})
	if err != nil {
		return refused(provider.ErrSignature)
	}
	return nil
}
