package twilio

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"
	"sync"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

const headerSignature = "X-Twilio-Signature"

// Verify implements provider.WebhookReceiver. Twilio signs the URL followed by
// all fields of the form; a body of another type is bound by a hash that is
// part of the signed URL (https://www.twilio.com/docs/usage/security). There
// is no timestamp: a captured request verifies for ever, and is harmless only
// because a fact is recorded once.
func (d *driver) Verify(req *provider.Request) error {
	signature := req.Header.Get(headerSignature)
	if signature == "" {
		return provider.Unauthenticated(provider.ErrUnsigned)
	}
	var room [usualFields]form.Field
	said, ok := fields(room[:0], req)
	if !ok && !hashed(req) {
		return provider.Unauthenticated(provider.ErrSignature)
	}
	account, named := said.Lookup("AccountSid")
	if req.Method == http.MethodGet {
		said = nil // already in the URL
	}
	said.Sort()
	if err := d.verifier.verify(signature, req.URL, said); err != nil {
		return err
	}
	if named && account != d.account {
		return provider.Unauthenticated(provider.ErrAccount)
	}
	return nil
}

// VerifyHandshake implements provider.HandshakeVerifier: a GET that is signed
// over the wss URL, without fields.
func (d *driver) VerifyHandshake(req *provider.Request) error {
	signature := req.Header.Get(headerSignature)
	if signature == "" {
		return provider.Unauthenticated(provider.ErrUnsigned)
	}
	return d.verifier.verify(signature, req.URL, nil)
}

// hashed reports whether the URL holds the hash of the body. A body without
// one is bound by nothing.
func hashed(req *provider.Request) bool {
	claimed := form.Append(nil, req.Query()).Get("bodySHA256")
	sum := sha256.Sum256(req.Body)
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(claimed)) == 1
}

// verifier checks signatures under any of several auth tokens.
type verifier struct{ keys []*key }

func newVerifier(tokens []string) verifier {
	var v verifier
	for _, t := range tokens {
		if t != "" { // an empty token would make everybody a signer
			v.keys = append(v.keys, newKey(t))
		}
	}
	return v
}

// verify checks a signature over a URL and fields in signing order.
func (v *verifier) verify(signature, url string, fields form.Fields) error {
	if len(v.keys) == 0 {
		return provider.Unauthenticated(provider.ErrNoSecret)
	}
	m := messages.Get().(*message)
	defer messages.Put(m)
	m.setFields(fields)
	a := split(url)
	ok := v.signed(m, signature, a)
	if !ok && a.user != "" { // Twilio takes user and password off before it signs
		a.user = ""
		ok = v.signed(m, signature, a)
	}
	if !ok && a.scheme == "wss://" { // some handshakes are signed with a slash at the end
		a.rest += "/"
		ok = v.signed(m, signature, a)
	}
	if !ok {
		return provider.Unauthenticated(provider.ErrSignature)
	}
	return nil
}

// signed tries the ways in which Twilio's back ends are known to write one
// address: as it came, as a browser would print it, and with the query encoded
// anew on top of that. The official libraries try the same.
func (v *verifier) signed(m *message, signature string, a address) bool {
	if v.signedEitherPort(m, signature, a) {
		return true
	}
	printed := a.normalised()
	if printed != a && v.signedEitherPort(m, signature, printed) {
		return true
	}
	encoded := printed.requoted()
	return encoded != printed && v.signedEitherPort(m, signature, encoded)
}

// signedEitherPort tries an address without a port, which is how Twilio signs
// over HTTPS, then with its own or the standard one. No other port counts.
func (v *verifier) signedEitherPort(m *message, signature string, a address) bool {
	port := cmp.Or(a.port, a.standardPort())
	a.port = ""
	if v.signedExactly(m, signature, a) {
		return true
	}
	a.port = port
	return v.signedExactly(m, signature, a)
}

func (v *verifier) signedExactly(m *message, signature string, a address) bool {
	m.setAddress(a)
	for _, k := range v.keys {
		if k.signs(m, signature) {
			return true
		}
	}
	return false
}

// key is one auth token, with hashes that have already taken it in.
type key struct{ hashes sync.Pool }

