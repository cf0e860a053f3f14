package providertest

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// checkSignature holds a verifier to the verdict of a signature case.
func (s *sheet) checkSignature(c Case) (o outcome) {
	req, config := c.request(s.adapter), s.adapter.Config(c)
	if own, ok := s.adapter.Schemes[c.String("scheme")]; ok {
		o.verdict(c, own(req, config))
		return o
	}
	driver, err := s.spec.Open(config)
	if err != nil { // a driver may refuse an account that has no secret
		o.verdict(c, err)
		return o
	}
	err = verify(driver, req)
	o.verdict(c, err)
	if err == nil && c.flag("duplicate") {
		o.join(s.checkSeen(c, driver, req))
	}
	return o
}

// verify checks a webhook, or the handshake of a media socket. Where a
// provider verifies no handshake it accepts, as Account does.
func verify(driver provider.Driver, req *provider.Request) error {
	if strings.HasPrefix(req.URL, "ws") {
		if h, ok := driver.(provider.HandshakeVerifier); ok {
			return h.VerifyHandshake(req)
		}
		return nil
	}
	r, ok := driver.(provider.WebhookReceiver)
	if !ok {
		return errors.New("the driver receives no webhooks")
	}
	return r.Verify(req)
}

func (o *outcome) verdict(c Case, err error) {
	valid, ok := c.Value("valid").(bool)
	switch {
	case !ok:
		o.addf("the case has no verdict: valid is %v", c.Value("valid"))
	case valid && err != nil:
		o.addf("is valid, and was refused: %v", err)
	case !valid && err == nil:
		o.addf("is not valid, and was accepted")
	}
	if c.flag("unsigned") {
		var e *provider.Error
		if !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable || !errors.Is(err, provider.ErrUnsigned) {
			o.addf("is unsigned: want ErrUnsigned with status 503, got %v", err)
		}
	}
}

// checkSeen holds that a request delivered twice can be told: it parses to the
// id under which it was seen before.
func (s *sheet) checkSeen(c Case, driver provider.Driver, req *provider.Request) (o outcome) {
	n, err := driver.(provider.WebhookReceiver).Parse(req, history(c))
	if err != nil || n.EventID == "" {
		o.skip("duplicate")
		return o
	}
	seen := append(c.Strings("seen_event_ids"), c.Strings("seen_jti")...)
	if !slices.Contains(seen, n.EventID) {
		o.addf("is a duplicate: event id %q is none of those seen, %q", n.EventID, seen)
	}
	return o
}
