package vonage

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

var testNow = time.Unix(1767225600, 0).UTC()

const statusBody = `{"uuid":"63f61863-4a51-4f6b-86e1-46edebcf9356","conversation_uuid":"CON-1","status":"completed","duration":"62"}`

// token signs claims the way the carrier does.
func token(secret, header string, claims map[string]any) string {
	doc, err := json.Marshal(claims)
	if err != nil {
		panic(err) // a mistake in a test
	}
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString(doc)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + enc.EncodeToString(mac.Sum(nil))
}

const hs256 = `{"alg":"HS256","typ":"JWT"}`

func bodyHash(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// claimsFor are those of a genuine webhook, with some of them changed. A nil
// takes one away.
func claimsFor(body string, changed map[string]any) map[string]any {
	c := map[string]any{
		"iat": testNow.Unix(), "jti": "0a000000-0000-4000-8000-000000000001", "iss": "Vonage",
		"api_key": testKey, "application_id": testApplication, "payload_hash": bodyHash(body),
	}
	for name, v := range changed {
		c[name] = v
		if v == nil {
			delete(c, name)
		}
	}
	return c
}

// webhook makes a request with a token.
func webhook(body, token string) *provider.Request {
	return &provider.Request{
		Method: http.MethodPost, URL: testHost + "/v1/vonage/status/01JABC", Hook: provider.HookStatus, Body: []byte(body), Now: testNow,
		Header: provider.Header{{Name: "Content-Type", Value: "application/json"}, {Name: headerSignature, Value: "Bearer " + token}},
	}
}

func signed(body string, changed map[string]any) *provider.Request {
	return webhook(body, token(testSecret, hs256, claimsFor(body, changed)))
}

func testDriver(t testing.TB, more map[string]any) *driver {
	t.Helper()
	return openDriver(t, provider.Config{Values: more})
}

func openDriver(t testing.TB, c provider.Config) *driver {
	t.Helper()
	values := map[string]any{}
	for _, m := range []map[string]any{suite.Config.Values, c.Values} {
		for k, v := range m {
			values[k] = v
		}
	}
	c.Values = values
	if err := spec.Validate(c); err != nil {
		t.Fatal(err)
	}
	d, err := open(c)
	if err != nil {
		t.Fatal(err)
	}
	return d.(*driver)
}

func TestVerify(t *testing.T) {
	get := func(changed map[string]any) *provider.Request {
		r := signed("", changed)
		r.Method, r.Body, r.URL = http.MethodGet, nil, r.URL+"?uuid=1"
		return r
	}
	header := func(value string) *provider.Request {
		r := signed(statusBody, nil)
		r.Header[1].Value = value
		return r
	}
	genuine := token(testSecret, hs256, claimsFor(statusBody, nil))
	for name, test := range map[string]struct {
		req  *provider.Request
		want error // nil: accepted
	}{
		"genuine":                   {signed(statusBody, nil), nil},
		"more blanks":               {header("  BEARER   " + genuine + " "), nil},
		"no application":            {signed(statusBody, map[string]any{"application_id": nil}), nil},
		"application null":          {signed(statusBody, map[string]any{"application_id": json.RawMessage("null")}), nil},
		"iat with a fraction":       {signed(statusBody, map[string]any{"iat": float64(testNow.Unix()) + 0.5}), nil},
		"further claims":            {signed(statusBody, map[string]any{"sub": "x", "exp": testNow.Unix() + 1, "nbf": testNow.Unix()}), nil},
		"get":                       {get(map[string]any{"payload_hash": nil}), nil},
		"get with the hash of what": {get(map[string]any{"payload_hash": bodyHash("uuid=1")}), nil},
		"post of nothing":           {signed("", map[string]any{"payload_hash": nil}), nil},

		"no header":              {webhook(statusBody, ""), provider.ErrUnsigned},
		"another scheme":         {header("Basic YTpi"), provider.ErrUnsigned},
		"empty":                  {header(""), provider.ErrUnsigned},
		"no token":               {header("Bearer"), provider.ErrUnsigned},
		"padded":                 {webhook(statusBody, genuine+"="), provider.ErrSignature},
		"cut":                    {webhook(statusBody, genuine[:len(genuine)-4]), provider.ErrSignature},
		"other last bits":        {webhook(statusBody, genuine[:len(genuine)-1]+lastBits(genuine)), provider.ErrSignature},
		"four segments":          {webhook(statusBody, genuine+".x"), provider.ErrSignature},
		"empty segments":         {webhook(statusBody, ".."), provider.ErrSignature},
		"two tokens":             {webhook(statusBody, genuine+", "+genuine), provider.ErrSignature},
		"alg none in a case":     {webhook(statusBody, token(testSecret, `{"alg":"NoNe"}`, claimsFor(statusBody, nil))), provider.ErrSignature},
		"alg in lower case":      {webhook(statusBody, token(testSecret, `{"alg":"hs256"}`, claimsFor(statusBody, nil))), provider.ErrSignature},
		"no alg":                 {webhook(statusBody, token(testSecret, `{"typ":"JWT"}`, claimsFor(statusBody, nil))), provider.ErrSignature},
		"other secret":           {webhook(statusBody, token("other", hs256, claimsFor(statusBody, nil))), provider.ErrSignature},
		"empty secret":           {webhook(statusBody, token("", hs256, claimsFor(statusBody, nil))), provider.ErrSignature},
		"issuer in another case": {signed(statusBody, map[string]any{"iss": "vonage"}), provider.ErrSignature},
		"no issuer":              {signed(statusBody, map[string]any{"iss": nil}), provider.ErrSignature},
		"no id":                  {signed(statusBody, map[string]any{"jti": nil}), provider.ErrSignature},
		"empty id":               {signed(statusBody, map[string]any{"jti": ""}), provider.ErrSignature},
		"id is a number":         {signed(statusBody, map[string]any{"jti": 7}), provider.ErrSignature},
		"iat is a text":          {signed(statusBody, map[string]any{"iat": "1767225600"}), provider.ErrSignature},
		"iat is null":            {signed(statusBody, map[string]any{"iat": json.RawMessage("null")}), provider.ErrStale},
		"iat is huge":            {signed(statusBody, map[string]any{"iat": 1e300}), provider.ErrStale},
		"expired":                {signed(statusBody, map[string]any{"exp": testNow.Unix()}), provider.ErrStale},
		"not yet":                {signed(statusBody, map[string]any{"nbf": testNow.Unix() + 1}), provider.ErrStale},
		"empty key":              {signed(statusBody, map[string]any{"api_key": ""}), provider.ErrAccount},
		"other key":              {signed(statusBody, map[string]any{"api_key": "A1B2C3D4"}), provider.ErrAccount},
		"other application":      {signed(statusBody, map[string]any{"application_id": "bbbbbbbb-bbbb-cccc-dddd-0123456789ab"}), provider.ErrAccount},
		"empty application":      {signed(statusBody, map[string]any{"application_id": ""}), provider.ErrAccount},
		"hash in upper case":     {signed(statusBody, map[string]any{"payload_hash": strings.ToUpper(bodyHash(statusBody))}), provider.ErrSignature},
		"body taken away":        {withBody(signed(statusBody, nil), ""), provider.ErrSignature},
		"blank added":            {withBody(signed(statusBody, nil), statusBody+" "), provider.ErrSignature},
		"body of a get unhashed": {withBody(get(map[string]any{"payload_hash": nil}), "x"), provider.ErrSignature},
		"body without a hash":    {signed(statusBody, map[string]any{"payload_hash": nil}), provider.ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			err := testDriver(t, nil).Verify(test.req)
			if !errors.Is(err, test.want) {
				t.Fatalf("Verify: %v, want %v", err, test.want)
			}
			if test.want == nil {
				return
			}
			var e *provider.Error
			status := http.StatusUnauthorized
			if errors.Is(test.want, provider.ErrUnsigned) {
				status = http.StatusServiceUnavailable // so that it is sent again, signed
			}
			if !errors.As(err, &e) || e.Kind != provider.KindUnauthenticated || e.Status != status {
				t.Errorf("error %#v, want kind unauthenticated and status %d", e, status)
			}
		})
	}
}

