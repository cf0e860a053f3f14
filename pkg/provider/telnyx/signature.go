package telnyx

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

// The headers of a signature. That of version 1 is an HMAC, which is not taken.
const (
	headerSignature   = "Telnyx-Signature-Ed25519"
	headerTimestamp   = "Telnyx-Timestamp"
	headerSignatureV1 = "X-Telnyx-Signature"
)

// tolerance is how old a signature may be, or how early.
const tolerance = 5 * time.Minute

// errVersion1 says what to do about webhooks in the old form.
var errVersion1 = errors.New("webhook is of API version 1: set webhook_api_version of the application to 2, or provision the trunk")

// Verify implements provider.WebhookReceiver. Telnyx signs the timestamp and
// the body with the account's Ed25519 key
// (https://developers.telnyx.com/docs/voice/programmable-voice/receiving-webhooks).
// The URL is covered by nothing, and the key is the same for all applications
// of the account: so the application must be ours, too.
func (d *driver) Verify(req *provider.Request) error { return d.verifier.verify(req) }

// verifier checks signatures under any of several keys.
type verifier struct {
	keys       []ed25519.PublicKey
	connection string
}

// newVerifier reads keys in base64, separated by blanks.
func newVerifier(text, connection string) (verifier, error) {
	v := verifier{connection: connection}
	for word := range strings.FieldsSeq(text) {
		key, err := base64.StdEncoding.Strict().DecodeString(word)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return verifier{}, provider.Errorf(provider.KindInvalid, "%s: want the base64 of %d bytes", fieldPublicKey, ed25519.PublicKeySize)
		}
		v.keys = append(v.keys, key)
	}
	return v, nil
}

func (v *verifier) verify(req *provider.Request) error {
	text := req.Header.Get(headerSignature)
	switch {
	case text == "" && req.Header.Get(headerSignatureV1) != "":
		return provider.Unauthenticated(fmt.Errorf("%w: %w", provider.ErrUnsigned, errVersion1))
	case text == "":
		return provider.Unauthenticated(provider.ErrUnsigned)
	case len(v.keys) == 0:
		return provider.Unauthenticated(provider.ErrNoSecret)
	}
	stamp := req.Header.Get(headerTimestamp)
	at, ok := seconds(stamp)
	if !ok {
		return provider.Unauthenticated(provider.ErrSignature)
	}
	if age := req.Now.Unix() - at; age > int64(tolerance.Seconds()) || age < -int64(tolerance.Seconds()) {
		return provider.Unauthenticated(provider.ErrStale)
	}
	var signature [ed25519.SignatureSize]byte
	if !decodeSignature(&signature, text) || !v.signed(stamp, req.Body, signature[:]) {
		return provider.Unauthenticated(provider.ErrSignature)
	}
	if connection := connectionOf(req); connection != "" && connection != v.connection {
		return provider.Unauthenticated(provider.ErrAccount)
	}
	return nil
}

// messages are where signed messages are put together.
var messages = sync.Pool{New: func() any { return new([]byte) }}

func (v *verifier) signed(stamp string, body, signature []byte) bool {
	m := messages.Get().(*[]byte)
	defer messages.Put(m)
	*m = append(append(append((*m)[:0], stamp...), '|'), body...)
	for _, key := range v.keys {
		if ed25519.Verify(key, *m, signature) {
			return true
		}
	}
	return false
}

// seconds reads a Unix time of decimal digits and nothing else.
func seconds(text string) (int64, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	at, err := strconv.ParseInt(text, 10, 64)
	return at, err == nil && at < 1<<50 // no difference of two such overflows
}

// decodeSignature reads padded base64 of exactly a signature. The length is
// compared first, as the decoder skips line ends.
func decodeSignature(dst *[ed25519.SignatureSize]byte, text string) bool {
	var room [(ed25519.SignatureSize + 2) / 3 * 3]byte
	if len(text) != base64.StdEncoding.EncodedLen(len(dst)) {
		return false
	}
	n, err := base64.StdEncoding.Strict().Decode(room[:], []byte(text))
	copy(dst[:], room[:])
	return err == nil && n == len(dst)
}

// connectionOf is the application that a webhook names, "" where it names none.
func connectionOf(req *provider.Request) string {
	if req.Header.MediaType() == formType {
		return form.Append(nil, req.Body).Get("ConnectionId")
	}
	if !bytes.Contains(req.Body, []byte("connection_id")) {
		return ""
	}
	var e struct {
		Data struct {
			Payload struct {
				ConnectionID word `json:"connection_id"`
			} `json:"payload"`
		} `json:"data"`
	}
	_ = json.Unmarshal(req.Body, &e) // what cannot be read is not parsed either
	return string(e.Data.Payload.ConnectionID)
}
