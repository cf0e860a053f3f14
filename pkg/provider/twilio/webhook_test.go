package twilio

import (
	"net/http"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// TestNoticeOwnsItsText reads a request from memory that the server uses anew.
func TestNoticeOwnsItsText(t *testing.T) {
	token := []byte("0a000000-0000-4000-8000-000000000001")
	url := []byte(testHost + "/v1/twilio/status/01JABC?AccountSid=" + testAccount + "&CallSid=CA1&CallStatus=ringing&To=%2B14155550101")
	n, err := testDriver(t, nil).Parse(&provider.Request{
		Method: http.MethodGet, Hook: provider.HookStatus, URL: unsafe.String(&url[0], len(url)),
		Header: provider.Header{{Name: headerToken, Value: unsafe.String(&token[0], len(token))}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	clear(token)
	clear(url)
	want := provider.Notice{
		Kind: provider.CallStatus, AccountID: testAccount, LegID: "CA1", EventID: "0a000000-0000-4000-8000-000000000001",
		To: "+14155550101", Status: "ringing", RawStatus: "ringing",
	}
	if diff := cmp.Diff(want, n); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTimestamp(t *testing.T) {
	for text, want := range map[string]time.Time{
		"Tue, 03 Mar 2026 09:15:20 +0000": time.Date(2026, 3, 3, 9, 15, 20, 0, time.UTC),
		"Tue, 3 Mar 2026 01:15:20 -0800":  time.Date(2026, 3, 3, 9, 15, 20, 0, time.UTC),
		"2026-03-03T09:15:28.114Z":        time.Date(2026, 3, 3, 9, 15, 28, 114e6, time.UTC),
		"2026-03-03T10:15:28+01:00":       time.Date(2026, 3, 3, 9, 15, 28, 0, time.UTC),
		"yesterday":                       {},
		"":                                {},
	} {
		if got := timestamp(text); got != want { // the same instant in the same zone
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
