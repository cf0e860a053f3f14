package plivoswitch

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
)

// Account is whose calls a switch has: a main account's and, where SubID is
// set, in truth those of a sub-account of it.
type Account struct {
	ID, Token       string
	SubID, SubToken string
}

// Owner is the account that has the numbers and the applications.
func (a *Account) Owner() string {
	if a.SubID != "" {
		return a.SubID
	}
	return a.ID
}

// Knows checks the credentials of either account.
func (a *Account) Knows(id, token string) bool {
	return id == a.ID && same(token, a.Token) || a.SubID != "" && id == a.SubID && same(token, a.SubToken)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Sign returns the signatures of a text by the owner and by the main account:
// HMAC-SHA256 with the token, in base64.
func (a *Account) Sign(text string) (owner, main string) {
	main = mac(a.Token, text)
	if a.SubID != "" {
		return mac(a.SubToken, text), main
	}
	return main, main
}

func mac(token, text string) string {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// NewNonce makes a nonce of a signature.
func NewNonce() string { return pick("0123456789", 20) }

// NewID makes n random capitals and digits, as ids and tokens have them.
func NewID(n int) string { return pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", n) }

// NewUUID makes a random UUID.
func NewUUID() string {
	b := make([]byte, 16)
	rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// pick makes n random characters out of a set.
func pick(set string, n int) string {
	b := make([]byte, n)
	rand.Read(b)
	for i := range b {
		b[i] = set[int(b[i])%len(set)]
	}
	return string(b)
}
