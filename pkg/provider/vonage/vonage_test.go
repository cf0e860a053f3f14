package vonage

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/providertest"
)

const (
	testKey         = "a1b2c3d4"
	testApplication = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
	testSecret      = "unit-test-signature-secret-public-000000000001"
	testHost        = "https://hooks.trunkline.example"
)

// testPrivateKey is a key that nobody else has.
var testPrivateKey = func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // no randomness, no test
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}()

var suite = providertest.Suite{
	Provider: "vonage",
	Config: provider.Config{Values: map[string]any{
		fieldApplicationID: testApplication, fieldAPIKey: testKey, fieldAPISecret: "unit-test-api-secret",
		fieldSecret: testSecret, fieldPreviousSecrets: []string{"unit-test-previous-secret"}, fieldPrivateKey: testPrivateKey,
		fieldFromNumbers: []string{"+14155550100"},
	}},
	Uncovered:    []providertest.Part{providertest.Path, providertest.Query},
	Tolerance:    maxAge,
	Dialed:       providertest.Reply{Status: 201, Body: `{"uuid":"63f61863-4a51-4f6b-86e1-46edebcf9356","status":"started","direction":"outbound","conversation_uuid":"CON-1"}`},
	HungUp:       providertest.Reply{Status: 204},
	Unrenderable: []string{"send_digits"},
}

func TestProvider(t *testing.T) { providertest.Run(t, suite) }

func FuzzParse(f *testing.F)  { providertest.FuzzParse(f, suite) }
func FuzzVerify(f *testing.F) { providertest.FuzzVerify(f, suite) }
func FuzzCodec(f *testing.F)  { providertest.FuzzCodec(f, suite) }

func TestPrivateKey(t *testing.T) {
	key, err := privateKey(testPrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8 := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: doc}))
	for name, text := range map[string]string{
		"PKCS 8": pkcs8, "escaped line ends": strings.ReplaceAll(testPrivateKey, "\n", `\n`), "blanks around": " \n" + pkcs8 + "\n ",
	} {
		if got, err := privateKey(text); err != nil || !got.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "no PEM": "secret-key", "cut": pkcs8[:len(pkcs8)/2],
		"public": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&key.PublicKey)})),
	} {
		_, err := open(provider.Config{Values: map[string]any{fieldPrivateKey: text}})
		if provider.KindOf(err) != provider.KindInvalid || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}

func TestFields(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"application":         {fieldApplicationID: "../x"},
		"key":                 {fieldAPIKey: "a b"},
		"no secret":           {fieldAPISecret: ""},
		"no signature secret": {fieldSecret: ""},
		"no private key":      {fieldPrivateKey: ""},
		"region":              {fieldRegion: "evil.example/"},
		"detection":           {fieldAMD: "yes"},
	} {
		all := map[string]any{}
		for _, m := range []map[string]any{suite.Config.Values, values} {
			for k, v := range m {
				all[k] = v
			}
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
		"nothing":  {nil, 3, 1},
		"rotation": {suite.Config.Values, 0, 1},
		"complete": {map[string]any{
			fieldApplicationID: testApplication, fieldPrivateKey: "x", fieldAPIKey: testKey, fieldAPISecret: "x",
			fieldSecret: "x", fieldFromNumbers: []string{"+14155550100"},
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
	type verdict struct {
		Account string
		OK      bool
	}
	bare := func(body string) *provider.Request {
		return &provider.Request{Method: http.MethodPost, Body: []byte(body)}
	}
	for name, test := range map[string]struct {
		req  *provider.Request
		want verdict
	}{
		"by token":       {signed(statusBody, nil), verdict{testKey, true}},
		"by any token":   {signed("{}", map[string]any{"api_key": "ffffffff"}), verdict{"ffffffff", true}},
		"other issuer":   {signed("{}", map[string]any{"iss": "other"}), verdict{}},
		"no token":       {bare(statusBody), verdict{"", true}},
		"machine":        {bare(`{"call_uuid":"1","conversation_uuid":"CON-1"}`), verdict{"", true}},
		"by query":       {&provider.Request{Method: http.MethodGet, URL: testHost + "/?uuid=1&conversation_uuid=CON-1"}, verdict{"", true}},
		"no call":        {bare(`{"conversation_uuid":"CON-1"}`), verdict{}},
		"other room":     {bare(`{"uuid":"1","conversation_uuid":"1"}`), verdict{}},
		"other carrier":  {bare("CallSid=CA1&AccountSid=AC1"), verdict{}},
		"half a token":   {webhook("{}", "a.b"), verdict{}},
		"token of noise": {webhook("{}", "a.b.c"), verdict{}},
	} {
		account, ok := identify(test.req)
		if diff := cmp.Diff(test.want, verdict{account, ok}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
