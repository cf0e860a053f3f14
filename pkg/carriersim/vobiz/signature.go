package vobiz

import (
	"net/http"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch"
)

// The headers of Vobiz' signatures. V1, whose text is not published, is left out.
const (
	headerV3      = "X-Vobiz-Signature-V3"
	headerMAV3    = "X-Vobiz-Signature-Ma-V3" // in the form of Go: names have no case
	headerV3Nonce = "X-Vobiz-Signature-V3-Nonce"
	headerV2      = "X-Vobiz-Signature-V2"
	headerMAV2    = "X-Vobiz-Signature-Ma-V2"
	headerV2Nonce = "X-Vobiz-Signature-V2-Nonce"
)

// sign makes a callback signed, each try with a nonce of its own, where
// credentials are set up for its URL: how one does that is not known for certain.
// (Vobiz docs: "Validating callbacks".)
func (c *Carrier) sign(w *carriersim.Webhook) {
	if c.unsigned && w.User == nil {
		return
	}
	base := baseURL(w.URL)
	w.SignedBy = []string{headerV3, headerMAV3, headerV2, headerMAV2}
	w.Sign = func(h http.Header) {
		v3, v2 := plivoswitch.NewNonce(), plivoswitch.NewNonce()
		owner, main := c.account.Sign(base + "." + v3)
		h.Set(headerV3Nonce, v3)
		h.Set(headerV3, owner)
		h.Set(headerMAV3, main)
		owner, main = c.account.Sign(base + v2)
		h.Set(headerV2Nonce, v2)
		h.Set(headerV2, owner)
		h.Set(headerMAV2, main)
	}
}

// baseURL is all that is signed of a request: neither the query nor the body.
func baseURL(target string) string {
	if end := strings.IndexAny(target, "?#"); end >= 0 {
		return target[:end]
	}
	return target
}
