package vobiz

import (
	"errors"
	"net/http"
	"regexp"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivohook"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivosign"
)

// The schemes of https://docs.vobiz.ai/concepts/validating-callbacks. Neither
// covers the query or the body. How version 1 is made is not published.
var (
	v3 = plivosign.Scheme{
		Own: "X-Vobiz-Signature-V3", Parent: "X-Vobiz-Signature-MA-V3", Nonce: "X-Vobiz-Signature-V3-Nonce", Join: ".",
	}
	v2 = plivosign.Scheme{
		Own: "X-Vobiz-Signature-V2", Parent: "X-Vobiz-Signature-MA-V2", Nonce: "X-Vobiz-Signature-V2-Nonce",
	}
)

// nonceV2 fixes the length of a nonce that nothing sets apart from the URL:
// without it /7 with 1234 would sign for /71 with 234.
var nonceV2 = regexp.MustCompile(`^[0-9]{20}$`)

// Verify implements provider.WebhookReceiver. The newest signature that is
// there decides alone. Where there is none, the proof in the path does, unless
// the trunk requires signatures. A captured request verifies for ever, and is
// harmless only because a fact is recorded once.
func (d *driver) Verify(req *provider.Request) error {
	bare := plivosign.Text{URL: req.URL, Bare: true}
	switch {
	case v3.Signed(req.Header):
		err := d.keys.Verify(req.Header, &v3, bare)
		if errors.Is(err, provider.ErrSignature) {
			err = d.keys.Verify(req.Header, &v3, whole(req))
		}
		return err
	case v2.Signed(req.Header) && !nonceV2.MatchString(req.Header.Get(v2.Nonce)):
		return provider.Unauthenticated(provider.ErrSignature)
	case v2.Signed(req.Header):
		return d.keys.Verify(req.Header, &v2, bare)
	case d.signed || !req.PathVerified:
		return provider.Unauthenticated(provider.ErrUnsigned)
	}
	return nil
}

// whole is the text that Plivo signs. The carrier's Go library makes it, its
// documents do not; either takes the token.
func whole(req *provider.Request) plivosign.Text {
	t := plivosign.Text{URL: req.URL}
	if req.Method != http.MethodGet {
		var room [plivohook.UsualFields]form.Field
		t.Posted, _ = plivohook.Fields(room[:0], req)
	}
	return t
}
