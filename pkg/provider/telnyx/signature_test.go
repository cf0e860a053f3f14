package telnyx

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Keys of these tests alone: their seeds are their names.
var (
	ownKey   = ed25519.NewKeyFromSeed([]byte("trunkline unit test, our key ..."))
	otherKey = ed25519.NewKeyFromSeed([]byte("trunkline unit test, not ours .."))
	testNow  = time.Date(2026, 2, 2, 22, 27, 1, 900e6, time.UTC)
)

func publicKey(key ed25519.PrivateKey) string {
	return base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
}

// testDriver opens an account with more values than the required ones.
func testDriver(t testing.TB, more map[string]any) *driver {
	t.Helper()
	return openDriver(t, provider.Config{Values: more})
}

func openDriver(t testing.TB, c provider.Config) *driver {
	t.Helper()
	values := map[string]any{fieldAPIKey: testKey, fieldPublicKey: publicKey(ownKey), fieldConnection: testConnection}
	for k, v := range c.Values {
		values[k] = v
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

// signed makes a webhook that Telnyx signed at a moment.
func signed(key ed25519.PrivateKey, at time.Time, body string) *provider.Request {
	return stamped(key, strconv.FormatInt(at.Unix(), 10), body)
}

func stamped(key ed25519.PrivateKey, stamp, body string) *provider.Request {
	return &provider.Request{
		Method: http.MethodPost, URL: "https://hooks.trunkline.example/v1/telnyx/default/main/events/01JABC/mac",
		Hook: provider.HookEvents, CallID: "01JABC", Body: []byte(body), Now: testNow,
		Header: provider.Header{
			{Name: "Content-Type", Value: jsonType},
			{Name: headerSignature, Value: base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(stamp+"|"+body)))},
			{Name: headerTimestamp, Value: stamp},
		},
	}
}

const answeredBody = `{"data":{"record_type":"event","event_type":"call.answered","id":"743d182b-3d9c-45cf-a947-653a7a3aeceb",` +
	`"occurred_at":"2026-02-02T22:27:01.123456Z","payload":{"call_control_id":"v3:Qm9vDqv1yTn0vA7ZcS0eYq3m1yJ6xw",` +
	`"call_leg_id":"f3c41b1e-4f8e-11ef-9a9f-02420a0d7e68","call_session_id":"f3c4172e-4f8e-11ef-a9f6-02420a0d7e68",` +
	`"connection_id":"1293384261075731499","client_state":"Y2FsbF83ZjNh","from":"+12025550142",` +
	`"to":"+12025550131","state":"answered","start_time":"2026-02-02T22:26:55.123456Z","custom_headers":[],"sip_headers":[],"tags":[]}},` +
	`"meta":{"attempt":1,"delivered_to":"https://hooks.trunkline.example/v1/telnyx/default/main/events/01JABC/mac"}}`

func TestVerifyRefusesTamperedRequests(t *testing.T) {
	value := func(i int, f func(string) string) func(*provider.Request) {
		return func(r *provider.Request) { r.Header[i].Value = f(r.Header[i].Value) }
	}
	set := func(i int, v string) func(*provider.Request) {
		return value(i, func(string) string { return v })
	}
	for name, test := range map[string]struct {
		change func(*provider.Request)
		want   error // nil: accepted
	}{
		"untouched": {func(*provider.Request) {}, nil},
		"headers in lowercase": {func(r *provider.Request) {
			r.Header[1].Name, r.Header[2].Name = "telnyx-signature-ed25519", "telnyx-timestamp"
		}, nil},
		"other address":     {func(r *provider.Request) { r.URL += "2" }, nil},
		"300 seconds old":   {func(r *provider.Request) { r.Now = r.Now.Add(5 * time.Minute) }, nil},
		"300 seconds early": {func(r *provider.Request) { r.Now = r.Now.Add(-5 * time.Minute) }, nil},

		"301 seconds old":           {func(r *provider.Request) { r.Now = r.Now.Add(5*time.Minute + time.Second) }, provider.ErrStale},
		"301 seconds early":         {func(r *provider.Request) { r.Now = r.Now.Add(-5*time.Minute - time.Second) }, provider.ErrStale},
		"no signature":              {func(r *provider.Request) { r.Header = append(r.Header[:1:1], r.Header[2]) }, provider.ErrUnsigned},
		"empty signature":           {set(1, ""), provider.ErrUnsigned},
		"no timestamp":              {func(r *provider.Request) { r.Header = r.Header[:2] }, provider.ErrSignature},
		"timestamp with a sign":     {value(2, func(s string) string { return "+" + s }), provider.ErrSignature},
		"timestamp with a blank":    {value(2, func(s string) string { return s + " " }), provider.ErrSignature},
		"timestamp in other digits": {set(2, "١٧٦٧٢٢٥٦٠٠"), provider.ErrSignature},
		"timestamp without an end":  {set(2, strings.Repeat("9", 40)), provider.ErrSignature},
		"timestamp of a far day":    {set(2, "9223372036854775807"), provider.ErrSignature},
		"timestamp in milliseconds": {value(2, func(s string) string { return s + "000" }), provider.ErrStale},
		"timestamp with a zero":     {value(2, func(s string) string { return "0" + s }), provider.ErrSignature},
		"body changed":              {func(r *provider.Request) { r.Body[len(r.Body)-3] = '0' }, provider.ErrSignature},
		"body longer":               {func(r *provider.Request) { r.Body = append(r.Body, '\n') }, provider.ErrSignature},
		"signature cut":             {value(1, func(s string) string { return s[:84] }), provider.ErrSignature},
		"signature unpadded":        {value(1, func(s string) string { return strings.TrimRight(s, "=") }), provider.ErrSignature},
		"signature on two lines":    {value(1, func(s string) string { return s[:40] + "\r\n" + s[40:] }), provider.ErrSignature},
		"signature with a line end": {value(1, func(s string) string { return s[:87] + "\n" }), provider.ErrSignature},
		"signature of odd bits":     {value(1, oddBits), provider.ErrSignature},
		"signature twice":           {value(1, func(s string) string { return s + s }), provider.ErrSignature},
		"signature for the URL":     {value(1, strings.NewReplacer("+", "-", "/", "_").Replace), provider.ErrSignature},
		"version 1": {func(r *provider.Request) {
			r.Header = provider.Header{{Name: headerSignatureV1, Value: "t=1767225600,h=ej6BIeQj9SPc67KaHnMA34cCxw"}}
		}, errVersion1},
	} {
		t.Run(name, func(t *testing.T) {
			req := signed(ownKey, testNow, answeredBody)
			if v := req.Header[1].Value; !strings.ContainsAny(v, "+/") {
				t.Fatal("the signature says nothing about the alphabet")
			}
			test.change(req)
			err := testDriver(t, nil).Verify(req)
			if !errors.Is(err, test.want) {
				t.Fatalf("Verify: %v, want %v", err, test.want)
			}
			if err != nil && provider.KindOf(err) != provider.KindUnauthenticated {
				t.Errorf("kind %s, want unauthenticated", provider.KindOf(err))
			}
		})
	}
}

