package vobiz

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch/switchtest"
)

func TestAuthentication(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{AuthID: "MA_TRNK0001", AuthToken: "token"})
	if status, doc := g.REST(http.MethodGet, "/api/v1/auth/me", nil); status != 200 || doc["auth_id"] != "MA_TRNK0001" {
		t.Errorf("me: %d %v", status, doc)
	}
	// A wrong path is answered as if the credentials were wrong.
	for path, want := range map[string]int{
		"/Call?status=live": 200, "/Call/?status=queued": 200, "/Call/?status=live": 401, "/Call?status=queued": 401, "/call/": 401,
		"/Call/0?status=live": 401, "/Call/0/?status=live": 404, "/numbers": 200, "/numbers/": 401, "/Numbers": 401, "/cdr": 200,
		"/Application": 401, "/Application/": 200, "/api/v1/Account/MA_OTHER001/numbers": 401,
	} {
		if status, doc := g.REST(http.MethodGet, path, nil); status != want || status != 200 && doc["error"] == nil {
			t.Errorf("%s: %d %v, want %d", path, status, doc, want)
		}
	}
	req := g.Request(http.MethodGet, "/api/v1/auth/me", nil)
	req.Header.Set("X-Auth-Token", "other")
	req.SetBasicAuth("MA_TRNK0001", "token")
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("wrong token: %v %v", resp, err)
	}
}

func TestDial(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	if status, doc := g.REST(http.MethodPost, "/Call/", g.Order(switchtest.Doc{"answer_method": nil})); status != 400 || doc["error"] == nil || doc["message"] == nil {
		t.Errorf("without answer_method: %d %v", status, doc)
	}
	if status, doc := g.REST(http.MethodPost, "/Call/", g.Order(nil)); status != 200 || doc["message"] != "Call fired" || doc["request_uuid"] != c.Calls()[0].ID() {
		t.Errorf("%d %v", status, doc)
	}
}

// TestMaxCalls refuses what is above, and says for how long.
func TestMaxCalls(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{MaxCalls: 1})
	c.Expect(callee, carriersim.Person{Outcome: carriersim.NoAnswer})
	call := g.Dial(nil)
	resp, err := http.DefaultClient.Do(g.Request(http.MethodPost, g.Account+"/Call/", g.Order(nil)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	status, doc := g.REST(http.MethodPost, "/Call/", g.Order(nil))
	details, _ := doc["details"].(map[string]any)
	want := map[string]any{"limitType": "concurrency", "limit": 1.0, "current": 1.0, "retryAfter": 1.0}
	if diff := cmp.Diff(want, details); diff != "" || status != 429 || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("%d %v %v (-want +got):\n%s", status, doc, resp.Header, diff)
	}
	if n := len(c.Calls()); n != 1 {
		t.Errorf("%d calls", n)
	}
	if _, doc := g.REST(http.MethodGet, "/concurrency", nil); doc["concurrent_calls"] != 1.0 || doc["max_concurrent"] != 1.0 || doc["utilization_pct"] != 100.0 {
		t.Errorf("concurrency %v", doc)
	}
	g.REST(http.MethodDelete, "/Call/"+call.ID()+"/", nil)
	g.Ended(call)
	if status, doc := g.REST(http.MethodPost, "/Call/", g.Order(nil)); status != 200 {
		t.Errorf("afterwards: %d %v", status, doc)
	}
}

