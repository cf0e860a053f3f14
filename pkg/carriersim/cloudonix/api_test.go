package cloudonix

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

const here = "/customers/self/domains/%d"

func TestAuth(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	for _, test := range []struct {
		token, path string
		want        int
	}{
		{c.opt.BearerToken, here, 200},
		{c.opt.BearerToken, "/domains/%d", 200},
		{c.opt.BearerToken, "/domains/" + strconv.Itoa(c.domain.ID), 200},
		{c.opt.BearerToken + "x", here, 401},
		{"", here, 401},
		{c.opt.BearerToken, "/customers/other/domains/%d", 403},
		{c.opt.BearerToken, "/domains/other.cloudonix.net", 404},
		{c.opt.BearerToken, "/nothing", 404},
	} {
		if status, body := g.restAs(test.token, http.MethodGet, test.path, nil); status != test.want {
			t.Errorf("%s: %d %s, want %d", test.path, status, body, test.want)
		}
	}
}

func TestTenRequestsInTenSeconds(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{Requests: 10})
	for i := range 11 {
		status, _ := g.rest(http.MethodGet, here, nil)
		if want := map[bool]int{true: 200, false: 429}[i < 10]; status != want {
			t.Errorf("request %d: %d, want %d", i+1, status, want)
		}
	}
}

func TestPlacementIsChecked(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	good := doc{"destination": callee, "caller-id": ours, "url": g.URL + "/answer"}
	for name, test := range map[string]struct {
		change doc
		want   int
	}{
		"no destination":  {doc{"destination": nil}, 400},
		"odd destination": {doc{"destination": "+1-415"}, 400},
		"no caller id":    {doc{"caller-id": nil}, 400},
		"nothing to do":   {doc{"url": nil}, 400},
		"two to do":       {doc{"cxml": "<Response/>"}, 400},
		"no application":  {doc{"url": nil, "application": "none"}, 404},
		"no trunk":        {doc{"trunk": "none"}, 404},
		"callback":        {doc{"callback": "there"}, 400},
		"keys":            {doc{"send-digits": "x"}, 400},
		"detection":       {doc{"machineDetection": "yes"}, 400},
		"profile":         {doc{"profile": "text"}, 400},
		"timeout":         {doc{"timeout": -1}, 400},
		"wrong type":      {doc{"timeout": "30"}, 400},
	} {
		body := doc{}
		for _, from := range []doc{good, test.change} {
			for key, value := range from {
				body[key] = value
				if value == nil {
					delete(body, key)
				}
			}
		}
		if status, reply := g.rest(http.MethodPost, place, body); status != test.want {
			t.Errorf("%s: %d %s, want %d", name, status, reply, test.want)
		}
	}
	call := g.Ended(g.dial(doc{"workflow_id": 7}))
	if !call.Saw("warning unknown or unsupported field workflow_id") {
		t.Errorf("timeline:\n%s", call)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	call := g.Ended(g.dial(doc{"cxml": "<Response/>", "profile": doc{"our-id": "01J"}}))
	status, body := g.rest(http.MethodGet, sessions+"/"+call.ID(), nil)
	if status != http.StatusOK || member[string](t, body, "status") != "connected" || member[int64](t, body, "callEndTime") < member[int64](t, body, "callAnswerTime") {
		t.Errorf("%d %s", status, body)
	}
	var list []doc
	status, body = g.rest(http.MethodGet, sessions, nil)
	if err := json.Unmarshal([]byte(body), &list); err != nil || status != http.StatusOK || len(list) != 1 || list[0]["profile"].(map[string]any)["our-id"] != "01J" {
		t.Errorf("%d %s", status, body)
	}
	for _, id := range []string{"call-101", "none", strconv.Itoa(int(list[0]["id"].(float64)))} {
		if status, _ := g.rest(http.MethodGet, sessions+"/"+id, nil); status != http.StatusNotFound {
			t.Errorf("%s: %d, want 404: only the token names a session", id, status)
		}
	}
	if status, body := g.rest(http.MethodPut, sessions+"/"+call.ID(), doc{"profile": doc{"a": 1}}); status != http.StatusOK || !strings.Contains(body, `"profile":{"a":1}`) {
		t.Errorf("%d %s", status, body)
	}
	limit := "/calls/%d/sessions/" + call.ID()
	if status, body := g.rest(http.MethodPatch, limit, doc{"timeLimit": 7}); status != http.StatusOK || member[int](t, body, "timeLimit") != 7 {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := g.rest(http.MethodPatch, limit, doc{"timeLimit": 0}); status != http.StatusBadRequest {
		t.Errorf("limit of nothing: %d", status)
	}
}

func TestApplications(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	apps := here + "/applications"
	for name, body := range map[string]doc{
		"no name": {"type": "cxml", "url": "https://a.example"}, "no url": {"name": "a", "type": "cxml"},
		"type": {"name": "a", "type": "x", "url": "https://a.example"}, "method": {"name": "a", "type": "cxml", "url": "https://a.example", "method": "PUT"},
	} {
		if status, reply := g.rest(http.MethodPost, apps, body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, status, reply)
		}
	}
	status, body := g.rest(http.MethodPost, apps, doc{"name": "a", "type": "cxml", "url": "https://a.example"})
	if status != http.StatusOK || member[string](t, body, "method") != "GET" || member[string](t, body, "uuid") == "" {
		t.Fatalf("%d %s", status, body)
	}
	id := strconv.Itoa(member[int](t, body, "id"))
	if status, _ := g.rest(http.MethodPost, apps, doc{"name": "a", "type": "cxml", "url": "https://a.example"}); status != http.StatusConflict {
		t.Errorf("again: %d", status)
	}
	if status, body := g.rest(http.MethodPatch, apps+"/"+id, doc{"method": "POST"}); status != http.StatusOK || member[string](t, body, "url") != "https://a.example" {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := g.rest(http.MethodPut, apps+"/a", doc{"url": "https://b.example", "method": "POST"}); status != http.StatusBadRequest {
		t.Errorf("PUT of a part: %d", status)
	}
	if status, body := g.rest(http.MethodPut, apps+"/a", doc{"type": "twiml", "url": "https://b.example", "method": "POST"}); status != http.StatusOK || member[string](t, body, "type") != "twiml" {
		t.Errorf("%d %s", status, body)
	}
	if status, body := g.rest(http.MethodGet, apps, nil); status != http.StatusOK || !strings.Contains(body, "https://b.example") || strings.Contains(body, `"key"`) {
		t.Errorf("%d %s", status, body)
	}
	for _, want := range []int{204, 404} {
		if status, _ := g.rest(http.MethodDelete, apps+"/"+id, nil); status != want {
			t.Errorf("DELETE: %d, want %d", status, want)
		}
	}
}

func TestDNIDs(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.mu.Lock()
	c.dnids = nil
	app := c.apps[0].ID
	c.mu.Unlock()
	dnids := here + "/dnids"
	if status, _ := g.rest(http.MethodGet, dnids, nil); status != http.StatusNotFound {
		t.Errorf("none: %d, want 404", status)
	}
	for name, body := range map[string]doc{
		"both":        {"applicationId": app, "dnid": "1", "source": "1"},
		"neither":     {"applicationId": app},
		"two ways":    {"applicationId": app, "source": "1", "prefix": true, "expression": true},
		"application": {"applicationId": 1, "source": "1"},
		"no app":      {"source": "1"},
	} {
		if status, reply := g.rest(http.MethodPost, dnids, body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, status, reply)
		}
	}
	for _, body := range []doc{
		{"applicationId": app, "source": ours, "prefix": false, "expression": false, "asteriskCompatible": false},
		{"applicationId": app, "source": "+1415", "prefix": true},
	} {
		if status, reply := g.rest(http.MethodPost, dnids, body); status != http.StatusNoContent || reply != "" {
			t.Errorf("%d %s", status, reply)
		}
	}
	var list []dnid
	_, body := g.rest(http.MethodGet, dnids, nil)
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list) != 2 || list[0].DNID != `^(\+14155550101)$` || list[0].Source != ours || list[1].DNID != `^(\+1415.*)$` {
		t.Fatalf("%v %s", err, body)
	}
	if !list[1].leads(ours) || list[0].leads(callee) || !list[0].leads(ours) {
		t.Error("DNIDs lead to the wrong numbers")
	}
	at := dnids + "/" + strconv.Itoa(list[0].ID)
	if status, _ := g.rest(http.MethodGet, dnids+"/"+ours, nil); status != http.StatusNotFound {
		t.Errorf("by number: %d", status)
	}
	if status, body := g.rest(http.MethodPut, at, doc{"applicationId": app, "source": "1001"}); status != http.StatusOK || member[string](t, body, "source") != "1001" {
		t.Errorf("%d %s", status, body)
	}
	if status, body := g.rest(http.MethodGet, at, nil); status != http.StatusOK || member[string](t, body, "dnid") != "^(1001)$" {
		t.Errorf("%d %s", status, body)
	}
	for _, want := range []int{204, 404} {
		if status, _ := g.rest(http.MethodDelete, at, nil); status != want {
			t.Errorf("DELETE: %d, want %d", status, want)
		}
	}
}

