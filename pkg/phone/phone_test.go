package phone_test

import (
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/phone"
)

func TestNormalize(t *testing.T) {
	for _, c := range []struct {
		raw, country, want string
	}{
		{"+14155550101", "", "+14155550101"},
		{" +1 (415) 555-0101 ", "DE", "+14155550101"},
		{"tel:+1-415-555-0101", "", "+14155550101"},
		{"(415) 555-0101", "US", "+14155550101"},
		{"14155550101", "us", "+14155550101"},
		{"030 123456", "DE", "+4930123456"},
		{"0049 30 123456", "DE", "+4930123456"},
		{"011 49 30 123456", "US", "+4930123456"},
		{"1-800-FLOWERS", "US", "+18003569377"},
		{"+15005550006", "", "+15005550006"}, // in no table of ranges, and dialled all the same
		{"1001", "", "1001"},
		{"1001", "US", "1001"},
		{"1001", "DE", "1001"},
		{"*97", "US", "*97"},
		{"55555", "FK", "+50055555"}, // a whole number of the Falkland Islands
		{"55555", "US", "55555"},
		{"sip:desk@pbx.example.net:5061;transport=tls", "US", "sip:desk@pbx.example.net:5061;transport=tls"},
		{"SIPS:1001@10.0.0.1", "", "SIPS:1001@10.0.0.1"},
		{"sip:100", "", "sip:100"},
	} {
		t.Run(c.raw+" in "+c.country, func(t *testing.T) {
			got, err := phone.Normalize(c.raw, c.country)
			if err != nil || got != c.want {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
			again, err := phone.Normalize(got, c.country)
			if err != nil || again != got {
				t.Errorf("a second time: %q, %v; want it unchanged", again, err)
			}
		})
	}
}

func TestNormalizeSaysWhatToWrite(t *testing.T) {
	for _, c := range []struct {
		raw, country, says string
	}{
		{"", "US", "is empty"},
		{"  ", "", "is empty"},
		{"14155550101", "", "set the trunk's country"},
		{"bob", "", "SIP URI"},
		{"bob", "US", "no number of US"},
		{"5551234", "US", "no number of US"},
		{"+1415555", "", "country code and number"},
		{"+", "US", "country code and number"},
		{"+1 415 555 0101 ext 5", "", "send_digits"},
		{"4155550101", "USA", `country "USA"`},
		{"sip:", "", "no SIP URI"},
		{"sip:desk at example.net", "", "no SIP URI"},
		{"sip:a@b@c", "", "no SIP URI"},
	} {
		t.Run(c.raw+" in "+c.country, func(t *testing.T) {
			got, err := phone.Normalize(c.raw, c.country)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, %v; want an error with %q", got, err, c.says)
			}
		})
	}
}

func TestEndpointsOfAPBX(t *testing.T) {
	for raw, want := range map[string]string{
		"PJSIP/alice": "PJSIP/alice", " pjsip/100@carrier ": "PJSIP/100@carrier", "SIP/+14155550101@out-1": "SIP/+14155550101@out-1",
		"iax2/desk_1.a": "IAX2/desk_1.a", "DAHDI/1": "DAHDI/1", "1001": "1001", "+14155550101": "+14155550101", "sip:a@b": "sip:a@b",
		"1/415/5550101": "+14155550101", "local/600@from-internal": "Local/600@from-internal", "Local/*98@a-b/n": "Local/*98@a-b",
	} {
		got, err := phone.NormalizeOnPBX(raw, "US")
		again, _ := phone.NormalizeOnPBX(got, "US")
		if err != nil || got != want || again != want {
			t.Errorf("%s: %q, %v, and then %q; want %q", raw, got, err, again, want)
		}
	}
	for _, raw := range []string{
		"LOCAL/100", "Local/100@a@b", "Local/100@a/m", "Local/${X}@a", "Local/1@a&PJSIP/2", "PJSIP/a@b/n", "PJSIP/100&PJSIP/200", "PJSIP/100,30", "PJSIP/a@b@c", "PJSIP/", "PJSIP/@b", "PJSIP/a/sip:b@c",
		"PJSIP/a b", "PJSIP/a\nb", "PJSIP/a^b", "PJSIP/${X}", "PJSIP/a(b)", "PJSIP/a;b", "Message/x", "AudioSocket/1.2.3.4:9/x", "WebSocket/x", "PJSIP/" + strings.Repeat("a", 81),
	} {
		if got, err := phone.NormalizeOnPBX(raw, "US"); err == nil || !strings.Contains(err.Error(), "no endpoint") {
			t.Errorf("%q: got %q, %v; want it refused", raw, got, err)
		}
		if got, ok := phone.Endpoint(raw); ok {
			t.Errorf("%q is the endpoint %q", raw, got)
		}
	}
	for _, raw := range []string{"PJSIP/alice", "SIP/100@carrier"} {
		if got, err := phone.Normalize(raw, "US"); err == nil {
			t.Errorf("%s is the number %q without a PBX", raw, got)
		}
	}
}
