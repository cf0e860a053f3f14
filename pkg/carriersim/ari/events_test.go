package ari

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

func TestSecondSocketReplacesTheFirst(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	first := g.listen("trunkline")
	second := g.listen("trunkline")
	first.await("ApplicationReplaced", "")
	call := g.RingUp(carriersim.Person{})
	second.await("StasisStart", call.ID())
	// The first is open still: its pings are answered, and nothing else came.
	if err := first.conn.WriteControl(websocket.PingMessage, []byte("there?"), time.Now().Add(gatewaytest.Patience)); err != nil {
		t.Fatal(err)
	}
	select {
	case text := <-first.pongs:
		if text != "there?" {
			t.Errorf("pong %q", text)
		}
	case <-time.After(gatewaytest.Patience):
		t.Fatal("no pong")
	}
	if diff := cmp.Diff([]string{"ApplicationReplaced"}, first.story("")); diff != "" {
		t.Error(diff)
	}
	// And its end does not end the second.
	first.conn.Close()
	first.await("closed", "")
	g.must(http.StatusNoContent, http.MethodPost, "channels/"+call.ID()+"/answer", "")
	second.await("ChannelStateChange", call.ID())
}

// TestNothingIsKept has calls live on while nobody listens, and replays nothing.
func TestNothingIsKept(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	l := g.listen("trunkline")
	call := g.RingUp(carriersim.Person{})
	l.await("StasisStart", call.ID())
	c.CutEvents("trunkline")
	l.await("closed", "")
	g.must(http.StatusNoContent, http.MethodPost, "channels/"+call.ID()+"/answer", "")
	again := g.listen("trunkline")
	g.must(http.StatusNoContent, http.MethodDelete, "channels/"+call.ID(), "")
	again.await("StasisEnd", call.ID())
	if diff := cmp.Diff([]string{"ChannelHangupRequest", "StasisEnd"}, again.story(call.ID())); diff != "" {
		t.Error(diff)
	}
}

func TestEventFilter(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	l := g.listen("trunkline")
	status, app := g.restBody(http.MethodPut, "applications/trunkline/eventFilter", "", `{"disallowed":[{"type":"ChannelVarset"}]}`)
	if status != http.StatusOK || !cmp.Equal(app["events_disallowed"], []any{map[string]any{"type": "ChannelVarset"}}) {
		t.Errorf("%d %v", status, app)
	}
	call := g.RingUp(carriersim.Person{})
	l.await("StasisStart", call.ID())
	if len(l.events.All(func(e map[string]any) bool { return e["type"] == "ChannelVarset" })) > 0 {
		t.Error("a filtered event came")
	}
}

func TestSocketsThatAreRefused(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	header := func(user string) http.Header {
		req := http.Request{Header: http.Header{}}
		req.SetBasicAuth(user, c.opt.Password)
		return req.Header
	}
	for path, row := range map[string]struct {
		user, protocol string
		status         int
	}{
		"/ari/events?app=a": {"nobody", "", http.StatusUnauthorized},
		"/ari/events":       {c.opt.Username, "", http.StatusBadRequest},
		"/ari/events?app=b": {c.opt.Username, "graphql", http.StatusBadRequest},
		"/ari/events?app=" + strings.Repeat("x", 74):  {c.opt.Username, "", http.StatusInternalServerError},
		"/media/26dcf3cd-5a5f-4bc5-b1b5-0b8d38b5bba2": {"", "media", http.StatusNotFound},
	} {
		d := websocket.Dialer{}
		if row.protocol != "" {
			d.Subprotocols = []string{row.protocol}
		}
		_, resp, err := d.Dial(g.socketURL(path), header(row.user))
		if err == nil || resp == nil || resp.StatusCode != row.status {
			t.Errorf("%s: %v %v", path, resp, err)
		}
	}
	g.must(http.StatusUpgradeRequired, http.MethodGet, "events", "app=a")
	if c.Listening("a") || c.Listening("b") {
		t.Error("a refused socket is listened to")
	}
}

