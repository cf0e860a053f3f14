package cloudonix

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"unicode/utf8"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// shortestKey is in characters.
const shortestKey = 16

func long(key string) bool { return utf8.RuneCountInString(strings.TrimSpace(key)) >= shortestKey }

// keys are those that a webhook may carry, hashed: their length shows in no
// comparison.
type keys [][sha256.Size]byte

func newKeys(accepted []string) keys {
	var k keys
	for _, key := range accepted {
		if long(key) {
			k = append(k, sha256.Sum256([]byte(strings.TrimSpace(key))))
		}
	}
	return k
}

// match compares with all keys, whichever fits.
func (k keys) match(presented string) bool {
	var room [128]byte // most keys fit, without an allocation
	sum := sha256.Sum256(append(room[:0], presented...))
	found := 0
	for i := range k {
		found |= subtle.ConstantTimeCompare(sum[:], k[i][:])
	}
	return found == 1
}

// Verify implements provider.WebhookReceiver. The carrier signs nothing. Proof
// is the MAC in the path, as its call detail records may come without a key; or
// a key in one of two headers, each of which may also carry a key that is of no
// concern here. Neither covers what a webhook says, and a captured one verifies
// for ever: it is harmless only because a fact is recorded once. That the
// webhook is of this domain is seen to by Parse.
func (d *driver) Verify(req *provider.Request) error {
	presented, accepted := 0, false
	for i := range req.Header {
		key := keyIn(&req.Header[i])
		if key == "" {
			continue
		}
		presented++
		accepted = d.keys.match(key) || accepted
	}
	switch {
	case accepted, req.PathVerified:
		return nil
	case presented == 0:
		return provider.Unauthenticated(provider.ErrUnsigned)
	case len(d.keys) == 0:
		return provider.Unauthenticated(provider.ErrNoSecret)
	}
	return provider.Unauthenticated(provider.ErrSignature)
}

// keyIn returns the key that a header line presents, "" where there is none.
func keyIn(line *provider.Field) string {
	switch {
	case strings.EqualFold(line.Name, "X-CX-APIKey"):
		return strings.TrimSpace(line.Value)
	case strings.EqualFold(line.Name, "Authorization"):
		scheme, key, _ := strings.Cut(strings.TrimSpace(line.Value), " ")
		if strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(key)
		}
	}
	return ""
}
