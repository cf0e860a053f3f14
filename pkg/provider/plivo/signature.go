package plivo

import (
	"net/http"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivohook"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivosign"
)

// v3 covers the URL and all fields. Its predecessors, which Plivo still sends
// beside it, cover neither and let nothing in.
var v3 = plivosign.Scheme{
	Own: "X-Plivo-Signature-V3", Parent: "X-Plivo-Signature-Ma-V3", Nonce: "X-Plivo-Signature-V3-Nonce", Join: ".",
}

// Verify implements provider.WebhookReceiver. A number of a subaccount is
// signed under the token of that and, in another header, of the main account;
// whichever token the trunk has is tried on both. There is no time in it: a
// captured request verifies for ever, and is harmless only because a fact is
// recorded once.
func (d *driver) Verify(req *provider.Request) error {
	var room [plivohook.UsualFields]form.Field
	said, ok := plivohook.Fields(room[:0], req)
	if !ok && v3.Signed(req.Header) {
		return provider.Unauthenticated(provider.ErrSignature)
	}
	if req.Method == http.MethodGet {
		said = nil // they are in the URL
	}
	return d.keys.Verify(req.Header, &v3, plivosign.Text{URL: req.URL, Posted: said})
}

// VerifyHandshake implements provider.HandshakeVerifier. The documents say
// that the URL is signed as it was told, Plivo's own libraries compute it as
// that of the HTTP request, so any of the schemes will do.
func (d *driver) VerifyHandshake(req *provider.Request) error {
	text := plivosign.Text{URL: req.URL}
	wss, https, ws, plain := text, text, text, text
	wss.Scheme, https.Scheme, ws.Scheme, plain.Scheme = "wss", "https", "ws", "http"
	return d.keys.Verify(req.Header, &v3, wss, https, ws, plain)
}
