package trunk

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MinSecret is the shortest secret that keys are derived from, in characters.
const MinSecret = 32

// sealedPrefix marks a sealed text: sealed:v1:<key id>:<nonce and ciphertext>.
const sealedPrefix = "sealed:v1:"

// Keys holds what is derived from TRUNKLINE_SECRET_KEY: one key that seals
// secrets, one that signs the URLs Trunkline mints. While a secret is being
// rotated the previous one still opens and verifies.
type Keys struct {
	current  derived
	previous []derived
}

type derived struct {
	id   string
	seal cipher.AEAD
	mac  []byte
}

// NewKeys derives keys from the current secret and those before it.
func NewKeys(secret string, previous ...string) (*Keys, error) {
	current, err := derive(secret)
	if err != nil {
		return nil, err
	}
	k := &Keys{current: current}
	for _, old := range previous {
		if old == "" {
			continue
		}
		d, err := derive(old)
		if err != nil {
			return nil, err
		}
		k.previous = append(k.previous, d)
	}
	return k, nil
}

func derive(secret string) (derived, error) {
	if len(secret) < MinSecret {
		return derived{}, fmt.Errorf("TRUNKLINE_SECRET_KEY has %d characters, want at least %d; `openssl rand -hex 32` makes one", len(secret), MinSecret)
	}
	expand := func(purpose string) ([]byte, error) {
		return hkdf.Key(sha256.New, []byte(secret), nil, "trunkline "+purpose, 32)
	}
	sealKey, err := expand("seal v1")
	if err != nil {
		return derived{}, fmt.Errorf("derive keys: %w", err)
	}
	macKey, err := expand("callback v1")
	if err != nil {
		return derived{}, fmt.Errorf("derive keys: %w", err)
	}
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return derived{}, fmt.Errorf("derive keys: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return derived{}, fmt.Errorf("derive keys: %w", err)
	}
	sum := sha256.Sum256(sealKey)
	return derived{id: base64.RawURLEncoding.EncodeToString(sum[:6]), seal: aead, mac: macKey}, nil
}

// Seal encrypts a text with AES-256-GCM. place (org, trunk and field) is bound
// to it: a sealed text that is moved elsewhere does not open.
func (k *Keys) Seal(place, text string) string {
	nonce := make([]byte, k.current.seal.NonceSize())
	_, _ = rand.Read(nonce) // never fails, see crypto/rand
	box := k.current.seal.Seal(nonce, nonce, []byte(text), []byte(place))
	return sealedPrefix + k.current.id + ":" + base64.RawStdEncoding.EncodeToString(box)
}

// Sealed reports whether a text is sealed.
func Sealed(text string) bool { return strings.HasPrefix(text, sealedPrefix) }

// Open decrypts what Seal made, with the current key or a previous one. A text
// that is not sealed is an error.
func (k *Keys) Open(place, text string) (string, error) {
	rest, ok := strings.CutPrefix(text, sealedPrefix)
	id, box64, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 {
		return "", errors.New("is not sealed")
	}
	box, err := base64.RawStdEncoding.DecodeString(box64)
	if err != nil {
		return "", errors.New("sealed text is damaged")
	}
	for _, d := range append([]derived{k.current}, k.previous...) {
		size := d.seal.NonceSize()
		if d.id != id || len(box) < size {
			continue
		}
		plain, err := d.seal.Open(nil, box[:size], box[size:], []byte(place))
		if err != nil {
			return "", errors.New("sealed text is damaged or belongs elsewhere")
		}
		return string(plain), nil
	}
	return "", fmt.Errorf("sealed with key %s, which is neither TRUNKLINE_SECRET_KEY nor the previous one", id)
}

// reseal returns a sealed text as it is under the current key: a previous key
// can be given up once everything was written again.
func (k *Keys) reseal(place, sealed string) (string, error) {
	if strings.HasPrefix(sealed, sealedPrefix+k.current.id+":") {
		return sealed, nil
	}
	text, err := k.Open(place, sealed)
	if err != nil {
		return "", err
	}
	return k.Seal(place, text), nil
}

// macSize of 128 bits is out of reach of guessing and short in a URL.
const macSize = 16

// sign returns the MAC of the parts, as it stands in a URL.
func (k *Keys) sign(parts ...string) string {
	return base64.RawURLEncoding.EncodeToString(k.current.sum(parts))
}

// verify reports whether sign, under the current or a previous key, made mac.
func (k *Keys) verify(mac string, parts ...string) bool {
	got, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil {
		return false
	}
	for _, d := range append([]derived{k.current}, k.previous...) {
		if hmac.Equal(got, d.sum(parts)) {
			return true
		}
	}
	return false
}

func (d derived) sum(parts []string) []byte {
	h := hmac.New(sha256.New, d.mac)
	for _, p := range parts {
		// The length keeps ("ab","c") and ("a","bc") apart.
		h.Write(strconv.AppendInt(nil, int64(len(p)), 10))
		h.Write([]byte{':'})
		h.Write([]byte(p))
	}
	return h.Sum(nil)[:macSize]
}
