package cloudonix

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/providertest"
)

const (
	testDomain = "acme.cloudonix.net"
	testKey    = "unit-test-webhook-key-public-0001" // of the vector file
)

func suite() providertest.Suite {
	return providertest.Suite{
		Provider: "cloudonix",
		Config: provider.Config{Values: map[string]any{
			fieldBearer: "XI-unit-test-bearer-token-public-1", fieldDomain: testDomain, fieldWebhookKey: testKey, fieldAppID: "245",
		}},
		Uncovered: []providertest.Part{providertest.Body, providertest.Query, providertest.Path},
		PathProof: true,
		Dialed: providertest.Reply{Body: `{"domainId":3,"subscriberId":372,"destination":"+14155550177",` +
			`"direction":"outbound-api","token":"16a7294c989b11e7b3d32b9edb8660c7"}`},
		HungUp:       providertest.Reply{Status: 204},
		Unrenderable: []string{"send_digits"},
	}
}

func TestConformance(t *testing.T) { providertest.Run(t, suite()) }

func FuzzParse(f *testing.F) { providertest.FuzzParse(f, suite()) }

func FuzzVerify(f *testing.F) { providertest.FuzzVerify(f, suite()) }

func FuzzCodec(f *testing.F) { providertest.FuzzCodec(f, suite()) }

func TestDomainName(t *testing.T) {
	for raw, want := range map[string]string{
		"acme": "acme.cloudonix.net", " ACME.Cloudonix.NET. ": testDomain, "voice.example.com": "voice.example.com",
		"acme.": "acme.cloudonix.net", "": "", " . ": "",
	} {
		if got := domainName(raw); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
	account, err := provider.Open("cloudonix", provider.Config{Values: map[string]any{fieldBearer: "XI1", fieldDomain: "ACME"}})
	if err != nil || account.ID() != testDomain {
		t.Errorf("account %q %v, want %s", account.ID(), err, testDomain)
	}
}

func TestFields(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"domain":      {fieldDomain: "acme/../other"},
		"no domain":   {fieldDomain: ""},
		"no key":      {fieldBearer: ""},
		"short key":   {fieldWebhookKey: "fifteen-letters"},
		"trunk":       {fieldOutboundTrunk: "main trunk"},
		"application": {fieldAppName: "245"}, // would be taken for an id
	} {
		all := map[string]any{fieldBearer: "XI1", fieldDomain: "acme"}
		for k, v := range values {
			all[k] = v
		}
		if err := spec.Validate(provider.Config{Values: all}); provider.KindOf(err) != provider.KindInvalid {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}

func TestChecklist(t *testing.T) {
	for name, test := range map[string]struct {
		values        map[string]any
		blocks, hints int
	}{
		"nothing": {nil, 1, 3},
		"complete": {map[string]any{
			fieldBearer: "XI1", fieldDomain: "acme", fieldFromNumbers: []string{"+14155550101"}, fieldAppID: "245", fieldOutboundTrunk: "main",
		}, 0, 0},
		"short key": {map[string]any{
			fieldBearer: "XI1", fieldDomain: "acme", fieldFromNumbers: []string{"+14155550101"}, fieldAppID: "245", fieldOutboundTrunk: "main",
			fieldAcceptedKeys: []string{testKey, "short", "shorter"},
		}, 0, 1},
	} {
		var blocks, hints int
		for _, c := range checklist(provider.Config{Values: test.values}) {
			if c.Blocking {
				blocks++
			} else {
				hints++
			}
		}
		if blocks != test.blocks || hints != test.hints {
			t.Errorf("%s: %d block and %d do not, want %d and %d", name, blocks, hints, test.blocks, test.hints)
		}
	}
}

func TestIdentify(t *testing.T) {
	post := func(body string, h ...provider.Field) provider.Request {
		return provider.Request{Method: "POST", Body: []byte(body), Header: append(h, header("Content-Type", "application/json"))}
	}
	type verdict struct {
		Account string
		OK      bool
	}
	for name, test := range map[string]struct {
		req  provider.Request
		want verdict
	}{
		"agent":          {post(`{"Domain":"acme"}`, header("User-Agent", "CloudoniX/1")), verdict{testDomain, true}},
		"header":         {post(`{"CallSid":"1"}`, header("x-cx-domain", "ACME")), verdict{testDomain, true}},
		"full name":      {post(`{"AccountSid":"acme.Cloudonix.net","CallSid":"1"}`), verdict{testDomain, true}},
		"update":         {post(`[{"domain":"acme.cloudonix.net","status":"new"}]`), verdict{testDomain, true}},
		"session data":   {post(`{"Domain":"voice.example.com","SessionData":null}`), verdict{"voice.example.com", true}},
		"query":          {provider.Request{Method: "GET", URL: "https://h.example/v1/inbound?Domain=acme.cloudonix.net"}, verdict{testDomain, true}},
		"short name":     {post(`{"AccountSid":"acme","CallSid":"1"}`), verdict{testDomain, false}},
		"somebody else":  {post(`{"AccountSid":"AC00000000000000000000000000000a11","CallSid":"CA1","ApiVersion":"2010-04-01"}`), verdict{"ac00000000000000000000000000000a11.cloudonix.net", false}},
		"looks like it":  {post(`{"Domain":"acme.cloudonix.net.evil.example"}`), verdict{"acme.cloudonix.net.evil.example", false}},
		"nothing":        {provider.Request{}, verdict{}},
		"header is cut":  {post(`{}`, header("X-CX-", "")), verdict{}},
		"domain unnamed": {post(`{"a":1}`, header("X-CX-Source", "cdr")), verdict{"", true}},
	} {
		account, ok := identify(&test.req)
		if diff := cmp.Diff(test.want, verdict{account, ok}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
