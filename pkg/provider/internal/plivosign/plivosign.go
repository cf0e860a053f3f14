// Package plivosign verifies the signatures that Plivo puts on its webhooks,
// and carriers that took them over: base64 of HMAC-SHA256, under the auth token
// of the account that owns the number, or of that account's parent, over a text
// that is made of the request and a nonce. None of the texts holds a time.
// Sources: https://www.plivo.com/docs/voice/concepts/signature-validation and
// https://docs.vobiz.ai/concepts/validating-callbacks.
package plivosign

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"slices"
	"strings"
	"sync"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

// Scheme is one version of a carrier's signatures.
type Scheme struct {
	Own    string // header with signatures of the account itself
	Parent string // header with signatures of its parent, over the same text
	Nonce  string // header with the nonce of both
	Join   string // stands between the text and the nonce
}

// Signed reports whether a request has one of the scheme's signatures, right
// or wrong, even an empty one.
func (s *Scheme) Signed(h provider.Header) bool {
	return slices.ContainsFunc(h, func(f provider.Field) bool { return s.has(f.Name) })
}

func (s *Scheme) has(name string) bool {
	return strings.EqualFold(name, s.Own) || strings.EqualFold(name, s.Parent)
}

// Keys are the auth tokens under which a signature may have been made.
type Keys []*key

// key is one token, with hashes that have already taken it in.
type key struct{ hashes sync.Pool }

// NewKeys makes keys of the tokens that are not empty: under an empty one
// everybody could sign.
func NewKeys(tokens ...string) Keys {
	var keys Keys
	for _, token := range tokens {
		if token != "" {
			keys = append(keys, &key{hashes: sync.Pool{New: func() any { return hmac.New(sha256.New, []byte(token)) }}})
		}
	}
	return keys
}

// Verify returns nil when a signature of the request was made over one of the
// texts under one of the keys. Each header may list several signatures.
func (k Keys) Verify(h provider.Header, s *Scheme, texts ...Text) error {
	nonce := h.Get(s.Nonce)
	switch {
	case !s.Signed(h):
		return provider.Unauthenticated(provider.ErrUnsigned)
	case len(k) == 0:
		return provider.Unauthenticated(provider.ErrNoSecret)
	case nonce == "":
		return provider.Unauthenticated(provider.ErrSignature)
	}
	m := messages.Get().(*message)
	defer messages.Put(m)
	for _, t := range texts {
		m.text = append(append(t.append(m.text[:0]), s.Join...), nonce...)
		for _, key := range k {
			key.sign(m)
			for _, f := range h {
				if s.has(f.Name) && m.listed(f.Value) {
					return nil
				}
			}
		}
	}
	return provider.Unauthenticated(provider.ErrSignature)
}

// message is what is signed, and room to work on it.
type message struct{ text, sum, code []byte }

var messages = sync.Pool{New: func() any { return new(message) }}

func (k *key) sign(m *message) {
	h := k.hashes.Get().(hash.Hash)
	defer k.hashes.Put(h)
	h.Reset()
	h.Write(m.text)
	m.sum = h.Sum(m.sum[:0])
	m.code = base64.StdEncoding.AppendEncode(m.code[:0], m.sum)
}

// listed reports whether the signature is one of a list.
func (m *message) listed(list string) bool {
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		if len(part) == len(m.code) && subtle.ConstantTimeCompare([]byte(part), m.code) == 1 {
			return true
		}
	}
	return false
}

// Text is what is signed, up to the nonce.
type Text struct {
	URL    string // as the carrier was told it; a fragment is never signed
	Scheme string // stands in place of the URL's, "" for that one
	// Bare leaves the query out too, and all fields.
	Bare bool
	// Posted are the fields of a body, decoded; they are put in order in place.
	Posted form.Fields
}

// append writes the text. The fields of a query keep their punctuation, those
// of a body lose it; both are sorted. A body makes a question mark, with or
// without a query before it.
func (t Text) append(dst []byte) []byte {
	url, _, _ := strings.Cut(t.URL, "#")
	if scheme, rest, ok := strings.Cut(url, "://"); ok && t.Scheme != "" && t.Scheme != scheme {
		dst = append(append(dst, t.Scheme...), "://"...)
		url = rest
	}
	url, query, _ := strings.Cut(url, "?")
	dst = append(dst, url...)
	if t.Bare {
		return dst
	}
	var room [32]form.Field
	asked := form.Append(room[:0], query)
	sorted(asked)
	sorted(t.Posted)
	separator := byte('?')
	for _, f := range asked {
		dst = append(append(append(append(dst, separator), f.Name...), '='), f.Value...)
		separator = '&'
	}
	if len(t.Posted) == 0 {
		return dst
	}
	if len(asked) == 0 {
		dst = append(dst, '?')
	} else {
		dst = append(dst, '.')
	}
	for _, f := range t.Posted {
		dst = append(append(dst, f.Name...), f.Value...)
	}
	return dst
}

// sorted orders fields by name, then by value, both by code point, which for
// UTF-8 is byte by byte.
func sorted(fields form.Fields) {
	slices.SortFunc(fields, func(a, b form.Field) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
}
