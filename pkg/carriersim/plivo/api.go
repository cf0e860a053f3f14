package plivo

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch"
)

// api is the REST API. Every path ends in a slash; that a GET without it works,
// too, is what Plivo's SDK for Node relies on.
func (c *Carrier) api() plivoswitch.API {
	return plivoswitch.API{
		Base: "/v1/Account/{account}", Domain: "app.plivo.com",
		Allowed: c.allowed, Refuse: refuse, Lost: http.StatusNotFound, Redirects: true,
		Admit:  func(time.Time) error { return nil }, // what is over a limit waits
		Placed: http.StatusCreated, Fired: "call fired",
		Routes: map[string]plivoswitch.Endpoint{
			"GET /{$}":                  c.getAccount,
			"GET /Call/{$}":             c.sw.ListCalls,
			"GET /Number/{$}":           c.listNumbers,
			"GET /Number/{number}/{$}":  c.getNumber,
			"POST /Number/{number}/{$}": c.updateNumber,
		},
	}
}

// allowed checks the credentials: an account's own, for its own paths.
func (c *Carrier) allowed(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	return ok && user == r.PathValue("account") && c.account.Knows(user, password)
}

// refuse writes an error. Plivo sends some 404s without a usable body, and 401s
// as plain text.
func refuse(w http.ResponseWriter, e *plivoswitch.Error) {
	switch e.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="Plivo"`)
		http.Error(w, "Could not verify your access level for that URL.", e.Status)
	case http.StatusNotFound:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(e.Status)
		w.Write([]byte("{}"))
	default:
		plivoswitch.Write(w, e.Status, plivoswitch.Doc{"error": e.Message})
	}
}

func (c *Carrier) getAccount(r *http.Request) (int, plivoswitch.Doc, error) {
	id := r.PathValue("account")
	kind := "standard"
	if id == c.account.SubID {
		kind = "subaccount"
	}
	return http.StatusOK, plivoswitch.Doc{
		"account_type": kind, "auth_id": id, "address": "", "auto_recharge": false, "billing_mode": "prepaid", "cash_credits": "92.12345",
		"city": "", "name": "simulated", "state": "", "timezone": "Asia/Kolkata", "resource_uri": "/v1/Account/" + id + "/",
	}, nil
}

// shown is a number as the API shows it.
func (c *Carrier) shown(n plivoswitch.Number) plivoswitch.Doc {
	doc := plivoswitch.Doc{
		"number": n.Address, "alias": nil, "application": nil, "carrier": "Plivo", "country": "United States", "city": nil, "region": nil,
		"number_type": "local", "voice_enabled": true, "sms_enabled": true, "mms_enabled": false,
		"monthly_rental_rate": "0.80000", "voice_rate": dollars(5500), "sms_rate": "0.00000", "added_on": "2026-01-01",
		"renewal_date": "2027-01-01", "sub_account": nil, "cnam_lookup": "disabled", "resource_uri": "/v1/Account/" + c.account.ID + "/Number/" + n.Address + "/",
	}
	if n.App != "" {
		doc["application"] = c.sw.AppPath(n.App)
	}
	if c.account.SubID != "" {
		doc["sub_account"] = "/v1/Account/" + c.account.ID + "/Subaccount/" + c.account.SubID + "/"
	}
	return doc
}

func (c *Carrier) listNumbers(r *http.Request) (int, plivoswitch.Doc, error) {
	q := r.URL.Query()
	list := []plivoswitch.Doc{}
	for _, n := range c.sw.List() {
		if strings.HasPrefix(n.Address, q.Get("number_startswith")) {
			list = append(list, c.shown(n))
		}
	}
	doc, err := plivoswitch.Page(r, list)
	return http.StatusOK, doc, err
}

// number returns the number that a path names. It is written in digits only.
func (c *Carrier) number(r *http.Request) (plivoswitch.Number, error) {
	digits := r.PathValue("number")
	n, ok := c.sw.Find(digits)
	if _, err := strconv.ParseUint(digits, 10, 64); err != nil || !ok || strings.HasPrefix(digits, "+") {
		return n, &plivoswitch.Error{Status: http.StatusNotFound, Message: "not found"}
	}
	return n, nil
}

func (c *Carrier) getNumber(r *http.Request) (int, plivoswitch.Doc, error) {
	n, err := c.number(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, c.shown(n), nil
}

// updateNumber attaches a number to an application. That an empty app_id takes
// it off is not known for certain.
func (c *Carrier) updateNumber(r *http.Request) (int, plivoswitch.Doc, error) {
	n, err := c.number(r)
	if err != nil {
		return 0, nil, err
	}
	var change map[string]*string
	if err := plivoswitch.Decode(r, &change); err != nil {
		return 0, nil, err
	}
	if app, ok := change["app_id"]; ok {
		id := ""
		if app != nil {
			id = *app
		}
		if err := c.sw.Attach(n.Address, id); err != nil {
			return 0, nil, err
		}
	}
	return http.StatusAccepted, plivoswitch.Doc{"message": "changed"}, nil
}
