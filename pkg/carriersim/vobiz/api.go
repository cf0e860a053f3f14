package vobiz

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch"
)

// api is the REST API. Its paths are of two kinds: those after Plivo's end in a
// slash, Vobiz' own do not. Any other is answered as if the credentials were
// wrong.
func (c *Carrier) api() plivoswitch.API {
	return plivoswitch.API{
		Base: "/api/v1/Account/{account}", Domain: "app.vobiz.ai",
		Allowed: c.allowed, Refuse: refuse, Lost: http.StatusUnauthorized,
		Admit: c.admit, Placed: http.StatusOK, Fired: "Call fired", KeepsAttached: true,
		Routes: map[string]plivoswitch.Endpoint{
			"GET /Call":                            func(r *http.Request) (int, plivoswitch.Doc, error) { return c.listCalls(r, true) },
			"GET /Call/{$}":                        func(r *http.Request) (int, plivoswitch.Doc, error) { return c.listCalls(r, false) },
			"GET /concurrency":                     c.getConcurrency,
			"GET /cdr":                             c.listRecords,
			"GET /cdr/{id}":                        c.getRecord,
			"GET /numbers":                         c.listNumbers,
			"POST /numbers/{number}/application":   c.attachNumber,
			"DELETE /numbers/{number}/application": c.detachNumber,
		},
		Others: map[string]plivoswitch.Endpoint{"GET /api/v1/auth/me": c.getMe},
	}
}

// allowed checks the credentials: an account's own, for its own paths.
func (c *Carrier) allowed(r *http.Request) bool {
	id, token := r.Header.Get("X-Auth-ID"), r.Header.Get("X-Auth-Token")
	if account := r.PathValue("account"); account != "" && account != id {
		return false
	}
	return c.account.Knows(id, token)
}

// refuse writes an error in one of Vobiz' three forms: a limit has its details,
// Vobiz' own paths have a code, those after Plivo's have neither.
func refuse(w http.ResponseWriter, e *plivoswitch.Error) {
	var doc plivoswitch.Doc
	switch {
	case e.Status == http.StatusTooManyRequests:
		details := e.Limit
		if details == nil {
			details = plivoswitch.Doc{"limitType": "api", "retryAfter": 1}
		}
		w.Header().Set("Retry-After", "1")
		doc = plivoswitch.Doc{"error": e.Message, "details": details}
	case e.Code != "":
		doc = plivoswitch.Doc{
			"status": "error", "error": plivoswitch.Doc{"code": e.Code, "message": e.Message, "details": nil},
			"timestamp": isoTime(time.Now()), "requestId": plivoswitch.NewUUID(),
		}
	default:
		doc = plivoswitch.Doc{"error": http.StatusText(e.Status), "message": e.Message}
	}
	plivoswitch.Write(w, e.Status, doc)
}

// listCalls lists live calls without a slash at the end and others with one.
func (c *Carrier) listCalls(r *http.Request, live bool) (int, plivoswitch.Doc, error) {
	if (r.URL.Query().Get("status") == "live") != live {
		return 0, nil, &plivoswitch.Error{Status: http.StatusUnauthorized, Message: "no such path"}
	}
	return c.sw.ListCalls(r)
}

func (c *Carrier) getMe(r *http.Request) (int, plivoswitch.Doc, error) {
	return http.StatusOK, plivoswitch.Doc{"auth_id": r.Header.Get("X-Auth-ID"), "name": "simulated"}, nil
}

func (c *Carrier) getConcurrency(r *http.Request) (int, plivoswitch.Doc, error) {
	busy, most, share := c.sw.Busy(), c.maxCalls, 0.0
	if most > 0 {
		share = 100 * float64(busy) / float64(most)
	}
	return http.StatusOK, plivoswitch.Doc{
		"account_id": r.PathValue("account"), "concurrent_calls": busy, "max_concurrent": most, "utilization_pct": share,
		"request_id": plivoswitch.NewUUID(),
	}, nil
}

// record is the call detail record of a call.
func record(r plivoswitch.Record) plivoswitch.Doc {
	var answered any
	if !r.Answered.IsZero() {
		answered = isoTime(r.Answered)
	}
	return plivoswitch.Doc{
		"uuid": r.ID, "parent_call_uuid": r.Parent, "call_direction": string(r.Direction), "caller_id_number": r.From, "destination_number": r.To,
		"start_time": isoTime(r.Placed), "answer_time": answered, "end_time": isoTime(r.Ended), "ring_time": r.Ring, "duration": r.Duration, "billsec": r.Talk,
		"cost": float64(r.Cost) / 1e6, "total_cost": float64(r.Cost) / 1e6, "streaming_cost": 0.0, "currency": currency,
		"hangup_cause": r.End.Cause, "hangup_cause_code": r.End.Code, "hangup_cause_name": r.End.Name,
		"hangup_disposition": "", "hangup_source": r.End.Source, "codec": "PCMU", "mos": 4.4,
	}
}

