package twilio

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/providertest"
)

var suite = providertest.Suite{
	Provider: "twilio",
	Config: provider.Config{Values: map[string]any{
		fieldAccountSID: testAccount, fieldAuthToken: testToken, fieldPreviousTokens: []string{"unit-test-previous-token"},
	}},
	Dialed: providertest.Reply{Status: 201, Body: `{"sid":"CA00000000000000000000000000000004","status":"queued"}`},
	Ended: []providertest.Reply{
		{Status: 404, Body: `{"code":20404,"status":404}`},
		{Status: 400, Body: `{"code":21220,"message":"Call is not in-progress","status":400}`},
	},
}

func TestProvider(t *testing.T) { providertest.Run(t, suite) }

func FuzzParse(f *testing.F)  { providertest.FuzzParse(f, suite) }
func FuzzVerify(f *testing.F) { providertest.FuzzVerify(f, suite) }
func FuzzCodec(f *testing.F)  { providertest.FuzzCodec(f, suite) }

func TestOpenRefusesHalfAKey(t *testing.T) {
	for _, field := range []string{fieldKeySID, fieldKeySecret} {
		_, err := open(provider.Config{Values: map[string]any{field: "SK00000000000000000000000000000001"}})
		if provider.KindOf(err) != provider.KindInvalid {
			t.Errorf("%s alone: %v, want invalid", field, err)
		}
	}
}

func TestHost(t *testing.T) {
	for _, test := range []struct{ edge, region, want string }{
		{"", "", "https://api.twilio.com"},
		{"", "ie1", "https://api.ie1.twilio.com"},
		{"dublin", "ie1", "https://api.dublin.ie1.twilio.com"},
		{"ashburn", "", "https://api.ashburn.us1.twilio.com"},
	} {
		d := testDriver(t, map[string]any{fieldEdge: test.edge, fieldRegion: test.region})
		if d.rest.Base != test.want {
			t.Errorf("edge %q, region %q: %s, want %s", test.edge, test.region, d.rest.Base, test.want)
		}
	}
	if d := openDriver(t, provider.Config{APIURL: "http://127.0.0.1:8080/twilio/"}); d.rest.Base != "http://127.0.0.1:8080/twilio" {
		t.Errorf("APIURL: %s", d.rest.Base)
	}
}

func TestFields(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"account":   {fieldAccountSID: "AC1"},
		"key":       {fieldKeySID: testAccount},
		"edge":      {fieldEdge: "x.evil.example/"},
		"region":    {fieldRegion: "us1@"},
		"no token":  {fieldAuthToken: ""},
		"detection": {fieldAMD: "yes"},
	} {
		all := map[string]any{fieldAccountSID: testAccount, fieldAuthToken: testToken}
		for k, v := range values {
			all[k] = v
		}
		if err := spec.Validate(provider.Config{Values: all}); provider.KindOf(err) != provider.KindInvalid {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}

func TestChecklist(t *testing.T) {
	blocking := func(values map[string]any) (blocks, hints int) {
		for _, c := range checklist(provider.Config{Values: values}) {
			if c.Blocking {
				blocks++
			} else {
				hints++
			}
		}
		return blocks, hints
	}
	for name, test := range map[string]struct {
		values        map[string]any
		blocks, hints int
	}{
		"nothing":  {nil, 1, 2},
		"rotation": {map[string]any{fieldAccountSID: testAccount, fieldAuthToken: testToken, fieldPreviousTokens: []string{"old"}}, 0, 3},
		"complete": {map[string]any{fieldAccountSID: testAccount, fieldAuthToken: testToken, fieldFromNumbers: []string{"+14155550101"}, fieldKeySID: "SK1"}, 0, 0},
	} {
		if blocks, hints := blocking(test.values); blocks != test.blocks || hints != test.hints {
			t.Errorf("%s: %d block and %d do not, want %d and %d", name, blocks, hints, test.blocks, test.hints)
		}
	}
}

func TestIdentify(t *testing.T) {
	form := provider.Field{Name: "content-type", Value: formType}
	type verdict struct {
		Account string
		OK      bool
	}
	for name, test := range map[string]struct {
		req  provider.Request
		want verdict
	}{
		"by account": {provider.Request{Method: "POST", Body: []byte("CallSid=CA1&AccountSid=" + testAccount), Header: provider.Header{form}}, verdict{testAccount, true}},
		"by query":   {provider.Request{Method: "GET", URL: testHost + "/in?CallSid=CA1&AccountSid=" + testAccount}, verdict{testAccount, true}},
		"by header":  {provider.Request{Method: "POST", Body: []byte("AccountSid=AC1"), Header: provider.Header{form, {Name: "x-twilio-signature", Value: ""}}}, verdict{"AC1", true}},
		"by agent":   {provider.Request{Method: "POST", Body: []byte("AccountSid=AC1"), Header: provider.Header{form, {Name: "User-Agent", Value: "TwilioProxy/1.1"}}}, verdict{"AC1", true}},
		"cloudonix":  {provider.Request{Method: "POST", Body: []byte("CallSid=1&AccountSid=acme.cloudonix.net"), Header: provider.Header{form}}, verdict{"acme.cloudonix.net", false}},
		"no call":    {provider.Request{Method: "POST", Body: []byte("AccountSid=" + testAccount), Header: provider.Header{form}}, verdict{testAccount, false}},
		"no account": {provider.Request{Method: "POST", Header: provider.Header{form, {Name: headerSignature, Value: "x"}}}, verdict{"", false}},
		"json":       {provider.Request{Method: "POST", Body: []byte("{}")}, verdict{"", false}},
	} {
		account, ok := identify(&test.req)
		if diff := cmp.Diff(test.want, verdict{account, ok}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
