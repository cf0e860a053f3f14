package twilio

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

// field reads one field of a JSON object.
func field[T any](t testing.TB, doc, name string) (v T) {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(doc), &all); err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	if err := json.Unmarshal(all[name], &v); err != nil {
		t.Fatalf("field %s of %s: %v", name, doc, err)
	}
	return v
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	c, _ := begin(t, Options{APIKeySID: "SK0123", APIKeySecret: "secret"})
	account := "/2010-04-01/Accounts/" + c.AccountSID()
	for name, test := range map[string]struct {
		user, password, path string
		want                 int
	}{
		"token":           {c.AccountSID(), c.AuthToken(), account + ".json", 200},
		"key":             {"SK0123", "secret", account + "/Calls.json", 200},
		"key on accounts": {"SK0123", "secret", account + ".json", 401},
		"wrong token":     {c.AccountSID(), "x", account + ".json", 401},
		"no credentials":  {"", "", account + ".json", 401},
		"other account":   {c.AccountSID(), c.AuthToken(), "/2010-04-01/Accounts/AC00/Calls.json", 401},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequest(http.MethodGet, c.APIURL()+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.user != "" {
				req.SetBasicAuth(test.user, test.password)
			}
			status, body := gatewaytest.Do(t, req)
			if status != test.want {
				t.Fatalf("%d %s", status, body)
			}
			if status == 401 && (field[int](t, body, "code") != 20003 || field[int](t, body, "status") != 401 ||
				field[string](t, body, "more_info") != "https://www.twilio.com/docs/errors/20003") {
				t.Errorf("body %s", body)
			}
		})
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	for _, path := range []string{"/Calls/CA00.json", "/IncomingPhoneNumbers/PN00.json", "/Nothing.json", "/Calls/CA00"} {
		if status, body := g.rest(http.MethodGet, path, nil); status != 404 || field[int](t, body, "code") != 20404 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestCreateIsRefused(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	for name, test := range map[string]struct {
		change url.Values
		code   int
	}{
		"no to":             {url.Values{"To": {""}}, 21201},
		"bad to":            {url.Values{"To": {"0177"}}, 21211},
		"no from":           {url.Values{"From": {""}}, 21213},
		"bad from":          {url.Values{"From": {"0177"}}, 21212},
		"foreign from":      {url.Values{"From": {"+14155559999"}}, 21210},
		"no markup":         {url.Values{"Url": {""}}, 21205},
		"bad url":           {url.Values{"Url": {"/answer"}}, 21205},
		"bad event":         {url.Values{"StatusCallbackEvent": {"initiated", "busy"}}, 21626},
		"underscore":        {url.Values{"StatusCallback": {"https://my_host.example/"}}, 21609},
		"long ring":         {url.Values{"Timeout": {"601"}}, 20001},
		"bad digits":        {url.Values{"SendDigits": {"1x"}}, 20001},
		"bad detection":     {url.Values{"MachineDetection": {"true"}}, 20001},
		"long inline twiml": {url.Values{"Url": {""}, "Twiml": {strings.Repeat("x", 4001)}}, 20001},
	} {
		t.Run(name, func(t *testing.T) {
			form := url.Values{"To": {callee}, "From": {ours}, "Url": {g.URL + "/answer"}}
			for name, values := range test.change {
				form[name] = values
			}
			status, body := g.rest(http.MethodPost, "/Calls.json", form)
			if status != 400 || field[int](t, body, "code") != test.code {
				t.Errorf("%d %s, want code %d", status, body, test.code)
			}
		})
	}
	if n := len(g.carrier.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

func TestCallResource(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{PriceAfter: time.Hour})
	_, rated := begin(t, Options{PriceAfter: time.Nanosecond})
	rated.carrier.Expect(callee, carriersim.Person{Acts: []carriersim.Act{carriersim.Hangup{}}})
	rated.on("/answer", `<Pause length="60"/>`)
	c.Expect(callee, carriersim.Person{Acts: []carriersim.Act{carriersim.Hangup{}}})
	g.on("/answer", `<Pause length="60"/>`)
	status, body := g.rest(http.MethodPost, "/Calls.json", url.Values{"To": {callee}, "From": {ours}, "Url": {g.URL + "/answer"}})
	if status != 201 || field[string](t, body, "status") != "queued" || field[*string](t, body, "price") != nil ||
		field[*string](t, body, "duration") != nil || field[string](t, body, "direction") != "outbound-api" {
		t.Fatalf("%d %s", status, body)
	}
	sid := field[string](t, body, "sid")
	call := g.Ended(c.Calls()[0])
	if call.ID() != sid {
		t.Fatalf("call %s, answered was %s", call.ID(), sid)
	}
	_, body = g.rest(http.MethodGet, "/Calls/"+sid+".json", nil)
	if field[string](t, body, "status") != "completed" || field[string](t, body, "duration") != "1" || field[*string](t, body, "price") != nil {
		t.Errorf("after the end: %s", body)
	}
	_, body = rated.rest(http.MethodGet, "/Calls/"+rated.Ended(rated.dial(url.Values{})).ID()+".json", nil)
	if field[string](t, body, "price") != "-0.01400" || field[string](t, body, "price_unit") != "USD" {
		t.Errorf("rated: %s", body)
	}
	if status, _ := g.rest(http.MethodDelete, "/Calls/"+sid+".json", nil); status != 204 {
		t.Errorf("delete: %d", status)
	}
	if status, _ := g.rest(http.MethodGet, "/Calls/"+sid+".json", nil); status != 404 {
		t.Errorf("after delete: %d", status)
	}
}

func TestListCalls(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	for _, to := range []string{"+14155550171", "+14155550172", "+14155550171"} {
		c.Expect(to, carriersim.Person{Outcome: carriersim.Busy})
		g.Ended(g.dial(url.Values{"To": {to}}))
	}
	list := func(query string) (to []string) {
		t.Helper()
		status, body := g.rest(http.MethodGet, "/Calls.json?"+query, nil)
		if status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		for _, call := range field[[]map[string]any](t, body, "calls") {
			to = append(to, call["to"].(string))
		}
		return to
	}
	yesterday, tomorrow := time.Now().Add(-24*time.Hour).UTC().Format(time.DateOnly), time.Now().Add(24*time.Hour).UTC().Format(time.DateOnly)
	for query, want := range map[string]int{
		"":                                 3,
		"To=%2B14155550171":                2,
		"To=%2B14155550171&From=%2B1":      0,
		"Status=busy":                      3,
		"Status=completed":                 0,
		"StartTime%3E=" + yesterday:        3,
		"StartTime>=" + tomorrow:           0,
		"EndTime<=" + tomorrow:             3,
		"PageSize=2":                       2,
		"PageSize=2&Page=1":                1,
		"ParentCallSid=CA0000000000000000": 0,
	} {
		if got := list(query); len(got) != want {
			t.Errorf("%q lists %v, want %d", query, got, want)
		}
	}
	_, body := g.rest(http.MethodGet, "/Calls.json?PageSize=2", nil)
	next := field[string](t, body, "next_page_uri")
	_, body = g.rest(http.MethodGet, strings.TrimPrefix(next, "/2010-04-01/Accounts/"+c.AccountSID()), nil)
	if field[*string](t, body, "next_page_uri") != nil || len(field[[]any](t, body, "calls")) != 1 {
		t.Errorf("second page: %s", body)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{Numbers: []string{ours, "+14155550102", "+442079460000"}})
	find := func(pattern string) (found []string) {
		_, body := g.rest(http.MethodGet, "/IncomingPhoneNumbers.json?PhoneNumber="+url.QueryEscape(pattern), nil)
		for _, n := range field[[]map[string]any](t, body, "incoming_phone_numbers") {
			found = append(found, n["phone_number"].(string))
		}
		return found
	}
	for pattern, want := range map[string][]string{
		ours:           {ours},
		"415555":       {ours, "+14155550102"}, // a part matches: the caller must compare
		"+44*0000":     {"+442079460000"},
		"+19995550000": nil,
	} {
		if diff := cmp.Diff(want, find(pattern)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", pattern, diff)
		}
	}
	_, body := g.rest(http.MethodGet, "/IncomingPhoneNumbers.json?PhoneNumber=%2B14155550102", nil)
	sid := field[[]map[string]any](t, body, "incoming_phone_numbers")[0]["sid"].(string)
	path := "/IncomingPhoneNumbers/" + sid + ".json"
	g.rest(http.MethodPost, path, url.Values{"VoiceApplicationSid": {"AP1"}})
	_, body = g.rest(http.MethodPost, path, url.Values{"TrunkSid": {"TK1"}})
	if field[string](t, body, "voice_application_sid") != "" || field[string](t, body, "trunk_sid") != "TK1" {
		t.Errorf("application and trunk: %s", body)
	}
	if status, body := g.rest(http.MethodPost, path, url.Values{"VoiceUrl": {"nonsense"}}); status != 400 {
		t.Errorf("bad URL: %d %s", status, body)
	}
	g.rest(http.MethodPost, path, url.Values{"VoiceUrl": {g.URL + "/second"}, "VoiceMethod": {"GET"}})
	call, err := c.Ring(t.Context(), caller, "+14155550102", carriersim.Person{})
	if err != nil {
		t.Fatal(err)
	}
	if g.Ended(call); call.Status() != "failed" || len(g.Got("/second")) != 0 {
		t.Errorf("a number with a trunk used its voice URL: %s\n%s", call.Status(), call)
	}
	g.rest(http.MethodPost, path, url.Values{"TrunkSid": {""}, "VoiceApplicationSid": {""}})
	g.on("/second", "<Reject/>")
	if call, err = c.Ring(t.Context(), caller, "+14155550102", carriersim.Person{}); err != nil {
		t.Fatal(err)
	}
	g.Ended(call)
	if got := g.Await("/second", 1); got[0].Form.Get("To") != "+14155550102" {
		t.Errorf("voice request %v", got[0].Form)
	}
	_, body = g.rest(http.MethodGet, path, nil)
	if field[string](t, body, "voice_url") != g.URL+"/second" || field[string](t, body, "voice_method") != "GET" {
		t.Errorf("number: %s", body)
	}
}
