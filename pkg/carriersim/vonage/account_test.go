package vonage

import (
	"net/http"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

func TestToken(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	now := time.Now().Unix()
	for name, test := range map[string]struct {
		change map[string]any
		want   int
	}{
		"good":          {nil, 200},
		"with end":      {map[string]any{"exp": now + 60}, 200},
		"fraction":      {map[string]any{"iat": float64(now) + 0.25}, 200},
		"expired":       {map[string]any{"iat": now - 600, "exp": now - 300}, 401},
		"old":           {map[string]any{"iat": now - 901}, 401},
		"early":         {map[string]any{"iat": now + 120}, 401},
		"not yet":       {map[string]any{"nbf": now + 120}, 401},
		"no iat":        {map[string]any{"iat": 0}, 401},
		"no jti":        {map[string]any{"jti": ""}, 401},
		"other account": {map[string]any{"application_id": "78d335fa-0000-0000-0000-000000000000"}, 401},
	} {
		claims := with(g.claims(), test.change)
		if status, doc := g.do(g.request(http.MethodGet, c.APIURL()+"/v1/calls", "", "Bearer "+g.token(claims))); status != test.want {
			t.Errorf("%s: %d %v", name, status, doc)
		}
	}
	good := g.token(g.claims())
	hmac := sign(c.SignatureSecret(), hookClaims{IssuedAt: now, ID: "1", ApplicationID: c.opt.ApplicationID})
	for name, header := range map[string]string{
		"none": "", "basic": "Basic eDp5", "garbage": "Bearer a.b.c", "two parts": "Bearer a.b",
		"HS256": "Bearer " + hmac, "other signature": "Bearer " + good[:len(good)-8] + "AAAAAAAA",
	} {
		if status, doc := g.do(g.request(http.MethodGet, c.APIURL()+"/v1/calls", "", header)); status != 401 || doc["title"] != "Unauthorized" {
			t.Errorf("%s: %d %v", name, status, doc)
		}
	}
}

func TestApplication(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	path := "/v2/applications/" + c.opt.ApplicationID
	status, app := g.account(http.MethodGet, path, "")
	if status != 200 || app["id"] != c.opt.ApplicationID || app["keys"] == nil {
		t.Fatalf("%d %v", status, app)
	}
	if status, doc := g.account(http.MethodPut, path, `{"name":"mine","capabilities":{"voice":{"webhooks":{"answer_url":{"address":"%s/other","http_method":"POST"}}},"messages":{"x":1}}}`); status != 200 {
		t.Fatalf("%d %v", status, doc)
	}
	_, app = g.account(http.MethodGet, path, "")
	if app["name"] != "mine" || app["keys"] != nil || app["capabilities"].(map[string]any)["messages"] == nil {
		t.Errorf("PUT does not replace: %v", app)
	}
	if status, _ := g.voice(http.MethodGet, "", ""); status != 401 {
		t.Errorf("without its key the application may still call: %d", status)
	}
	g.On("/other", `[]`)
	call := g.Ended(g.RingUp(carriersim.Person{}))
	g.await("/other", "uuid", call.ID())
	if len(g.Got("/event")) > 0 {
		t.Error("the old event_url still counts")
	}
	_, list := g.account(http.MethodGet, "/v2/applications", "")
	if list["total_items"] != 1.0 {
		t.Errorf("list %v", list)
	}
	status, made := g.account(http.MethodPost, "/v2/applications", `{"name":"second"}`)
	if status != 201 || made["id"] == "" {
		t.Errorf("create: %d %v", status, made)
	}
	if status, _ := g.account(http.MethodDelete, "/v2/applications/"+made["id"].(string), ""); status != 204 {
		t.Errorf("delete: %d", status)
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		if status, _ := g.account(method, "/v2/applications/"+made["id"].(string), `{"name":"x"}`); status != 404 {
			t.Errorf("%s of nothing: %d", method, status)
		}
	}
}

func TestApplicationIsRefused(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	hooks := func(hook string) string {
		return `{"name":"x","capabilities":{"voice":{"webhooks":{` + hook + `}}}}`
	}
	for name, body := range map[string]string{
		"no name":      `{"capabilities":{}}`,
		"array":        hooks(`"answer_url":["https://a.example"]`),
		"string":       hooks(`"answer_url":"https://a.example"`),
		"bad URL":      hooks(`"answer_url":{"address":"a.example"}`),
		"method":       hooks(`"answer_url":{"address":"https://a.example","http_method":"PUT"}`),
		"slow connect": hooks(`"event_url":{"address":"https://a.example","connect_timeout":5000}`),
		"slow answer":  hooks(`"answer_url":{"address":"https://a.example","socket_timeout":10000}`),
		"slow event":   hooks(`"event_url":{"address":"https://a.example","socket_timeout":10001}`),
	} {
		if status, doc := g.account(http.MethodPut, "/v2/applications/"+c.opt.ApplicationID, body); status != 400 || doc["invalid_parameters"] == nil {
			t.Errorf("%s: %d %v", name, status, doc)
		}
	}
	req := g.request(http.MethodGet, c.APIURL()+"/v2/applications", "", "Bearer "+g.token(g.claims()))
	if status, _ := g.do(req); status != 401 {
		t.Errorf("a token opens the Application API: %d", status)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{Numbers: []string{ours, "14155550105", "442079460000"}})
	for query, want := range map[string]any{
		"?pattern=" + ours:               1.0,
		"?pattern=1415555":               2.0,
		"?pattern=0000&search_pattern=2": 1.0,
		"?pattern=5555&search_pattern=1": 2.0,
		"?pattern=0000":                  nil,
		"?country=GB":                    1.0,
		"?size=1&index=2":                3.0,
		"?has_application=false":         nil,
		"?application_id=" + c.opt.ApplicationID + "&size=2": 3.0,
	} {
		if status, doc := g.account(http.MethodGet, "/account/numbers"+query, ""); status != 200 || doc["count"] != want || want == nil && len(doc) > 0 {
			t.Errorf("%s: %d %v", query, status, doc)
		}
	}
	update := func(form string) (int, any) {
		status, doc := g.account(http.MethodPost, "/number/update", form)
		return status, doc["error-code"]
	}
	for name, test := range map[string]struct {
		form   string
		status int
		code   string
	}{
		"no country":    {"msisdn=" + ours + "&app_id=" + c.opt.ApplicationID, 420, "420"},
		"other country": {"country=GB&msisdn=" + ours, 420, "420"},
		"not ours":      {"country=US&msisdn=14155559999", 420, "420"},
		"unknown app":   {"country=US&msisdn=" + ours + "&app_id=nobody", 420, "420"},
		"without app":   {"country=US&msisdn=" + ours, 200, "200"},
	} {
		if status, code := update(test.form); status != test.status || code != test.code {
			t.Errorf("%s: %d %v", name, status, code)
		}
	}
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if call.Status() != "failed" || len(g.Got("/answer")) > 0 {
		t.Errorf("a number without an application reached the gateway:\n%s", call)
	}
	update("country=US&msisdn=" + ours + "&app_id=" + c.opt.ApplicationID)
	g.On("/answer", `[]`)
	g.Ended(g.RingUp(carriersim.Person{}))
	g.await("/answer", "to", ours)
	if status, doc := g.do(g.request(http.MethodGet, c.APIURL()+"/account/numbers", "", "")); status != 401 || doc["error-code"] != "401" {
		t.Errorf("without a key: %d %v", status, doc)
	}
	if status, _ := g.do(g.request(http.MethodGet, c.APIURL()+"/account/numbers?api_key="+c.opt.APIKey+"&api_secret="+c.opt.APISecret, "", "")); status != 200 {
		t.Errorf("with the key in the query: %d", status)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	c, _ := begin(t, Options{})
	config := c.Config()
	for _, field := range []string{"application_id", "private_key", "api_key", "api_secret", "signature_secret", "from_numbers"} {
		if config[field] == "" || config[field] == nil {
			t.Errorf("no %s", field)
		}
	}
	if c.Name() != "vonage" || len(config) != 6 {
		t.Errorf("%s: %v", c.Name(), config)
	}
	if _, err := c.Ring(t.Context(), caller, "14155559999", carriersim.Person{}); err == nil {
		t.Error("a number of another account rings")
	}
}