func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func (c *Carrier) getRecord(r *http.Request) (int, plivoswitch.Doc, error) {
	found, ok := c.sw.Record(r.PathValue("id"))
	if !ok {
		return 0, nil, missing("cdr_not_found", "no such record")
	}
	return http.StatusOK, plivoswitch.Doc{"success": true, "data": record(found)}, nil
}

// listRecords lists the records of some days, which are given both or not at all.
func (c *Carrier) listRecords(r *http.Request) (int, plivoswitch.Doc, error) {
	q := r.URL.Query()
	from, to := q.Get("start_date"), q.Get("end_date")
	if (from == "") != (to == "") {
		return 0, nil, &plivoswitch.Error{Status: http.StatusBadRequest, Code: "invalid_range", Message: "start_date and end_date belong together"}
	}
	list := []plivoswitch.Doc{}
	for _, found := range c.sw.Records() {
		day := found.Placed.UTC().Format(time.DateOnly)
		if from == "" || from <= day && day <= to {
			list = append(list, record(found))
		}
	}
	doc, err := page(r, "data", 100, list)
	if err != nil {
		return 0, nil, err
	}
	doc["success"] = true
	return http.StatusOK, doc, nil
}

func missing(code, message string) error {
	return &plivoswitch.Error{Status: http.StatusNotFound, Code: code, Message: message}
}

// page cuts a list as page and per_page say, and puts it under key.
func page(r *http.Request, key string, most int, list []plivoswitch.Doc) (plivoswitch.Doc, error) {
	number, size := 1, 25
	for name, to := range map[string]*int{"page": &number, "per_page": &size} {
		if text := r.URL.Query().Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 || name == "per_page" && n > most {
				return nil, &plivoswitch.Error{Status: http.StatusBadRequest, Code: "invalid_page", Message: name + " is out of range"}
			}
			*to = n
		}
	}
	start := min((number-1)*size, len(list))
	return plivoswitch.Doc{
		key: list[start:min(start+size, len(list))], "page": number, "per_page": size, "total": len(list),
	}, nil
}

// listNumbers lists the numbers that have the digits of search in them.
func (c *Carrier) listNumbers(r *http.Request) (int, plivoswitch.Doc, error) {
	search := strings.TrimPrefix(r.URL.Query().Get("search"), "+")
	list := []plivoswitch.Doc{}
	for _, n := range c.sw.List() {
		if !strings.Contains(n.Address, search) {
			continue
		}
		var app any
		if n.App != "" {
			app = n.App
		}
		list = append(list, plivoswitch.Doc{
			"e164": n.Address, "account_id": c.account.Owner(), "status": "active", "application_id": app,
			"voice_enabled": true, "is_blocked": false, "country": "IN",
		})
	}
	doc, err := page(r, "items", 100, list)
	return http.StatusOK, doc, err
}

// numberOf returns the number that a path names: with its plus, and that
// escaped.
func (c *Carrier) numberOf(r *http.Request) (string, error) {
	number := r.PathValue("number")
	if _, ok := c.sw.Find(number); !ok || !strings.HasPrefix(number, "+") || strings.Contains(r.URL.EscapedPath(), "+") {
		return "", missing("number_not_found", "no such number")
	}
	return number, nil
}

func (c *Carrier) attachNumber(r *http.Request) (int, plivoswitch.Doc, error) {
	number, err := c.numberOf(r)
	if err != nil {
		return 0, nil, err
	}
	var change struct {
		App string `json:"application_id"`
	}
	if err := plivoswitch.Decode(r, &change); err != nil {
		return 0, nil, err
	}
	if change.App == "" {
		return 0, nil, &plivoswitch.Error{Status: http.StatusBadRequest, Code: "invalid_request", Message: "application_id is mandatory"}
	}
	return c.attach(number, change.App)
}

func (c *Carrier) detachNumber(r *http.Request) (int, plivoswitch.Doc, error) {
	number, err := c.numberOf(r)
	if err != nil {
		return 0, nil, err
	}
	return c.attach(number, "")
}

func (c *Carrier) attach(number, app string) (int, plivoswitch.Doc, error) {
	if err := c.sw.Attach(number, app); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, plivoswitch.Doc{"e164": number, "application_id": app, "message": "updated"}, nil
}
