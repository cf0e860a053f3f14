package plivo

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch/switchtest"
)

func TestAuthentication(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{AuthID: "MATRUNKLINE000000001", AuthToken: "token", SubAuthID: "SATRUNKLINE000000002", SubAuthToken: "sub"})
	for name, test := range map[string]struct {
		user, password, account string
		want                    int
	}{
		"main":           {"MATRUNKLINE000000001", "token", "MATRUNKLINE000000001", 200},
		"sub":            {"SATRUNKLINE000000002", "sub", "SATRUNKLINE000000002", 200},
		"wrong token":    {"MATRUNKLINE000000001", "sub", "MATRUNKLINE000000001", 401},
		"no credentials": {"", "", "MATRUNKLINE000000001", 401},
		"other account":  {"SATRUNKLINE000000002", "sub", "MATRUNKLINE000000001", 401},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequest(http.MethodGet, c.APIURL()+"/v1/Account/"+test.account+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.user != "" {
				req.SetBasicAuth(test.user, test.password)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != test.want {
				t.Errorf("%d, want %d", resp.StatusCode, test.want)
			}
		})
	}
	status, doc := g.REST(http.MethodGet, "/", nil)
	if status != 200 || doc["auth_id"] != "MATRUNKLINE000000001" || doc["timezone"] != "Asia/Kolkata" || doc["api_id"] == nil || doc["cash_credits"] == nil {
		t.Errorf("account: %d %v", status, doc)
	}
	if status, _ := g.REST(http.MethodGet, "/Call?status=live", nil); status != 200 {
		t.Errorf("GET without a slash: %d", status)
	}
	if status, _ := g.REST(http.MethodPost, "/Call", g.Order(nil)); status != 404 {
		t.Errorf("POST without a slash: %d", status)
	}
	for _, path := range []string{"/call/", "/Nothing/", "/Call/0/", "/Number/14155550000/", "/Number/%2B" + ours + "/", "/Application/1/"} {
		if status, doc := g.REST(http.MethodGet, path, nil); status != 404 || doc["error"] != nil {
			t.Errorf("%s: %d %v", path, status, doc)
		}
	}
}

func TestDialIsRefused(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	for name, change := range map[string]switchtest.Doc{
		"no to":           {"to": nil},
		"bad to":          {"to": "0177"},
		"one bad to":      {"to": callee + "<x"},
		"no from":         {"from": nil},
		"foreign from":    {"from": "14155559999"},
		"no answer URL":   {"answer_url": nil},
		"bad answer URL":  {"answer_url": "/answer"},
		"bad method":      {"hangup_method": "PUT"},
		"long ring":       {"ring_timeout": 86401},
		"text for number": {"time_limit": "soon"},
		"bad digits":      {"send_digits": "1x"},
		"bad detection":   {"machine_detection": "maybe"},
		"short detection": {"machine_detection": "true", "machine_detection_time": 1000},
		"long name":       {"caller_name": strings.Repeat("x", 51)},
		"lost parent":     {"parent_call_uuid": "0", "error_if_parent_not_found": true},
		"nested":          {"to": switchtest.Doc{"number": callee}},
	} {
		t.Run(name, func(t *testing.T) {
			status, doc := g.REST(http.MethodPost, "/Call/", g.Order(change))
			if text, _ := doc["error"].(string); status != 400 || text == "" || doc["api_id"] == nil {
				t.Errorf("%d %v", status, doc)
			}
		})
	}
	req := g.Request(http.MethodPost, g.Account+"/Call/", g.Order(nil))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("form: %v %v", resp, err)
	}
	if n := len(c.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
	status, doc := g.REST(http.MethodPost, "/Call/", g.Order(switchtest.Doc{"colour": "red", "to": "+" + callee}))
	if status != 201 || doc["message"] != "call fired" || doc["api_id"] == nil {
		t.Errorf("%d %v", status, doc)
	}
	if !c.Calls()[0].Saw("warning unknown parameter colour") {
		t.Errorf("timeline:\n%s", c.Calls()[0])
	}
}

