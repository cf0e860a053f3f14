package plivo

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch"
)

// The headers of Plivo's signatures. V2 is retired and still sent.
const (
	headerV3      = "X-Plivo-Signature-V3"
	headerMaV3    = "X-Plivo-Signature-Ma-V3"
	headerV3Nonce = "X-Plivo-Signature-V3-Nonce"
	headerV2      = "X-Plivo-Signature-V2"
	headerMaV2    = "X-Plivo-Signature-Ma-V2"
	headerV2Nonce = "X-Plivo-Signature-V2-Nonce"
)

// sign makes a callback signed: each try with a nonce of its own.
func (c *Carrier) sign(w *carriersim.Webhook) {
	text := textV3(w.Method, w.URL, string(w.Body))
	w.SignedBy = []string{headerV3, headerMaV3, headerV2, headerMaV2}
	w.Sign = func(h http.Header) { c.addSignatures(h, text, w.URL) }
}

// handshake signs the upgrade to a media socket.
func (c *Carrier) handshake(target string) http.Header {
	target = overHTTP(target)
	h := http.Header{}
	c.addSignatures(h, textV3(http.MethodGet, target, ""), target)
	return h
}

// overHTTP is the URL of a socket as it is signed. One page of the documentation
// has it as it is; Plivo's own stream libraries have it with the scheme of HTTP.
func overHTTP(target string) string {
	if rest, ok := strings.CutPrefix(target, "ws"); ok {
		return "http" + rest
	}
	return target
}

// addSignatures signs with the token of the account that has the number, and
// with the main account's.
func (c *Carrier) addSignatures(h http.Header, textV3, target string) {
	v3, v2 := plivoswitch.NewNonce(), plivoswitch.NewNonce()
	owner, main := c.account.Sign(textV3 + "." + v3)
	h.Set(headerV3Nonce, v3)
	h.Set(headerV3, owner)
	h.Set(headerMaV3, main)
	owner, main = c.account.Sign(textV2(target) + v2)
	h.Set(headerV2Nonce, v2)
	h.Set(headerV2, owner)
	h.Set(headerMaV2, main)
}

// textV2 is what the retired scheme covers: scheme, host and path.
func textV2(target string) string {
	target, _, _ = strings.Cut(target, "#")
	target, _, _ = strings.Cut(target, "?")
	return target
}

// textV3 is what V3 covers, without the nonce: the URL, its query in order of
// the names, and the form in order of the names with nothing between anything.
// A form without a query leaves a lone question mark. (Plivo's SDKs and
// captured signatures; the prose of the documentation differs.)
func textV3(method, target, body string) string {
	target, _, _ = strings.Cut(target, "#")
	target, query, _ := strings.Cut(target, "?")
	q := strings.Join(pairs(query, "="), "&")
	p := strings.Join(pairs(body, ""), "")
	switch {
	case method != http.MethodGet && p != "" && q != "":
		return target + "?" + q + "." + p
	case method != http.MethodGet && p != "":
		return target + "?" + p
	case q != "":
		return target + "?" + q
	}
	return target
}

// pairs decodes a form into "name, separator, value", sorted by name and then
// by value.
func pairs(form, separator string) (list []string) {
	values := url.Values{}
	for field := range strings.SplitSeq(form, "&") {
		if field == "" {
			continue
		}
		name, value, _ := strings.Cut(field, "=")
		name, value = decode(name), decode(value)
		values[name] = append(values[name], value)
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		slices.Sort(values[name])
		for _, v := range values[name] {
			list = append(list, name+separator+v)
		}
	}
	return list
}

// decode undoes the escapes of a form; what is malformed stays as it is.
func decode(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}