func TestEventFaults(t *testing.T) {
	t.Parallel()
	ends := func(w *carriersim.Webhook) bool { return w.Event == "ChannelHangupRequest" }
	plain := []string{"Dial ", "ChannelStateChange", "Dial ANSWER", "StasisStart", "ChannelHangupRequest", "StasisEnd", "ChannelDestroyed"}
	for name, row := range map[string]struct {
		fault carriersim.WebhookFault
		story []string
	}{
		"twice":   {carriersim.WebhookFault{Match: ends, Copies: 1}, slices.Insert(slices.Clone(plain), 4, "ChannelHangupRequest")},
		"lost":    {carriersim.WebhookFault{Match: ends, Drop: true}, slices.Delete(slices.Clone(plain), 4, 5)},
		"reorder": {carriersim.WebhookFault{Match: ends, Reorder: true}, []string{plain[0], plain[1], plain[2], plain[3], plain[5], plain[4], plain[6]}},
		"late":    {carriersim.WebhookFault{Match: ends, Delay: 300 * time.Millisecond}, []string{plain[0], plain[1], plain[2], plain[3], plain[5], plain[6], plain[4]}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			l := g.listen("trunkline")
			struck := c.Faults().Webhooks(row.fault)
			call := g.originate("tl-1", carriersim.Person{Acts: []carriersim.Act{carriersim.Hangup{}}}, "")
			g.Ended(call)
			l.await("ChannelDestroyed", "tl-1")
			if name == "late" {
				l.await("ChannelHangupRequest", "tl-1")
			}
			// Events of variables come in between and are not in the story, but a held
			// event goes out behind them.
			if diff := cmp.Diff(row.story, l.story("tl-1")); diff != "" {
				t.Error(diff)
			}
			if struck.Count() == 0 {
				t.Error("the fault struck nothing")
			}
		})
	}
}

func TestRESTFaults(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		c.Faults().REST(carriersim.RESTFault{Status: status, When: carriersim.When{Times: 1}})
		if doc := g.must(status, http.MethodGet, "asterisk/ping", ""); doc["message"] == "" {
			t.Errorf("%v", doc)
		}
	}
	g.listen("trunkline")
	c.Faults().REST(carriersim.RESTFault{After: true, Cut: true, When: carriersim.When{Times: 1}})
	req, err := http.NewRequest(http.MethodPost, c.APIURL()+"/ari/channels/tl-1?endpoint=PJSIP/1@carrier&app=trunkline", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(c.opt.Username, c.opt.Password)
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		if err = json.NewDecoder(resp.Body).Decode(&struct{}{}); err == nil {
			t.Error("there was a reply")
		}
		resp.Body.Close()
	}
	if n := len(c.Calls()); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// TestShapes holds what the PBX says against what a real one said.
func TestShapes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/shapes.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string]any
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	_, g := begin(t, Options{})
	replaced, l := g.listen("trunkline"), g.listen("trunkline")
	replaced.await("ApplicationReplaced", "")
	call := g.RingUp(carriersim.Person{Acts: []carriersim.Act{carriersim.Press{Digits: "5"}}})
	l.await("StasisStart", call.ID())
	g.must(http.StatusOK, http.MethodPost, "applications/trunkline/subscription", "eventSource=channel:"+call.ID())
	g.answer(l, call, "ulaw")
	got := map[string]map[string]any{
		"application":         g.must(http.StatusOK, http.MethodGet, "applications/trunkline", ""),
		"ping":                g.must(http.StatusOK, http.MethodGet, "asterisk/ping", ""),
		"info":                g.must(http.StatusOK, http.MethodGet, "asterisk/info", "only=system"),
		"endpoint":            g.must(http.StatusOK, http.MethodGet, "endpoints/PJSIP/carrier", ""),
		"bridge":              g.must(http.StatusOK, http.MethodPost, "bridges", ""),
		"externalMedia":       g.must(http.StatusOK, http.MethodPost, "channels/externalMedia", "app=trunkline&transport=websocket&encapsulation=none&connection_type=server&format=ulaw"),
		"ApplicationReplaced": replaced.await("ApplicationReplaced", ""),
		"ChannelDtmfReceived": l.await("ChannelDtmfReceived", call.ID()),
	}
	g.must(http.StatusNoContent, http.MethodDelete, "channels/"+call.ID(), "")
	l.await("ChannelDestroyed", call.ID())
	g.must(http.StatusNoContent, http.MethodDelete, "bridges/tb-"+call.ID(), "")
	l.await("BridgeDestroyed", "")
	for kind := range want {
		if got[kind] == nil {
			got[kind] = l.await(kind, "")
		}
		if diff := cmp.Diff(shape(want[kind]), shape(got[kind])); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
}

// shape replaces values by their types.
func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		doc := map[string]any{}
		for name := range maps.Keys(v) {
			doc[name] = shape(v[name])
		}
		return doc
	case []any:
		return "list"
	}
	return fmt.Sprintf("%T", v)
}