func newKey(token string) *key {
	return &key{hashes: sync.Pool{New: func() any { return hmac.New(sha1.New, []byte(token)) }}}
}

func (k *key) signs(m *message, signature string) bool {
	h := k.hashes.Get().(hash.Hash)
	defer k.hashes.Put(h)
	h.Reset()
	h.Write(m.address)
	h.Write(m.fields)
	m.sum = h.Sum(m.sum[:0])
	m.text = base64.StdEncoding.AppendEncode(m.text[:0], m.sum)
	return subtle.ConstantTimeCompare([]byte(signature), m.text) == 1
}

// message is what is signed, and room to work on it.
type message struct{ address, fields, sum, text []byte }

var messages = sync.Pool{New: func() any { return new(message) }}

// setFields joins fields without separators. Equal values of one name count
// once, others one by one.
func (m *message) setFields(fields form.Fields) {
	m.fields = m.fields[:0]
	for i, f := range fields {
		if i > 0 && f == fields[i-1] {
			continue
		}
		m.fields = append(append(m.fields, f.Name...), f.Value...)
	}
}

func (m *message) setAddress(a address) {
	m.address = m.address[:0]
	for _, part := range [...]string{a.scheme, a.user, a.host, a.port, a.rest} {
		m.address = append(m.address, part...)
	}
}

// address is a URL in parts that keep their punctuation, so that one after the
// other they are the URL again.
type address struct {
	scheme string // https://
	user   string // name:password@
	host   string
	port   string // :8443
	rest   string // path and query
}

func split(url string) address {
	var a address
	url, _, _ = strings.Cut(url, "#") // settings for the carrier, never sent or signed
	if i := strings.Index(url, "://"); i >= 0 {
		a.scheme, url = url[:i+3], url[i+3:]
	}
	if i := strings.IndexAny(url, "/?"); i >= 0 {
		url, a.rest = url[:i], url[i:]
	}
	if i := strings.LastIndexByte(url, '@'); i >= 0 {
		a.user, url = url[:i+1], url[i+1:]
	}
	if i := strings.LastIndexByte(url, ':'); i > strings.LastIndexByte(url, ']') { // not one inside an IPv6 address
		url, a.port = url[:i], url[i:]
	}
	a.host = url
	return a
}

// standardPort is 443 for https and, as the official libraries have it, 80 for
// everything else, wss too.
func (a address) standardPort() string {
	if a.scheme == "https://" {
		return ":443"
	}
	return ":80"
}

// normalised is the address as a WHATWG URL parser prints it.
func (a address) normalised() address {
	a.scheme, a.host = strings.ToLower(a.scheme), strings.ToLower(a.host)
	switch a.scheme + a.port {
	case "https://:443", "wss://:443", "http://:80", "ws://:80":
		a.port = ""
	}
	path, query, ok := strings.Cut(a.rest, "?")
	a.rest = cmp.Or(escape(path, func(c byte) bool { return strings.IndexByte("\"<>`{}", c) < 0 }), "/")
	if ok {
		a.rest += "?" + escape(query, func(c byte) bool { return strings.IndexByte("\"'<>", c) < 0 })
	}
	return a
}

// requoted is the address with its query decoded and encoded again, as an old
// encoder does it: repeated names side by side, a value to every name, and all
// but unreserved characters escaped.
func (a address) requoted() address {
	path, query, _ := strings.Cut(a.rest, "?")
	pairs := form.Append(nil, query)
	if len(pairs) == 0 || len(pairs) > usualFields {
		return a
	}
	unreserved := func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("-._~!'()*", c) >= 0
	}
	var text []string
	for i, first := range pairs {
		if _, seen := pairs[:i].Lookup(first.Name); seen {
			continue
		}
		for _, p := range pairs[i:] {
			if p.Name == first.Name {
				text = append(text, escape(p.Name, unreserved)+"="+escape(p.Value, unreserved))
			}
		}
	}
	a.rest = path + "?" + strings.Join(text, "&")
	return a
}

// escape writes every byte as %XX that is not printable ASCII or not plain.
func escape(s string, plain func(byte) bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c > ' ' && c <= '~' && plain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