// TestLookAtCall follows a call through all the places where the API has it.
func TestLookAtCall(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{RecordAfter: time.Hour})
	c.Expect(callee, carriersim.Person{})
	g.On("/answer", `<Wait length="600"/>`)
	call := g.Dial(switchtest.Doc{"to": "+" + callee})
	g.Saw(call, "answered")
	path := "/Call/" + call.ID() + "/"
	status, doc := g.REST(http.MethodGet, path+"?status=live", nil)
	if status != 200 || doc["call_status"] != "in-progress" || doc["call_uuid"] != call.ID() || doc["to"] != "+"+callee || doc["direction"] != "outbound" {
		t.Errorf("live: %d %v", status, doc)
	}
	if status, _ := g.REST(http.MethodGet, path, nil); status != 404 {
		t.Errorf("record of a live call: %d", status)
	}
	if status, _ := g.REST(http.MethodGet, path+"?status=over", nil); status != 400 {
		t.Errorf("bad status: %d", status)
	}
	if _, doc := g.REST(http.MethodGet, "/Call/?status=live&call_direction=outbound&from_number="+ours, nil); !cmp.Equal(doc["calls"], []any{call.ID()}) {
		t.Errorf("live calls: %v", doc)
	}
	if _, doc := g.REST(http.MethodGet, "/Call/?status=live&call_direction=inbound", nil); !cmp.Equal(doc["calls"], []any{}) {
		t.Errorf("live inbound calls: %v", doc)
	}
	g.REST(http.MethodDelete, path, nil)
	g.Ended(call)
	for _, query := range []string{"", "?status=live", "?status=queued"} {
		if status, _ := g.REST(http.MethodGet, path+query, nil); status != 404 {
			t.Errorf("before the record is written%s: %d", query, status)
		}
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{RecordAfter: time.Nanosecond})
	c.Expect(callee, carriersim.Person{Acts: []carriersim.Act{carriersim.Hangup{}}})
	c.Expect("14155550178", carriersim.Person{Outcome: carriersim.Busy})
	g.On("/answer", `<Speak>a</Speak>`)
	answered, busy := g.Ended(g.Dial(nil)), g.Ended(g.Dial(switchtest.Doc{"to": "14155550178"}))
	status, doc := g.REST(http.MethodGet, "/Call/"+answered.ID()+"/", nil)
	for name, want := range map[string]any{
		"bill_duration": doc["call_duration"], "billed_duration": 60.0, "call_direction": "outbound", "from_number": ours, "to_number": callee,
		"hangup_cause_code": 4000.0, "hangup_cause_name": "Normal Hangup", "hangup_source": "Callee", "total_amount": "0.01000", "total_rate": "0.01000",
		"parent_call_uuid": nil,
	} {
		if status != 200 || !cmp.Equal(doc[name], want) {
			t.Errorf("%d, %s = %v, want %v", status, name, doc[name], want)
		}
	}
	for _, name := range []string{"duration", "call_status", "direction", "currency"} {
		if _, has := doc[name]; has {
			t.Errorf("there is a %s", name)
		}
	}
	if _, err := time.Parse("2006-01-02 15:04:05-07:00", doc["end_time"].(string)); err != nil {
		t.Error(err)
	}
	if _, doc = g.REST(http.MethodGet, "/Call/"+busy.ID()+"/", nil); doc["answer_time"] != nil || doc["total_amount"] != "0.00000" {
		t.Errorf("busy: %v", doc)
	}
	yesterday, tomorrow := stamp(-24*time.Hour), stamp(24*time.Hour)
	for query, want := range map[string]int{
		"": 2, "to_number=" + callee: 1, "call_direction=inbound": 0, "hangup_cause_code=3010": 1, "hangup_source=Callee": 2,
		"end_time__gte=" + yesterday: 2, "end_time__gt=" + tomorrow: 0, "end_time__lt=" + tomorrow: 2, "bill_duration__gt=0": 1,
		"bill_duration=0": 1, "limit=1": 1, "limit=1&offset=2": 0, "parent_call_uuid=" + busy.ID(): 0,
	} {
		_, doc := g.REST(http.MethodGet, "/Call/?"+query, nil)
		list, _ := doc["objects"].([]any)
		if len(list) != want {
			t.Errorf("%q lists %d, want %d", query, len(list), want)
		}
	}
	_, doc = g.REST(http.MethodGet, "/Call/?limit=1", nil)
	if meta, _ := doc["meta"].(map[string]any); meta["total_count"] != 2.0 || meta["next"] == nil || meta["previous"] != nil {
		t.Errorf("meta %v", meta)
	}
	for _, query := range []string{"limit=21", "offset=-1", "end_time=soon", "bill_duration=long"} {
		if status, _ := g.REST(http.MethodGet, "/Call/?"+query, nil); status != 400 {
			t.Errorf("%s: %d", query, status)
		}
	}
}

func stamp(in time.Duration) string {
	return url.QueryEscape(time.Now().Add(in).UTC().Format("2006-01-02 15:04"))
}