func withBody(r *provider.Request, body string) *provider.Request {
	r.Body = []byte(body)
	return r
}

// lastBits is another last character with the same bits that count: of the six
// of the 43rd, two are left over.
func lastBits(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, token[len(token)-1])
	return alphabet[i^1 : i^1+1]
}

func TestVerifySecrets(t *testing.T) {
	req := signed(statusBody, nil)
	for name, test := range map[string]struct {
		current  string
		previous []string
		want     error
	}{
		"current":  {testSecret, nil, nil},
		"previous": {"new-secret", []string{"older", testSecret}, nil},
		"retired":  {"new-secret", nil, provider.ErrSignature},
	} {
		d := testDriver(t, map[string]any{fieldSecret: test.current, fieldPreviousSecrets: test.previous})
		if err := d.Verify(req); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	d, err := open(provider.Config{Values: map[string]any{fieldPrivateKey: testPrivateKey, fieldAPIKey: testKey}})
	if err != nil {
		t.Fatal(err)
	}
	unkeyed := webhook(statusBody, token("", hs256, claimsFor(statusBody, nil)))
	if err := d.(*driver).Verify(unkeyed); !errors.Is(err, provider.ErrNoSecret) {
		t.Errorf("without a secret: %v, want %v", err, provider.ErrNoSecret)
	}
}

// TestVerifyAccountOfNone holds that a token without an account is not that of
// an account without a name.
func TestVerifyAccountOfNone(t *testing.T) {
	d, err := open(provider.Config{Values: map[string]any{fieldPrivateKey: testPrivateKey, fieldSecret: testSecret}})
	if err != nil {
		t.Fatal(err)
	}
	req := signed(statusBody, map[string]any{"api_key": nil, "application_id": nil})
	if err := d.(*driver).Verify(req); !errors.Is(err, provider.ErrAccount) {
		t.Errorf("%v, want %v", err, provider.ErrAccount)
	}
}

func TestVerifyHandshake(t *testing.T) {
	upgrade := func(value string) *provider.Request {
		return &provider.Request{Method: http.MethodGet, URL: "wss://media.trunkline.example/v1/media/x", Now: testNow,
			Header: provider.Header{{Name: "authorization", Value: value}}}
	}
	claims := claimsFor("", map[string]any{"payload_hash": nil})
	for name, test := range map[string]struct {
		value string
		want  error
	}{
		"genuine":  {"Bearer " + token(testSecret, hs256, claims), nil},
		"forged":   {"Bearer " + token("other", hs256, claims), provider.ErrSignature},
		"unsigned": {"", provider.ErrUnsigned},
	} {
		if err := testDriver(t, nil).VerifyHandshake(upgrade(test.value)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// TestReplay holds that a webhook that is sent again is the same event.
func TestReplay(t *testing.T) {
	n, err := testDriver(t, nil).Parse(signed(statusBody, nil), nil)
	if err != nil || n.EventID != "0a000000-0000-4000-8000-000000000001" || n.AccountID != testKey {
		t.Errorf("event %q of account %q, %v", n.EventID, n.AccountID, err)
	}
}

// TestNoticeOwnsItsText reads a request from memory that the server uses anew.
func TestNoticeOwnsItsText(t *testing.T) {
	bearer := []byte("Bearer " + token(testSecret, hs256, claimsFor("", nil)))
	url := []byte(testHost + "/v1/vonage/inbound?uuid=u1&conversation_uuid=CON-1&from=anonymous&to=14155550100&SipHeader_X-A=b&region_url=https%3A%2F%2Fapi-us-3.vonage.com")
	n, err := testDriver(t, nil).Parse(&provider.Request{
		Method: http.MethodGet, Hook: provider.HookInbound, URL: unsafe.String(&url[0], len(url)),
		Header: provider.Header{{Name: headerSignature, Value: unsafe.String(&bearer[0], len(bearer))}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	clear(bearer)
	clear(url)
	want := provider.Notice{
		Kind: provider.InboundCall, AccountID: testKey, EventID: "0a000000-0000-4000-8000-000000000001",
		LegID: "u1", SessionID: "CON-1", To: "+14155550100", Anonymous: true, Direction: "inbound", Status: "ringing",
		Ref: "https://api-us-3.vonage.com", Variables: map[string]string{"X-A": "b"}, Reply: true,
	}
	if diff := cmp.Diff(want, n); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
