package plivo

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// TestRedirectGoesRound gives a live leg an instruction and fetches it the way
// the carrier does.
func TestRedirectGoesRound(t *testing.T) {
	var asked struct {
		URL string `json:"aleg_url"`
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &asked)
		}
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer srv.Close()
	c := suite().Config
	c.APIURL = srv.URL
	account, err := provider.Open(carrier, c)
	if err != nil {
		t.Fatal(err)
	}
	leg := provider.Leg{ID: "22222222-bbbb-4000-8000-000000000002", URL: func(h provider.Hook) string { return "https://hooks.trunkline.example/" + string(h) + "/mac" }}
	want := call.Instruction{Steps: []call.Step{{Say: &call.Say{Text: "für Tom & Jerry"}}, {Hangup: &call.Hangup{}}}}
	if err := account.Redirect(context.Background(), leg, want); err != nil {
		t.Fatal(err)
	}
	n, err := testDriver(t, nil).Parse(&provider.Request{
		Method: http.MethodPost, URL: asked.URL, Hook: provider.HookAnswer,
		Body: []byte("CallUUID=22222222-bbbb-4000-8000-000000000002&Event=Redirect&CallStatus=in-progress"),
	}, nil)
	if err != nil || !n.Reply || n.Kind != provider.RedirectDone {
		t.Fatalf("%s: %+v, %v", asked.URL, n, err)
	}
	if diff := cmp.Diff(&want, n.Next); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	long := call.Spoken(strings.Repeat("long ", 400))
	if err := account.Redirect(context.Background(), leg, long); provider.KindOf(err) != provider.KindInvalid {
		t.Errorf("an instruction that fits into no address: %v", err)
	}
}
