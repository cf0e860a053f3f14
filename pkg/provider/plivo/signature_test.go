package plivo

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

const (
	testURL   = "https://hooks.trunkline.example/v1/plivo/default/main/hangup/01JABC/mac"
	testNonce = "12345678901234567890"
	testForm  = "AnswerTime=&BillDuration=66&CallStatus=completed&CallUUID=22222222-bbbb-4000-8000-000000000002&Event=Hangup&ParentAuthID=" + testAccount
)

// sign signs text the way the carrier does.
func sign(token, text string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signedForm is testForm as the carrier posts it. The form is in order and has
// no escapes.
func signedForm(token string) *provider.Request {
	text := testURL + "?" + strings.NewReplacer("&", "", "=", "").Replace(testForm) + "." + testNonce
	return &provider.Request{Method: http.MethodPost, URL: testURL, Hook: provider.HookHangup, Body: []byte(testForm), Header: provider.Header{
		{Name: "Content-Type", Value: "application/x-www-form-urlencoded"},
		{Name: v3.Own, Value: sign(token, text)}, {Name: v3.Nonce, Value: testNonce},
	}}
}

func TestVerifyRefusesTamperedRequests(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*provider.Request)
		want   error // nil: accepted
	}{
		"untouched":        {func(*provider.Request) {}, nil},
		"fields reordered": {func(r *provider.Request) { r.Body = reversed(testForm) }, nil},
		"fragment":         {func(r *provider.Request) { r.URL += "#rc=2" }, nil},
		"parent's header":  {func(r *provider.Request) { r.Header[1].Name = v3.Parent }, nil},
		"no content type":  {func(r *provider.Request) { r.Header = r.Header[1:] }, nil},

		"no header":        {func(r *provider.Request) { r.Header = r.Header[:1] }, provider.ErrUnsigned},
		"retired scheme":   {func(r *provider.Request) { r.Header[1].Name = "X-Plivo-Signature-V2" }, provider.ErrUnsigned},
		"no nonce":         {func(r *provider.Request) { r.Header = r.Header[:2] }, provider.ErrSignature},
		"value changed":    {func(r *provider.Request) { r.Body = []byte(strings.Replace(testForm, "66", "67", 1)) }, provider.ErrSignature},
		"field added":      {func(r *provider.Request) { r.Body = append(r.Body, "&X=1"...) }, provider.ErrSignature},
		"field repeated":   {func(r *provider.Request) { r.Body = append(r.Body, "&CallStatus=busy"...) }, provider.ErrSignature},
		"field removed":    {func(r *provider.Request) { r.Body = []byte(strings.Replace(testForm, "BillDuration=66&", "", 1)) }, provider.ErrSignature},
		"query added":      {func(r *provider.Request) { r.URL += "?a=1" }, provider.ErrSignature},
		"path changed":     {func(r *provider.Request) { r.URL += "/" }, provider.ErrSignature},
		"plain http":       {func(r *provider.Request) { r.URL = strings.Replace(r.URL, "https", "http", 1) }, provider.ErrSignature},
		"another port":     {func(r *provider.Request) { r.URL = strings.Replace(r.URL, ".example/", ".example:443/", 1) }, provider.ErrSignature},
		"another type":     {func(r *provider.Request) { r.Header[0].Value = "application/json" }, provider.ErrSignature},
		"fields as query":  {func(r *provider.Request) { r.Method, r.URL, r.Body = http.MethodGet, r.URL+"?"+testForm, nil }, provider.ErrSignature},
		"too many fields":  {func(r *provider.Request) { r.Body = []byte(strings.Repeat("a&", 1001)) }, provider.ErrSignature},
		"verified path":    {func(r *provider.Request) { r.Header, r.PathVerified = r.Header[:1], true }, provider.ErrUnsigned},
		"someone's secret": {func(r *provider.Request) { *r = *signedForm("another-token") }, provider.ErrSignature},
	} {
		req := signedForm(vectorToken)
		c.change(req)
		if err := testDriver(t, nil).Verify(req); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func reversed(form string) []byte {
	pairs := strings.Split(form, "&")
	slices.Reverse(pairs)
	return []byte(strings.Join(pairs, "&"))
}

func TestVerifyTokens(t *testing.T) {
	for name, c := range map[string]struct {
		values map[string]any
		want   error
	}{
		"main account's": {map[string]any{fieldAuthToken: "sub-account-token", fieldMainToken: vectorToken}, nil},
		"previous":       {map[string]any{fieldAuthToken: "new-token", fieldPreviousTokens: []string{"older", vectorToken}}, nil},
		"retired":        {map[string]any{fieldAuthToken: "new-token"}, provider.ErrSignature},
	} {
		if err := testDriver(t, c.values).Verify(signedForm(vectorToken)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestVerifyHandshake(t *testing.T) {
	const media = "://media.trunkline.example/v1/media/default/main/01JABC/01JS/tok"
	for name, c := range map[string]struct {
		url, signed string
		want        error
	}{
		"as told":       {"wss" + media, "wss" + media, nil},
		"as https":      {"wss" + media, "https" + media, nil},
		"as plain http": {"ws" + media, "http" + media, nil},
		"as ftp":        {"wss" + media, "ftp" + media, provider.ErrSignature},
		"another call":  {"wss" + media + "2", "wss" + media, provider.ErrSignature},
		"unsigned":      {"wss" + media, "", provider.ErrUnsigned},
	} {
		req := &provider.Request{Method: http.MethodGet, URL: c.url, Header: provider.Header{{Name: v3.Nonce, Value: testNonce}}}
		if c.signed != "" {
			req.Header = append(req.Header, provider.Field{Name: v3.Own, Value: sign(vectorToken, c.signed+"."+testNonce)})
		}
		if err := testDriver(t, nil).VerifyHandshake(req); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func BenchmarkReceive(b *testing.B) {
	d, req := testDriver(b, nil), signedForm(vectorToken)
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := d.Verify(req); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.Parse(req, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
