package telnyx

import (
	"net/http"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

func TestNumbers(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{Numbers: []string{ours, "+12025550143", "+442079460000"}})
	for query, want := range map[string]float64{
		"?filter[phone_number]=12025550142":              1,
		"?filter[phone_number]=202555":                   2, // a part matches: the caller must compare
		"?filter[phone_number]=%2B12025550142":           0,
		"?filter[phone_number]=20":                       0,
		"?page[size]=1&page[number]=2":                   3,
		"?filter[connection_id]=" + c.opt.ConnectionID:   3,
		"?filter[connection_id]=none":                    0,
		"?filter[country_iso_alpha2]=GB&filter[status]=": 0,
		"?filter[country_iso_alpha2]=GB":                 1,
	} {
		status, doc := g.rest(http.MethodGet, "/v2/phone_numbers"+query, "")
		if status != 200 || doc["meta"].(map[string]any)["total_results"] != want {
			t.Errorf("%s: %d %v", query, status, doc)
		}
	}
	if status, doc := g.rest(http.MethodGet, "/v2/phone_numbers?page[size]=251", ""); status != 422 {
		t.Errorf("long page: %d %v", status, doc)
	}
	_, doc := g.rest(http.MethodGet, "/v2/phone_numbers?filter[phone_number]=12025550143", "")
	path := "/v2/phone_numbers/" + doc["data"].([]any)[0].(map[string]any)["id"].(string)
	for _, test := range []struct {
		body   string
		status int
		want   any
	}{
		{`{"connection_id":""}`, 200, ""},
		{`{"connection_id":"none"}`, 422, ""},
		{`{"connection_id":"` + c.opt.ConnectionID + `"}`, 200, c.opt.ConnectionID},
	} {
		status, reply := g.rest(http.MethodPatch, path, test.body)
		_, doc := g.rest(http.MethodGet, path, "")
		if got := doc["data"].(map[string]any)["connection_id"]; status != test.status || got != test.want {
			t.Errorf("%s: %d %v, connection %v", test.body, status, reply, got)
		}
	}
	if status, _ := g.rest(http.MethodPatch, "/v2/phone_numbers/1", `{}`); status != 404 {
		t.Errorf("unknown number: %d", status)
	}
}

func TestApplications(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	status, doc := g.rest(http.MethodPost, "/v2/call_control_applications", `{"application_name":"mine","webhook_event_url":"%s/hook"}`)
	made := doc["data"].(map[string]any)
	if status != 200 || made["webhook_api_version"] != "1" || made["active"] != true || made["record_type"] != "call_control_application" {
		t.Fatalf("%d %v", status, doc)
	}
	path := "/v2/call_control_applications/" + made["id"].(string)
	for name, body := range map[string]string{
		"without name": `{"webhook_event_url":"%s/other"}`,
		"without URL":  `{"application_name":"mine"}`,
		"version":      `{"application_name":"mine","webhook_event_url":"%s/other","webhook_api_version":"3"}`,
		"slow":         `{"application_name":"mine","webhook_event_url":"%s/other","webhook_timeout_secs":31}`,
		"site":         `{"application_name":"mine","webhook_event_url":"%s/other","anchorsite_override":"Moon"}`,
	} {
		if status, doc := g.rest(http.MethodPatch, path, body); status != 422 {
			t.Errorf("%s: %d %v", name, status, doc)
		}
	}
	g.rest(http.MethodPatch, path, `{"application_name":"mine","webhook_event_url":"%s/other","webhook_api_version":"2","outbound":{"outbound_voice_profile_id":"`+c.opt.ProfileID+`"}}`)
	_, doc = g.rest(http.MethodGet, path, "")
	got := doc["data"].(map[string]any)
	if got["webhook_event_url"] != g.URL+"/other" || got["webhook_api_version"] != "2" || got["outbound"].(map[string]any)["outbound_voice_profile_id"] != c.opt.ProfileID {
		t.Errorf("after the patch: %v", got)
	}
	_, list := g.rest(http.MethodGet, "/v2/call_control_applications?filter[application_name][contains]=mi", "")
	if n := list["meta"].(map[string]any)["total_results"]; n != 1.0 {
		t.Errorf("list: %v", list)
	}
	if status, _ := g.rest(http.MethodDelete, path, ""); status != 200 {
		t.Errorf("delete: %d", status)
	}
	for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodDelete} {
		if status, doc := g.rest(method, path, `{}`); status != 404 || code(doc) != "10005" {
			t.Errorf("%s of nothing: %d %v", method, status, doc)
		}
	}
}

// TestVersionOne is what an application says that nobody has switched.
func TestVersionOne(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.mu.Lock()
	c.apps[0].APIVersion = "1"
	c.mu.Unlock()
	seen := make(chan *http.Request, 8)
	g.Handle("/hook", func(_ http.ResponseWriter, r *http.Request) { seen <- r })
	g.RingUp(carriersim.Person{})
	r := <-seen
	if r.Header.Get("X-Telnyx-Signature") == "" || r.Header.Get("Telnyx-Signature-Ed25519") != "" {
		t.Errorf("headers %v", r.Header)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	c, _ := begin(t, Options{})
	config := c.Config()
	for _, field := range []string{"api_key", "connection_id", "webhook_public_key", "outbound_voice_profile_id", "from_numbers"} {
		if config[field] == "" || config[field] == nil {
			t.Errorf("no %s", field)
		}
	}
	if c.Name() != "telnyx" || len(config) != 5 {
		t.Errorf("%s: %v", c.Name(), config)
	}
	if _, err := c.Ring(t.Context(), caller, "+12025559999", carriersim.Person{}); err == nil {
		t.Error("a number of another account rings")
	}
}
