package ari

import (
	"go/parser"
	"go/token"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// TestRefusals goes through what Asterisk refuses, and how.
func TestRefusals(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	l := g.listen("trunkline")
	call := g.RingUp(carriersim.Person{})
	l.await("StasisStart", call.ID())
	const media = "channels/externalMedia"
	for _, row := range []struct {
		method, path, query string
		status              int
		body                map[string]any
	}{
		{http.MethodGet, "channels/none", "", 404, message("Channel not found")},
		{http.MethodGet, "nothing", "", 404, message("Resource not found")},
		{http.MethodPut, "channels", "", 405, message("Invalid method")},
		{http.MethodDelete, "channels/" + call.ID(), "reason=nonsense", 400, message("Invalid reason for hangup reason provided")},
		{http.MethodDelete, "channels/" + call.ID(), "reason_code=normal", 400, nil},
		{http.MethodDelete, "channels/" + call.ID(), "reason=busy&reason_code=17", 400, nil},
		{http.MethodPost, "channels", "app=trunkline", 400, message("Endpoint must be specified")},
		{http.MethodPost, "channels", "app=trunkline&endpoint=PJSIP", 400, message("Invalid endpoint specified")},
		{http.MethodPost, "channels", "endpoint=PJSIP/1@carrier", 400, message("Application or extension must be specified")},
		{http.MethodPost, "channels", "app=trunkline&endpoint=PJSIP/1@nosuch", 500, map[string]any{"error": "Allocation failed"}},
		{http.MethodPost, "channels", "app=trunkline&endpoint=SIP/1@carrier", 500, map[string]any{"error": "Allocation failed"}},
		{http.MethodPost, "channels", "app=trunkline&endpoint=PJSIP/1@carrier&formats=bogus", 400, message("Provided format (bogus) was not found")},
		{http.MethodPost, "channels", "app=trunkline&endpoint=PJSIP/1@carrier&originator=nobody", 400, message("Provided originator channel was not found")},
		{http.MethodPost, "channels/none/answer", "", 404, message("Channel not found")},
		{http.MethodPost, "channels/" + call.ID() + "/dtmf", "", 400, nil},
		{http.MethodGet, "channels/" + call.ID() + "/variable", "variable=NOPE", 404, message("Provided variable was not found")},
		{http.MethodPost, "bridges/none/addChannel", "channel=" + call.ID(), 404, message("Bridge not found")},
		{http.MethodPost, "bridges", "type=square", 500, map[string]any{"error": "Allocation failed"}},
		{http.MethodPost, "applications/trunkline/subscription", "eventSource=channel:nope", 422, message("Event source does not exist")},
		{http.MethodPost, "applications/trunkline/subscription", "eventSource=comet:1", 400, nil},
		{http.MethodPost, "applications/none/subscription", "eventSource=channel:" + call.ID(), 404, message("Application not found")},
		{http.MethodPost, media, "app=trunkline&transport=websocket&connection_type=server&format=ulaw", 400, message("encapsulation must be 'none' for websocket transport")},
		{http.MethodPost, media, "app=trunkline&transport=websocket&encapsulation=none&external_host=nobody&format=ulaw", 400, message("external_host must be a valid websocket_client connection id.")},
		{http.MethodPost, media, "app=trunkline&transport=websocket&encapsulation=none&connection_type=server&format=mp3", 500, map[string]any{"error": "Allocation failed"}},
		{http.MethodPost, media, "app=trunkline&transport=websocket&encapsulation=none&connection_type=server&format=ulaw&transport_data=v(a=1)", 500, nil},
		{http.MethodGet, "endpoints/PJSIP/none", "", 404, message("Endpoint not found")},
		{http.MethodGet, "asterisk/modules/chan_none.so", "", 404, nil},
	} {
		status, body := g.rest(row.method, row.path, row.query)
		if status != row.status {
			t.Errorf("%s %s?%s: %d %v, want %d", row.method, row.path, row.query, status, body, row.status)
		}
		if diff := cmp.Diff(row.body, body); row.body != nil && diff != "" {
			t.Errorf("%s %s?%s: %s", row.method, row.path, row.query, diff)
		}
	}
}

func message(text string) map[string]any { return map[string]any{"message": text} }

func TestAuthentication(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{Username: "u", Password: "p", ReadOnly: true})
	for target, want := range map[string]int{
		"/ari/asterisk/ping": 401, "/ari/asterisk/ping?api_key=u:q": 401, "/ari/asterisk/ping?api_key=u:p": 200, "/ari/nothing": 401,
	} {
		resp, err := http.Get(c.APIURL() + target)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if asked := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != want || (asked == `Basic realm="Asterisk REST Interface"`) != (want == 401) {
			t.Errorf("%s: %d %q", target, resp.StatusCode, asked)
		}
	}
	g.must(http.StatusForbidden, http.MethodPost, "bridges", "")
	g.must(http.StatusOK, http.MethodGet, "channels", "")
}