func TestTransferIsRefused(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Outcome: carriersim.NoAnswer})
	call := g.Dial(nil)
	g.Saw(call, "ringing")
	path := "/Call/" + call.ID() + "/"
	for name, test := range map[string]struct {
		order switchtest.Doc
		want  int
	}{
		"ringing": {switchtest.Doc{"aleg_url": g.URL + "/x"}, 404},
		"no URL":  {switchtest.Doc{"legs": "aleg"}, 400},
		"bad URL": {switchtest.Doc{"aleg_url": "x"}, 400},
		"no leg":  {switchtest.Doc{"legs": "cleg", "aleg_url": g.URL + "/x"}, 400},
		"b leg":   {switchtest.Doc{"legs": "bleg", "bleg_url": g.URL + "/x"}, 400},
	} {
		if status, doc := g.REST(http.MethodPost, path, test.order); status != test.want {
			t.Errorf("%s: %d %v", name, status, doc)
		}
	}
}

// TestNumbersAndApplications sets a number up as a gateway does.
func TestNumbersAndApplications(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{Numbers: []string{"+14155550101", "+14155550102", "+442079460000"}})
	if diff := cmp.Diff([]string{"14155550101", "14155550102", "442079460000"}, c.Numbers()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"+14155550101", "+14155550102", "+442079460000"}, c.Config()["from_numbers"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	status, doc := g.REST(http.MethodPost, "/Application/", switchtest.Doc{"app_name": "not this name", "answer_url": g.URL + "/second"})
	if status != 400 {
		t.Errorf("bad name: %d %v", status, doc)
	}
	status, doc = g.REST(http.MethodPost, "/Application/", switchtest.Doc{"app_name": "trunkline", "answer_url": g.URL + "/second", "answer_method": "GET"})
	app, _ := doc["app_id"].(string)
	if status != 201 || doc["message"] != "created" || len(app) != 17 {
		t.Fatalf("create: %d %v", status, doc)
	}
	if status, doc := g.REST(http.MethodPost, "/Application/"+app+"/", switchtest.Doc{"hangup_url": g.URL + "/second-hangup", "app_id": "9"}); status != 202 || doc["message"] != "changed" {
		t.Errorf("change: %d %v", status, doc)
	}
	_, doc = g.REST(http.MethodGet, "/Application/"+app+"/", nil)
	if doc["answer_url"] != g.URL+"/second" || doc["hangup_url"] != g.URL+"/second-hangup" || doc["answer_method"] != "GET" || doc["enabled"] != true ||
		doc["sip_uri"] != "sip:"+app+"@app.plivo.com" || doc["app_id"] != app {
		t.Errorf("application %v", doc)
	}
	if status, doc := g.REST(http.MethodPost, "/Number/14155550102/", switchtest.Doc{"app_id": app}); status != 202 || doc["message"] != "changed" {
		t.Errorf("attach: %d %v", status, doc)
	}
	if status, _ := g.REST(http.MethodPost, "/Number/14155550102/", switchtest.Doc{"app_id": "1"}); status != 400 {
		t.Errorf("attach to nothing: %d", status)
	}
	_, doc = g.REST(http.MethodGet, "/Number/14155550102/", nil)
	if doc["number"] != "14155550102" || doc["application"] != g.Account+"/Application/"+app+"/" || doc["voice_enabled"] != true {
		t.Errorf("number %v", doc)
	}
	g.On("/second", "<Hangup/>")
	call, err := c.Ring(t.Context(), caller, "14155550102", carriersim.Person{})
	if err != nil {
		t.Fatal(err)
	}
	g.Ended(call)
	switchtest.Want(t, g.Await("/second", 1)[0].Form, map[string]string{"To": "14155550102"})
	g.Await("/second-hangup", 1)
	for query, want := range map[string]int{"": 3, "number_startswith=1415": 2, "limit=2": 2, "limit=2&offset=2": 1} {
		_, doc := g.REST(http.MethodGet, "/Number/?"+query, nil)
		if list, _ := doc["objects"].([]any); len(list) != want {
			t.Errorf("%q lists %d, want %d", query, len(list), want)
		}
	}
	if _, doc := g.REST(http.MethodGet, "/Application/", nil); len(doc["objects"].([]any)) != 2 {
		t.Errorf("applications %v", doc)
	}
	if status, _ := g.REST(http.MethodDelete, "/Application/"+app+"/", nil); status != 204 {
		t.Errorf("delete: %d", status)
	}
	if _, doc = g.REST(http.MethodGet, "/Number/14155550102/", nil); doc["application"] != nil {
		t.Errorf("number of a deleted application %v", doc)
	}
	g.REST(http.MethodPost, "/Number/14155550101/", switchtest.Doc{"app_id": nil})
	if _, doc = g.REST(http.MethodGet, "/Number/14155550101/", nil); doc["application"] != nil {
		t.Errorf("detached number %v", doc)
	}
}