func TestCallsPerSecond(t *testing.T) {
	t.Parallel()
	c, _ := begin(t, Options{CallsPerSecond: 2})
	now := time.Now()
	var refused []bool
	for _, after := range []time.Duration{0, 100, 200, 999, 1000, 1050, 1100} {
		refused = append(refused, c.admit(now.Add(after*time.Millisecond)) != nil)
	}
	if diff := cmp.Diff([]bool{false, false, true, true, false, true, false}, refused); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{RecordAfter: time.Nanosecond})
	c.Expect(callee, carriersim.Person{Ring: 50 * time.Millisecond, Acts: []carriersim.Act{carriersim.Hangup{}}})
	g.On("/answer", `<Speak>a</Speak>`)
	call := g.Ended(g.Dial(nil))
	status, doc := g.REST(http.MethodGet, "/cdr/"+call.ID(), nil)
	data, _ := doc["data"].(map[string]any)
	for name, want := range map[string]any{
		"uuid": call.ID(), "call_direction": "outbound", "caller_id_number": ours, "destination_number": callee,
		"total_cost": 0.65, "currency": "INR", "hangup_cause": "NORMAL_CLEARING", "hangup_cause_code": 4000.0, "hangup_source": "Callee",
	} {
		if status != 200 || doc["success"] != true || !cmp.Equal(data[name], want) {
			t.Errorf("%d, %s = %v, want %v", status, name, data[name], want)
		}
	}
	ring, _ := data["ring_time"].(float64)
	if talk, _ := data["billsec"].(float64); ring < 1 || talk < 1 || data["duration"] != ring+talk {
		t.Errorf("record %v", data)
	}
	if at, err := time.Parse(time.RFC3339, data["end_time"].(string)); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("end_time %v, %v", data["end_time"], err)
	}
	if status, doc := g.REST(http.MethodGet, "/cdr/0", nil); status != 404 || doc["status"] != "error" || doc["requestId"] == nil {
		t.Errorf("no such record: %d %v", status, doc)
	}
	if status, doc := g.REST(http.MethodGet, "/Call/"+call.ID()+"/", nil); status != 200 || doc["total_amount"] != "0.65" || doc["call_duration"] != data["duration"] {
		t.Errorf("finalised call: %d %v", status, doc)
	}
	today := time.Now().UTC().Format(time.DateOnly)
	for query, want := range map[string]int{
		"": 1, "page=2": 0, "start_date=" + today + "&end_date=" + today: 1, "start_date=2020-01-01&end_date=2020-01-02": 0,
	} {
		_, doc := g.REST(http.MethodGet, "/cdr?"+query, nil)
		if list, _ := doc["data"].([]any); len(list) != want {
			t.Errorf("%q lists %d, want %d", query, len(list), want)
		}
	}
	for _, query := range []string{"start_date=" + today, "per_page=101", "page=x"} {
		if status, _ := g.REST(http.MethodGet, "/cdr?"+query, nil); status != 400 {
			t.Errorf("%s: %d", query, status)
		}
	}
}

// TestNumbersAndApplications sets a number up as a gateway does.
func TestNumbersAndApplications(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{Numbers: []string{"+912200000101", "+912200000102", "+14155550101"}})
	if diff := cmp.Diff([]string{"+912200000101", "+912200000102", "+14155550101"}, c.Numbers()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	status, doc := g.REST(http.MethodPost, "/Application/", switchtest.Doc{"app_name": "trunkline", "answer_url": g.URL + "/second", "hangup_url": g.URL + "/second"})
	app, _ := doc["app_id"].(string)
	if status != 201 || app == "" {
		t.Fatalf("create: %d %v", status, doc)
	}
	if _, doc := g.REST(http.MethodGet, "/Application/"+app+"/", nil); doc["sip_uri"] != "sip:"+app+"@app.vobiz.ai" {
		t.Errorf("application %v", doc)
	}
	for path, want := range map[string]int{
		"/numbers/%2B912200000102/application": 200, "/numbers/%2B912200000102/application/": 401,
		"/numbers/+912200000102/application": 404, "/numbers/912200000102/application": 404, "/numbers/%2B912200000199/application": 404,
	} {
		if status, doc := g.REST(http.MethodPost, path, switchtest.Doc{"application_id": app}); status != want {
			t.Errorf("%s: %d %v", path, status, doc)
		}
	}
	for _, body := range []switchtest.Doc{{"application_id": "1"}, {}} {
		if status, _ := g.REST(http.MethodPost, "/numbers/%2B912200000102/application", body); status != 400 {
			t.Errorf("attach to %v: %d", body, status)
		}
	}
	_, doc = g.REST(http.MethodGet, "/numbers?search=2200000102", nil)
	if items, _ := doc["items"].([]any); len(items) != 1 || doc["total"] != 1.0 {
		t.Errorf("search: %v", doc)
	} else if n, _ := items[0].(map[string]any); n["e164"] != "+912200000102" || n["application_id"] != app || n["status"] != "active" || n["is_blocked"] != false {
		t.Errorf("number %v", n)
	}
	g.On("/second", "<Hangup/>")
	call, err := c.Ring(t.Context(), caller, "+912200000102", carriersim.Person{})
	if err != nil {
		t.Fatal(err)
	}
	g.Ended(call)
	if got := strings.Join(g.Events("/second", 2), " "); got != "StartApp Hangup" {
		t.Errorf("events %s", got)
	}
	if status, _ := g.REST(http.MethodDelete, "/Application/"+app+"/", nil); status != 409 {
		t.Errorf("delete with a number: %d", status)
	}
	if status, _ := g.REST(http.MethodDelete, "/numbers/%2B912200000102/application", nil); status != 200 {
		t.Errorf("detach: %d", status)
	}
	if status, _ := g.REST(http.MethodDelete, "/Application/"+app+"/", nil); status != 204 {
		t.Errorf("delete: %d", status)
	}
	if _, doc := g.REST(http.MethodGet, "/numbers?page=2&per_page=2", nil); len(doc["items"].([]any)) != 1 || doc["total"] != 3.0 {
		t.Errorf("second page: %v", doc)
	}
}