// TestStates has commands refused because of where a channel is.
func TestStates(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	l := g.listen("trunkline")
	g.originate("tl-1", carriersim.Person{Outcome: carriersim.NoAnswer}, "&timeout=-1")
	l.await("ChannelStateChange", "tl-1")
	g.must(http.StatusConflict, http.MethodPost, "channels/tl-1/answer", "")
	g.must(http.StatusOK, http.MethodPost, "bridges/tb-1", "")
	g.must(http.StatusConflict, http.MethodPost, "bridges/tb-1", "")
	g.must(http.StatusUnprocessableEntity, http.MethodPost, "bridges/tb-1/addChannel", "channel=tl-1")
	g.must(http.StatusBadRequest, http.MethodPost, "bridges/tb-1/addChannel", "channel=tl-2")
	call := g.RingUp(carriersim.Person{})
	l.await("StasisStart", call.ID())
	for range 2 {
		g.must(http.StatusNoContent, http.MethodPost, "channels/"+call.ID()+"/answer", "")
	}
	g.must(http.StatusNoContent, http.MethodPost, "channels/"+call.ID()+"/dtmf", "dtmf=12"+url.QueryEscape("#"))
	g.must(http.StatusNoContent, http.MethodPost, "channels/"+call.ID()+"/variable", "variable=A&value=1")
	if doc := g.must(http.StatusOK, http.MethodGet, "channels/"+call.ID()+"/variable", "variable=A"); doc["value"] != "1" {
		t.Errorf("%v", doc)
	}
	if call.Digits() != "12#" {
		t.Errorf("digits %q", call.Digits())
	}
}

// TestIDsAreComparedByPrefix is the odd way in which Asterisk finds out that an id
// is taken.
func TestIDsAreComparedByPrefix(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.listen("trunkline")
	g.originate("abc-media", carriersim.Person{Outcome: carriersim.NoAnswer}, "&timeout=-1")
	query := "app=trunkline&endpoint=" + url.QueryEscape("PJSIP/"+callee+"@carrier") + "&channelId="
	for id, want := range map[string]int{"abc": 409, "ABC-MEDIA": 409, "abc-media": 409, "abc-media-2": 200, "xabc": 200} {
		g.must(want, http.MethodPost, "channels", query+id)
	}
	g.must(http.StatusNotFound, http.MethodGet, "channels/abc", "")
	g.must(http.StatusNotFound, http.MethodGet, "channels/ABC-MEDIA", "")
}

// TestSameIDForMedia kills releases that were not mended.
func TestSameIDForMedia(t *testing.T) {
	t.Parallel()
	const query = "app=trunkline&transport=websocket&encapsulation=none&connection_type=server&format=ulaw&channelId=tm-1"
	c, g := begin(t, Options{Version: "22.11.0"})
	g.listen("trunkline")
	g.must(http.StatusOK, http.MethodPost, "channels/externalMedia", query)
	g.must(http.StatusConflict, http.MethodPost, "channels/externalMedia", query)
	if len(c.Channels()) != 1 {
		t.Errorf("channels %v", c.Channels())
	}
	old, g := begin(t, Options{})
	l := g.listen("trunkline")
	g.must(http.StatusOK, http.MethodPost, "channels/externalMedia", query)
	req, err := http.NewRequest(http.MethodPost, old.APIURL()+"/ari/channels/externalMedia?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(old.opt.Username, old.opt.Password)
	if resp, err := http.DefaultClient.Do(req); err == nil {
		t.Errorf("the dead PBX answered %d", resp.StatusCode)
	}
	l.await("closed", "")
}

// TestParameters may be in the URL, in a form, and in a document.
func TestParameters(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	l := g.listen("trunkline")
	c.Expect(callee, carriersim.Person{})
	body := `{"endpoint":"PJSIP/` + callee + `@carrier","app":"trunkline","appArgs":"a,b","timeout":20,"callerId":"\"Ann B\" <+15550001111>","variables":{"A":"1","B":{"value":"2","report_events":true}}}`
	status, doc := g.restBody(http.MethodPost, "channels/tl-1", "", body)
	if diff := cmp.Diff(map[string]any{"name": "Ann B", "number": "+15550001111"}, doc["caller"]); status != http.StatusOK || diff != "" {
		t.Errorf("%d %v %s", status, doc, diff)
	}
	l.await("StasisStart", "tl-1")
	for name, want := range map[string]string{"A": "1", "B": "2"} {
		if doc := g.must(http.StatusOK, http.MethodGet, "channels/tl-1/variable", "variable="+name); doc["value"] != want {
			t.Errorf("%s is %v", name, doc)
		}
	}
	if status, _ := g.restBody(http.MethodPost, "channels", "", "{"); status != http.StatusBadRequest {
		t.Errorf("half a document: %d", status)
	}
	if status, _ := g.restBody(http.MethodPost, "channels", "", `{"app":"`+strings.Repeat("x", maxBody)+`"}`); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a long document: %d", status)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for text, row := range map[string]struct{ websocket, json, tech bool }{
		"22.10.1": {true, true, true}, "22.5.0": {false, false, false}, "22.7.0": {true, false, true}, "22.6.0": {true, false, false},
		"21.12.0": {true, false, false}, "20.18.0": {true, true, true}, "18.9.0": {false, false, false}, "23.0.0": {true, false, false}, "24.0.0": {true, true, true},
	} {
		v, err := parseVersion(text)
		if err != nil {
			t.Fatal(err)
		}
		if v.has(hasWebSocket) != row.websocket || v.has(hasJSON) != row.json || v.has(hasTechCause) != row.tech {
			t.Errorf("%s: %v %v %v", text, v.has(hasWebSocket), v.has(hasJSON), v.has(hasTechCause))
		}
	}
	_, g := begin(t, Options{Version: "22.5.0"})
	g.must(http.StatusNotFound, http.MethodGet, "asterisk/modules/chan_websocket.so", "")
	_, g = begin(t, Options{})
	g.must(http.StatusOK, http.MethodGet, "asterisk/modules/chan_websocket.so", "")
	if _, err := New(Options{Version: "recent"}); err == nil {
		t.Error("a version that is none was taken")
	}
}

// TestSharesNothingWithTheProvider keeps a misreading on one side from being
// cancelled by the same on the other.
func TestSharesNothingWithTheProvider(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			if strings.Contains(i.Path.Value, "/pkg/provider") {
				t.Errorf("%s imports %s", f.Name(), i.Path.Value)
			}
		}
	}
}