func TestDomain(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	status, body := g.rest(http.MethodGet, here, nil)
	if status != http.StatusOK || member[string](t, body, "uuid") != c.domain.UUID || member[map[string]any](t, body, "profile")["cdr-endpoint"] != g.URL+"/record" {
		t.Errorf("%d %s", status, body)
	}
	// A profile that is written takes the place of the old one.
	if status, body := g.rest(http.MethodPatch, here, doc{"profile": doc{"call-timeout": 45}}); status != http.StatusOK || len(member[map[string]any](t, body, "profile")) != 1 {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := g.rest(http.MethodPut, here, doc{"defaultApplication": c.apps[0].ID}); status != http.StatusOK {
		t.Errorf("%d", status)
	}
	if status, _ := g.rest(http.MethodPut, here, doc{"defaultApplication": 1}); status != http.StatusNotFound {
		t.Errorf("no such application: %d", status)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.route("+49301234") != c.apps[0] {
		t.Error("the default application is asked about no other number")
	}
}

func TestNoPatch(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{NoPatch: true})
	if status, _ := g.rest(http.MethodPatch, here, doc{"profile": doc{}}); status != http.StatusMethodNotAllowed {
		t.Errorf("%d", status)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	c, _ := begin(t, Options{Domain: "other", WebhookKey: "a-key-of-16-and-more"})
	config := c.Config()
	if config["domain_id"] != "other.cloudonix.net" || len(config["bearer_token"].(string)) != 34 || config["webhook_api_key"] != "a-key-of-16-and-more" {
		t.Errorf("%v", config)
	}
	if err := c.SetInbound("+14155550000", "", ""); err == nil {
		t.Error("set a number of somebody else")
	}
}
