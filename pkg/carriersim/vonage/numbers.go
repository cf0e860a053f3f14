package vonage

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// number is a number of the account.
type number struct {
	Country       string   `json:"country"`
	MSISDN        string   `json:"msisdn"`
	MessagesURL   string   `json:"moHttpUrl,omitempty"`
	Type          string   `json:"type"`
	Features      []string `json:"features"`
	CallbackType  string   `json:"voiceCallbackType,omitempty"`
	CallbackValue string   `json:"voiceCallbackValue,omitempty"`
	AppID         string   `json:"app_id,omitempty"`
}

func newNumber(msisdn string) *number {
	country := "US"
	switch {
	case strings.HasPrefix(msisdn, "44"):
		country = "GB"
	case strings.HasPrefix(msisdn, "49"):
		country = "DE"
	}
	return &number{Country: country, MSISDN: msisdn, Type: "mobile-lvn", Features: []string{"VOICE", "SMS"}}
}

// link points the number at an application, at none where app is empty.
func (n *number) link(app string) {
	n.AppID, n.CallbackType, n.CallbackValue = app, "", ""
	if app != "" {
		n.CallbackType, n.CallbackValue = "app", app
	}
}

// number is called with the mutex held.
func (c *Carrier) number(msisdn string) *number {
	i := slices.IndexFunc(c.numbers, func(n *number) bool { return n.MSISDN == msisdn })
	if i < 0 {
		return nil
	}
	return c.numbers[i]
}

// numbersEndpoint authenticates, by header or by query, and answers in the form
// of the Numbers API, which is another than that of the others.
func (c *Carrier) numbersEndpoint(answer func(r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			writeCode(w, http.StatusBadRequest, err.Error())
			return
		}
		key, secret, ok := r.BasicAuth()
		if !ok {
			key, secret = r.Form.Get("api_key"), r.Form.Get("api_secret")
		}
		if !c.knows(key, secret) {
			writeCode(w, http.StatusUnauthorized, "authentication failed")
			return
		}
		value, err := answer(r)
		if err != nil {
			writeCode(w, methodFailed, "method failed")
			return
		}
		writeJSON(w, http.StatusOK, value)
	}
}

// methodFailed is Vonage's own status for a number that cannot be changed so.
const methodFailed = 420

func writeCode(w http.ResponseWriter, status int, label string) {
	writeJSON(w, status, map[string]string{"error-code": strconv.Itoa(status), "error-code-label": label})
}

// listNumbers is answered with an empty object where nothing matches.
func (c *Carrier) listNumbers(r *http.Request) (any, error) {
	size, at := 10, 1
	for name, into := range map[string]*int{"size": &size, "index": &at} {
		if r.Form.Has(name) {
			n, err := strconv.Atoi(r.Form.Get(name))
			if err != nil || n < 1 || name == "size" && n > 100 {
				return nil, invalid(name, "out of range")
			}
			*into = n
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []number
	for _, n := range c.numbers {
		if n.matches(r.Form) {
			found = append(found, *n)
		}
	}
	if len(found) == 0 {
		return map[string]any{}, nil
	}
	start := min((at-1)*size, len(found))
	return map[string]any{"count": len(found), "numbers": append([]number{}, found[start:min(start+size, len(found))]...)}, nil
}

func (n *number) matches(form url.Values) bool {
	pattern := form.Get("pattern")
	var fits bool
	switch form.Get("search_pattern") {
	case "1":
		fits = strings.Contains(n.MSISDN, pattern)
	case "2":
		fits = strings.HasSuffix(n.MSISDN, pattern)
	default:
		fits = strings.HasPrefix(n.MSISDN, pattern)
	}
	return fits &&
		(!form.Has("country") || form.Get("country") == n.Country) &&
		(!form.Has("application_id") || form.Get("application_id") == n.AppID) &&
		(!form.Has("has_application") || form.Get("has_application") == strconv.FormatBool(n.AppID != ""))
}

// updateNumber needs the country beside the number. An application that is left
// out is unlinked: whether Vonage does so is not known.
func (c *Carrier) updateNumber(r *http.Request) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.number(r.Form.Get("msisdn"))
	app := r.Form.Get("app_id")
	if r.Form.Get("voiceCallbackType") == "app" {
		app = r.Form.Get("voiceCallbackValue")
	}
	switch {
	case n == nil || r.Form.Get("country") != n.Country:
		return nil, notFound("Number")
	case app != "" && c.apps[app] == nil:
		return nil, notFound("Application")
	}
	n.link(app)
	if kind := r.Form.Get("voiceCallbackType"); kind != "" && kind != "app" {
		n.CallbackType, n.CallbackValue = kind, r.Form.Get("voiceCallbackValue")
	}
	if r.Form.Has("moHttpUrl") {
		n.MessagesURL = r.Form.Get("moHttpUrl")
	}
	return map[string]string{"error-code": "200", "error-code-label": "success"}, nil
}
