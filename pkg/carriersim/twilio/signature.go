package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

const signatureHeader = "X-Twilio-Signature"

// sign returns the signature of a request: HMAC-SHA1 over the public URL and,
// for a form post, over each field's name and value in the order of the names.
// A field's values are sorted and those that are equal count once.
// (Twilio docs: "Validating requests are coming from Twilio".)
func sign(token, publicURL string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(signedURL(publicURL)))
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			mac.Write([]byte(name + v))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signedURL is a URL as Twilio signs it: without the fragment, which is not
// sent, without user and password, and over https without the port. All else
// stays byte for byte as the gateway wrote it.
func signedURL(raw string) string {
	raw, _, _ = strings.Cut(raw, "#")
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority, tail := rest[:end], rest[end:]
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:]
	}
	if scheme == "https" {
		if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
			authority = authority[:colon]
		}
	}
	return scheme + "://" + authority + tail
}
