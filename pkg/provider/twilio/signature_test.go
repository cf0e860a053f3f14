package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

const (
	testAccount = "AC00000000000000000000000000000a11"
	testToken   = "unit-test-auth-token-public"
	testHost    = "https://hooks.trunkline.example"
)

// testDriver opens an account with more values than the required ones.
func testDriver(t testing.TB, more map[string]any) *driver {
	t.Helper()
	return openDriver(t, provider.Config{Values: more})
}

func openDriver(t testing.TB, c provider.Config) *driver {
	t.Helper()
	values := map[string]any{fieldAccountSID: testAccount, fieldAuthToken: testToken}
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

// sign signs text the way the carrier does.
func sign(token, text string) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signedForm makes a form that is signed for its URL. It undoes the escapes
// %25, %2B, %3A and %40 only, and orders names that end in no digit.
func signedForm(path string, hook provider.Hook, body string) *provider.Request {
	text := strings.NewReplacer("&", "", "=", "", "%2B", "+", "%25", "%", "%3A", ":", "%40", "@").Replace(sorted(body))
	return &provider.Request{
		Method: http.MethodPost, URL: testHost + path, Hook: hook, Body: []byte(body),
		Header: provider.Header{
			{Name: "Content-Type", Value: formType + "; charset=UTF-8"},
			{Name: headerSignature, Value: sign(testToken, testHost+path+text)},
		},
	}
}

func sorted(body string) string {
	if body == "" {
		return ""
	}
	pairs := strings.Split(body, "&")
	slices.Sort(pairs) // = comes before every letter
	return strings.Join(pairs, "&")
}

func setHeader(req *provider.Request, name, value string) {
	for i := range req.Header {
		if req.Header[i].Name == name {
			req.Header[i].Value = value
			return
		}
	}
	req.Header = append(req.Header, provider.Field{Name: name, Value: value})
}

const statusForm = "AccountSid=" + testAccount + "&CallSid=CA00000000000000000000000000000004&CallStatus=completed" +
	"&CallDuration=61&From=%2B14155550101&To=%2B14155550177"

func TestVerifyRefusesTamperedRequests(t *testing.T) {
	for name, tamper := range map[string]struct {
		change func(*provider.Request)
		want   error // nil: accepted
	}{
		"untouched":           {func(*provider.Request) {}, nil},
		"fields reordered":    {func(r *provider.Request) { r.Body = []byte(sorted(statusForm)) }, nil},
		"header in lowercase": {func(r *provider.Request) { r.Header[1].Name = "x-twilio-signature" }, nil},
		"standard port":       {func(r *provider.Request) { r.URL = strings.Replace(r.URL, ".example/", ".example:443/", 1) }, nil},
		"own port":            {func(r *provider.Request) { r.URL = strings.Replace(r.URL, ".example/", ".example:8443/", 1) }, nil},
		"fragment":            {func(r *provider.Request) { r.URL += "#rc=2" }, nil},
		"user and password":   {func(r *provider.Request) { r.URL = strings.Replace(r.URL, "//", "//user:secret@", 1) }, nil},

		"no header":        {func(r *provider.Request) { r.Header = r.Header[:1] }, provider.ErrUnsigned},
		"empty header":     {func(r *provider.Request) { r.Header[1].Value = "" }, provider.ErrUnsigned},
		"no base64":        {func(r *provider.Request) { r.Header[1].Value = "not a signature é" }, provider.ErrSignature},
		"cut signature":    {func(r *provider.Request) { r.Header[1].Value = r.Header[1].Value[:27] }, provider.ErrSignature},
		"value changed":    {func(r *provider.Request) { r.Body = []byte(strings.Replace(statusForm, "61", "62", 1)) }, provider.ErrSignature},
		"field added":      {func(r *provider.Request) { r.Body = append(r.Body, "&Digits=1"...) }, provider.ErrSignature},
		"field repeated":   {func(r *provider.Request) { r.Body = append(r.Body, "&CallStatus=busy"...) }, provider.ErrSignature},
		"field removed":    {func(r *provider.Request) { r.Body = r.Body[len("AccountSid="+testAccount+"&"):] }, provider.ErrSignature},
		"space at the end": {func(r *provider.Request) { r.Body = append(r.Body, '+') }, provider.ErrSignature},
		"path changed":     {func(r *provider.Request) { r.URL += "2" }, provider.ErrSignature},
		"query added":      {func(r *provider.Request) { r.URL += "?a=1" }, provider.ErrSignature},
		"slash added":      {func(r *provider.Request) { r.URL += "/" }, provider.ErrSignature},
		"signed with a slash": {func(r *provider.Request) {
			r.Method, r.Body = http.MethodGet, nil
			setHeader(r, headerSignature, sign(testToken, r.URL+"/"))
		}, provider.ErrSignature},
		"plain http": {func(r *provider.Request) { r.URL = strings.Replace(r.URL, "https", "http", 1) }, provider.ErrSignature},
		"other host": {func(r *provider.Request) { r.URL = strings.Replace(r.URL, "hooks", "other", 1) }, provider.ErrSignature},
		"fields as query": {func(r *provider.Request) {
			r.Method, r.URL, r.Body = http.MethodGet, r.URL+"?"+statusForm, nil
		}, provider.ErrSignature},
		"body of another type": {func(r *provider.Request) { r.Header[0].Value = "application/json" }, provider.ErrSignature},
		"too many fields":      {func(r *provider.Request) { r.Body = []byte(strings.Repeat("a&", mostFields+1)) }, provider.ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			req := signedForm("/v1/twilio/status/01JABC", provider.HookStatus, statusForm)
			tamper.change(req)
			err := testDriver(t, nil).Verify(req)
			if !errors.Is(err, tamper.want) {
				t.Fatalf("Verify: %v, want %v", err, tamper.want)
			}
			if err != nil && provider.KindOf(err) != provider.KindUnauthenticated {
				t.Errorf("kind %s, want unauthenticated", provider.KindOf(err))
			}
		})
	}
}