// oddBits sets a bit behind the last byte, which lax decoders do not look at.
func oddBits(s string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := strings.IndexByte(digits, s[85])
	return s[:85] + digits[i|1:i|1+1] + s[86:]
}

// A timestamp is digits, whatever was signed.
func TestVerifyTimestamp(t *testing.T) {
	now := strconv.FormatInt(testNow.Unix(), 10)
	for stamp, want := range map[string]error{
		now: nil, "0" + now: nil, "+" + now: provider.ErrSignature, " " + now: provider.ErrSignature, now + ".0": provider.ErrSignature,
		"0x69812105": provider.ErrSignature, "1_770_071_221": provider.ErrSignature, testNow.Format(time.RFC3339): provider.ErrSignature,
		"": provider.ErrSignature, now + "000": provider.ErrStale, "-" + now: provider.ErrSignature,
	} {
		if err := testDriver(t, nil).Verify(stamped(ownKey, stamp, answeredBody)); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", stamp, err, want)
		}
	}
}

func TestVerifyKeys(t *testing.T) {
	body := answeredBody
	for name, test := range map[string]struct {
		keys string
		want error
	}{
		"own":           {publicKey(ownKey), nil},
		"with line end": {publicKey(ownKey) + "\n", nil},
		"rotated":       {publicKey(otherKey) + "\n" + publicKey(ownKey), nil},
		"other":         {publicKey(otherKey), provider.ErrSignature},
	} {
		d := testDriver(t, map[string]any{fieldPublicKey: test.keys})
		if err := d.Verify(signed(ownKey, testNow, body)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	none, err := open(provider.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := none.(*driver).Verify(signed(ownKey, testNow, body)); !errors.Is(err, provider.ErrNoSecret) {
		t.Errorf("without a key: %v, want %v", err, provider.ErrNoSecret)
	}
}

func TestOpenRefusesWhatIsNoKey(t *testing.T) {
	for name, key := range map[string]string{
		"short": "Ij8z2U6OGZ7DFQXdXEBuBCKDGLy0DWXZPcfP/aaBsg==", "no base64": "KEY", "unpadded": strings.TrimRight(publicKey(ownKey), "="),
		"one of two": publicKey(ownKey) + " x",
	} {
		if _, err := open(provider.Config{Values: map[string]any{fieldPublicKey: key}}); provider.KindOf(err) != provider.KindInvalid {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}

// One key signs for all applications of an account.
func TestVerifyRefusesAnotherApplication(t *testing.T) {
	form := func(connection string) *provider.Request {
		req := signed(ownKey, testNow, "CallSid=v3%3ATx1&ConnectionId="+connection)
		req.Header[0].Value = formType
		return req
	}
	for name, test := range map[string]struct {
		req  *provider.Request
		want error
	}{
		"ours":          {signed(ownKey, testNow, answeredBody), nil},
		"other":         {signed(ownKey, testNow, strings.Replace(answeredBody, testConnection, "1293384261075731498", 1)), provider.ErrAccount},
		"as a number":   {signed(ownKey, testNow, strings.Replace(answeredBody, `"`+testConnection+`"`, "1293384261075731498", 1)), provider.ErrAccount},
		"in other case": {signed(ownKey, testNow, `{"data":{"payload":{"connection_id":"","CONNECTION_ID":"12"}}}`), provider.ErrAccount},
		"none":          {signed(ownKey, testNow, `{"data":{"payload":{"connection_id":null}}}`), nil},
		"form":          {form(testConnection), nil},
		"other form":    {form("12"), provider.ErrAccount},
	} {
		if err := testDriver(t, nil).Verify(test.req); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	unprovisioned := testDriver(t, map[string]any{fieldConnection: ""})
	if err := unprovisioned.Verify(signed(ownKey, testNow, answeredBody)); !errors.Is(err, provider.ErrAccount) {
		t.Errorf("before the trunk has an application: %v, want %v", err, provider.ErrAccount)
	}
}
