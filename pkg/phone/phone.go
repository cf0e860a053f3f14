// Package phone reads addresses as people write them and gives the one form in
// which Trunkline keeps and dials them.
package phone

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

var (
	sipURI    = regexp.MustCompile(`^(?i:sips?):[^\s@]+(@[^\s@]+)?$`)
	extension = regexp.MustCompile(`^[0-9*#]{1,6}$`)
	digits    = regexp.MustCompile(`^\+?[0-9]+$`)
	// endpoint and dialplan leave out what changes the meaning of a PBX's dial
	// string: & and a comma dial others as well.
	endpoint   = regexp.MustCompile(`^(?i:(PJSIP|SIP|IAX2|DAHDI))/([A-Za-z0-9_.+*#-]{1,80}(?:@[A-Za-z0-9_.+*#-]{1,80})?)$`)
	dialplan   = regexp.MustCompile(`^(?i:Local)/([A-Za-z0-9_.+*#-]{1,80}@[A-Za-z0-9_.+*#-]{1,80})(?:/n)?$`)
	technology = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*/`)
)

// Endpoint reads an endpoint of a PBX: a technology (PJSIP, SIP, IAX2 or DAHDI)
// and a name, or a number and a name, PJSIP/alice, PJSIP/100@carrier. Local
// takes an extension and a context of the dialplan, Local/600@from-internal.
func Endpoint(raw string) (string, bool) {
	raw = strings.TrimSpace(raw)
	if m := endpoint.FindStringSubmatch(raw); m != nil {
		return strings.ToUpper(m[1]) + "/" + m[2], true
	}
	if m := dialplan.FindStringSubmatch(raw); m != nil {
		return "Local/" + m[1], true
	}
	return "", false
}

// NormalizeOnPBX is Normalize for who is called by a PBX: it knows an Endpoint,
// too.
func NormalizeOnPBX(raw, country string) (string, error) {
	if e, ok := Endpoint(raw); ok {
		return e, nil
	}
	if technology.MatchString(strings.TrimSpace(raw)) {
		return "", fmt.Errorf("%q is no endpoint that can be dialled; write one like PJSIP/100, PJSIP/100@carrier or Local/100@context", raw)
	}
	return Normalize(raw, country)
}

// Normalize returns a number in E.164 form (+14155550101). raw is a number with
// its country code, or one as it is dialled within country (ISO 3166, e.g. US;
// "" where there is none). A SIP URI and an extension (1 to 6 of 0-9 * #) stay
// as they are. The text of an error says what to write instead.
func Normalize(raw, country string) (string, error) {
	raw, country = strings.TrimSpace(raw), strings.ToUpper(country)
	scheme, _, _ := strings.Cut(strings.ToLower(raw), ":")
	switch {
	case raw == "":
		return "", errors.New("the number is empty; write it in E.164 form, e.g. +14155550101")
	case scheme == "sip" || scheme == "sips":
		if !sipURI.MatchString(raw) {
			return "", fmt.Errorf("%q is no SIP URI; write it like sip:desk@pbx.example.net", raw)
		}
		return raw, nil
	case country != "" && !phonenumbers.GetSupportedRegions()[country]:
		return "", fmt.Errorf("country %q is not known; set the trunk's country to an ISO 3166 code such as US", country)
	}
	n, err := phonenumbers.Parse(raw, country)
	// A number of the country wins over an extension: some have as few digits.
	switch {
	case err == nil && n.GetExtension() != "":
		return "", fmt.Errorf("%q has an extension, which cannot be dialled; leave it out, or press it after the answer with send_digits", raw)
	case err == nil && phonenumbers.IsValidNumber(n):
		return phonenumbers.Format(n, phonenumbers.E164), nil
	case extension.MatchString(raw):
		return raw, nil
	case err == nil && phonenumbers.IsPossibleNumberWithReason(n) == phonenumbers.IS_POSSIBLE:
		// The right length is enough: new number ranges come up faster than
		// anybody's table of them, and the carrier knows best.
		return phonenumbers.Format(n, phonenumbers.E164), nil
	}
	return "", refusal(raw, country)
}

func refusal(raw, country string) error {
	switch {
	case strings.HasPrefix(raw, "+"):
		return fmt.Errorf("%q is no number in E.164 form; write + and country code and number, e.g. +14155550101", raw)
	case country == "" && digits.MatchString(raw):
		return fmt.Errorf("%q has no country code; write it in E.164 form, e.g. +14155550101, or set the trunk's country", raw)
	case country == "":
		return fmt.Errorf("%q is no number; write it in E.164 form, e.g. +14155550101, or as a SIP URI", raw)
	}
	return fmt.Errorf("%q is no number of %s; write it in E.164 form, e.g. +14155550101", raw, country)
}
