package telnyx

import (
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/providertest"
)

const (
	testKey        = "KEY0123456789unit"
	testConnection = "1293384261075731499"
	testPublicKey  = "Ij8z2U6OGZ7DFQXdXEBuBCKDGLy0DWXZPcfP/aaBsjA=" // of the vector file
	otherPublicKey = "/Mzy8HFM+DFdQSBNebWx2DC9z/3EMyMh6etqyk+3iF8="
	testLeg        = "v3:Qm9vDqv1yTn0vA7ZcS0eYq3m1yJ6xw"
)

var suite = providertest.Suite{
	Provider: "telnyx",
	Config: provider.Config{Values: map[string]any{
		fieldAPIKey: testKey, fieldConnection: testConnection, fieldPublicKey: testPublicKey,
	}},
	Other: provider.Config{Values: map[string]any{
		fieldAPIKey: testKey, fieldConnection: testConnection, fieldPublicKey: otherPublicKey,
	}},
	Uncovered: []providertest.Part{providertest.Path, providertest.Query},
	Tolerance: tolerance,
	Dialed:    providertest.Reply{Body: `{"data":{"call_control_id":"` + testLeg + `","call_leg_id":"f3c41b1e-4f8e-11ef-9a9f-02420a0d7e68","is_alive":false}}`},
	HungUp:    providertest.Reply{Body: `{"data":{"result":"ok"}}`},
	Ended: []providertest.Reply{
		{Status: 404, Body: `{"errors":[{"code":"10005","title":"Resource not found"}]}`},
		{Status: 422, Body: `{"errors":[{"code":"90018","title":"Call has already ended"}]}`},
		{Status: 422, Body: `{"errors":[{"code":"10015"},{"code":"90015","title":"Invalid Call Control ID"}]}`},
	},
}

func TestProvider(t *testing.T) { providertest.Run(t, suite) }

func FuzzParse(f *testing.F)  { providertest.FuzzParse(f, suite) }
func FuzzVerify(f *testing.F) { providertest.FuzzVerify(f, suite) }
func FuzzCodec(f *testing.F)  { providertest.FuzzCodec(f, suite) }

func TestBase(t *testing.T) {
	for url, want := range map[string]string{
		"":                             "https://api.telnyx.com",
		"https://api.telnyx.eu/v2":     "https://api.telnyx.eu",
		"https://api.telnyx.eu/v2/":    "https://api.telnyx.eu",
		"http://127.0.0.1:8080/telnyx": "http://127.0.0.1:8080/telnyx",
	} {
		if got := openDriver(t, provider.Config{APIURL: url}).rest.Base; got != want {
			t.Errorf("%q: %s, want %s", url, got, want)
		}
	}
}

func TestFields(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"key":        {fieldAPIKey: "0123456789"},
		"no key":     {fieldPublicKey: ""},
		"connection": {fieldConnection: "12/../3"},
		"profile":    {fieldProfile: "x"},
		"caller id":  {fieldFromNumbers: "+12025550131"},
		"detection":  {fieldPremiumAMD: "yes"},
		"format":     {fieldStreamFormat: "opus/48000"},
		"byte order": {fieldByteOrder: "middle"},
	} {
		all := map[string]any{fieldAPIKey: testKey, fieldPublicKey: testPublicKey}
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
		"nothing":         {nil, 2, 2},
		"not provisioned": {map[string]any{fieldAPIKey: testKey, fieldPublicKey: testPublicKey, fieldFromNumbers: []string{"+12025550131"}}, 1, 1},
		"complete": {map[string]any{
			fieldAPIKey: testKey, fieldPublicKey: testPublicKey, fieldConnection: testConnection,
			fieldProfile: "1", fieldFromNumbers: []string{"+12025550131"},
		}, 0, 0},
	} {
		blocks, hints := 0, 0
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
	header := func(name string) provider.Header { return provider.Header{{Name: name, Value: "x"}} }
	form := provider.Header{{Name: "Content-Type", Value: formType}}
	for name, test := range map[string]struct {
		header  provider.Header
		body    string
		account string
		ok      bool
	}{
		"signed":          {header("telnyx-signature-ed25519"), answeredBody, testConnection, true},
		"signed, no JSON": {header("telnyx-signature-ed25519"), "x", "", true},
		"version 1":       {header("x-telnyx-signature"), `{"event_type":"call_initiated"}`, "", true},
		"by its form":     {nil, answeredBody, testConnection, true},
		"stream":          {nil, `{"data":{"record_type":"event","event_type":"streaming.started","payload":{}}}`, "", true},
		"conference":      {nil, `{"data":{"record_type":"event","event_type":"conference.ended","payload":{"connection_id":"7"}}}`, "7", true},
		"TeXML":           {form, "CallSid=v3%3A1&ConnectionId=7", "7", true},
		"TeXML, legacy":   {form, "CallSidLegacy=v3%3A1", "", true},
		"other form":      {form, "CallSid=CA1&AccountSid=AC1", "", false},
		"message":         {nil, `{"data":{"record_type":"event","event_type":"message.received","payload":{}}}`, "", false},
		"no record type":  {nil, `{"data":{"event_type":"call.answered","payload":{}}}`, "", false},
		"other JSON":      {nil, `{"event":"start"}`, "", false},
		"nothing":         {nil, "", "", false},
	} {
		account, ok := identify(&provider.Request{Header: test.header, Body: []byte(test.body)})
		if account != test.account || ok != test.ok {
			t.Errorf("%s: %q %t, want %q %t", name, account, ok, test.account, test.ok)
		}
	}
}