func TestVerifyTokens(t *testing.T) {
	req := signedForm("/v1/twilio/status", provider.HookStatus, statusForm)
	for name, test := range map[string]struct {
		current  string
		previous []string
		want     error
	}{
		"current":  {testToken, nil, nil},
		"previous": {"new-token", []string{"older", testToken}, nil},
		"retired":  {"new-token", nil, provider.ErrSignature},
	} {
		d := testDriver(t, map[string]any{fieldAuthToken: test.current, fieldPreviousTokens: test.previous})
		if err := d.Verify(req); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	d, err := open(provider.Config{})
	if err != nil {
		t.Fatal(err)
	}
	setHeader(req, headerSignature, sign("", testHost+"/v1/twilio/status"))
	if err := d.(*driver).Verify(req); !errors.Is(err, provider.ErrNoSecret) {
		t.Errorf("without a token: %v, want %v", err, provider.ErrNoSecret)
	}
}

func TestVerifyRefusesAnotherAccount(t *testing.T) {
	other := strings.Replace(statusForm, testAccount, "AC00000000000000000000000000000a12", 1)
	if err := testDriver(t, nil).Verify(signedForm("/s", provider.HookStatus, other)); !errors.Is(err, provider.ErrAccount) {
		t.Errorf("form: %v, want %v", err, provider.ErrAccount)
	}
	get := &provider.Request{Method: http.MethodGet, URL: testHost + "/s?AccountSid=AC00000000000000000000000000000a12"}
	setHeader(get, headerSignature, sign(testToken, get.URL))
	if err := testDriver(t, nil).Verify(get); !errors.Is(err, provider.ErrAccount) {
		t.Errorf("query: %v, want %v", err, provider.ErrAccount)
	}
}

func TestVerifyBodyHash(t *testing.T) {
	body := `{"CallSid":"CA1"}`
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	for name, test := range map[string]struct {
		url, body string
		want      error
	}{
		"bound":            {testHost + "/e?tenant=7&bodySHA256=" + hash + "&v=1", body, nil},
		"body changed":     {testHost + "/e?bodySHA256=" + hash, body + " ", provider.ErrSignature},
		"upper case":       {testHost + "/e?bodySHA256=" + strings.ToUpper(hash), body, provider.ErrSignature},
		"bound by nothing": {testHost + "/e", body, provider.ErrSignature},
	} {
		req := &provider.Request{Method: http.MethodPost, URL: test.url, Body: []byte(test.body), Header: provider.Header{
			{Name: "Content-Type", Value: "application/json; charset=utf-8"},
			{Name: headerSignature, Value: sign(testToken, test.url)},
		}}
		if err := testDriver(t, nil).Verify(req); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestVerifyHandshake(t *testing.T) {
	const media = "wss://media.trunkline.example/v1/media/01JABC/tok"
	for name, test := range map[string]struct {
		url, signature string
		want           error
	}{
		"as told":          {media, sign(testToken, media), nil},
		"with a slash":     {media, sign(testToken, media+"/"), nil},
		"standard port 80": {media, sign(testToken, strings.Replace(media, ".example", ".example:80", 1)), nil},
		"unsigned":         {media, "", provider.ErrUnsigned},
		"signed as https":  {media, sign(testToken, strings.Replace(media, "wss", "https", 1)), provider.ErrSignature},
		"checked as https": {strings.Replace(media, "wss", "https", 1), sign(testToken, media), provider.ErrSignature},
		"other call":       {media + "2", sign(testToken, media), provider.ErrSignature},
	} {
		req := &provider.Request{Method: http.MethodGet, URL: test.url, Header: provider.Header{{Name: headerSignature, Value: test.signature}}}
		if err := testDriver(t, nil).VerifyHandshake(req); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestAddress(t *testing.T) {
	for url, want := range map[string][2]string{ // as a browser prints it, and with its query encoded anew
		"https://h.example/p?a=1":           {"https://h.example/p?a=1", "https://h.example/p?a=1"},
		"HTTPS://H.Example:443?a=1":         {"https://h.example/?a=1", "https://h.example/?a=1"},
		"https://h.example:8443/p?n=O'Neil": {"https://h.example:8443/p?n=O%27Neil", "https://h.example:8443/p?n=O'Neil"},
		"https://[2001:DB8::7]/p?q=a+b&f&f": {"https://[2001:db8::7]/p?q=a+b&f&f", "https://[2001:db8::7]/p?q=a%20b&f=&f="},
		"wss://h.example:443/p":             {"wss://h.example/p", "wss://h.example/p"},
		"https://h.example/p?a=1&b=2&a=3":   {"https://h.example/p?a=1&b=2&a=3", "https://h.example/p?a=1&a=3&b=2"},
		"https://h.example/p?é={}&|=<":      {"https://h.example/p?%C3%A9={}&|=%3C", "https://h.example/p?%C3%A9=%7B%7D&%7C=%3C"},
	} {
		printed := split(url).normalised()
		if got := printed.String(); got != want[0] {
			t.Errorf("%s: normalised %s, want %s", url, got, want[0])
		}
		if got := printed.requoted().String(); got != want[1] {
			t.Errorf("%s: requoted %s, want %s", url, got, want[1])
		}
	}
}

func (a address) String() string { return a.scheme + a.user + a.host + a.port + a.rest }
