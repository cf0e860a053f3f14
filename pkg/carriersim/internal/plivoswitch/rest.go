package plivoswitch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// API is in what the REST APIs differ.
type API struct {
	Base    string // path of the account: "/v1/Account/{account}"
	Domain  string // of the applications' SIP addresses
	Allowed func(r *http.Request) bool
	// Refuse writes an error in the carrier's form.
	Refuse func(w http.ResponseWriter, e *Error)
	Lost   int // status of what is no path of the API
	// Redirects leads a GET to the path with a slash at its end, where that is
	// missing.
	Redirects bool
	// Routes are what only this carrier has: patterns of http.ServeMux without
	// the path of the account in front.
	Routes map[string]Endpoint
	// Others are those that do not begin with the account's path.
	Others map[string]Endpoint

	Admit         func(now time.Time) error // refuses a call that is over a limit
	Placed        int                       // status of a call that was placed
	Fired         string                    // and its message
	KeepsAttached bool                      // an application with numbers cannot be deleted
}

// Endpoint answers an authenticated request for this account. A nil document is
// answered without a body.
type Endpoint func(r *http.Request) (status int, doc Doc, err error)

// Doc is a JSON object. Every one gets an api_id.
type Doc map[string]any

// Error is a refusal.
type Error struct {
	Status  int
	Message string
	Code    string // "" is the usual one for the status
	Limit   Doc    // what was over its limit, nil for other errors
}

func (e *Error) Error() string { return e.Message }

func invalid(format string, args ...any) error {
	return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

func notFound() error { return &Error{Status: http.StatusNotFound, Message: "not found"} }

// Open starts the REST API.
func (s *Switch) Open(api API) error {
	s.api = api
	routes := map[string]Endpoint{
		"POST /Call/{$}":               s.placeCall,
		"GET /Call/{id}/{$}":           s.getCall,
		"POST /Call/{id}/{$}":          s.transferCall,
		"DELETE /Call/{id}/{$}":        s.hangUpCall,
		"DELETE /Request/{id}/{$}":     s.cancelCall,
		"POST /Call/{id}/DTMF/{$}":     s.pressKeys,
		"GET /Application/{$}":         s.listApps,
		"POST /Application/{$}":        s.createApp,
		"GET /Application/{id}/{$}":    s.getApp,
		"POST /Application/{id}/{$}":   s.updateApp,
		"DELETE /Application/{id}/{$}": s.deleteApp,
	}
	maps.Copy(routes, api.Routes)
	lost := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		api.Refuse(w, &Error{Status: api.Lost, Message: "no such path"})
	})
	mux := http.NewServeMux()
	mux.Handle("/", lost)
	for pattern, e := range routes {
		method, path, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" "+api.Base+path, s.authenticated(e))
		// Without its slash the path is another; the mux alone redirects.
		other, slash := strings.CutSuffix(path, "/{$}")
		if slash && routes[method+" "+other] == nil && !(api.Redirects && method == http.MethodGet) {
			mux.Handle(method+" "+api.Base+other, lost)
		}
	}
	for pattern, e := range api.Others {
		mux.Handle(pattern, s.authenticated(e))
	}
	return s.Serve(mux, func(w http.ResponseWriter, status int) {
		api.Refuse(w, &Error{Status: status, Message: http.StatusText(status)})
	})
}

func (s *Switch) authenticated(e Endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.api.Allowed(r) {
			s.api.Refuse(w, &Error{Status: http.StatusUnauthorized, Message: "authentication failed"})
			return
		}
		status, doc, err := e(r)
		var refused *Error
		switch {
		case errors.As(err, &refused):
			s.api.Refuse(w, refused)
		case err != nil:
			s.api.Refuse(w, &Error{Status: http.StatusInternalServerError, Message: err.Error()})
		case doc == nil:
			w.WriteHeader(status)
		default:
			Write(w, status, doc)
		}
	})
}

// Write answers with a document.
func Write(w http.ResponseWriter, status int, doc Doc) {
	if _, set := doc["api_id"]; !set {
		doc["api_id"] = NewUUID()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(doc)
}

// Decode reads a request's JSON object into v. An empty body is an empty object.
func Decode(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return invalid("body: %v", err)
	}
	if len(body) == 0 {
		return nil
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return invalid("content type %q is not application/json", r.Header.Get("Content-Type"))
	}
	if err := json.Unmarshal(body, v); err != nil {
		return invalid("body: %v", err)
	}
	return nil
}

// params are the parameters of a request as text, whatever their type was.
type params map[string]string

func readParams(r *http.Request) (params, error) {
	var raw map[string]any
	if err := Decode(r, &raw); err != nil {
		return nil, err
	}
	p := params{}
	for name, value := range raw {
		switch v := value.(type) {
		case string:
			p[name] = v
		case float64:
			p[name] = strconv.FormatFloat(v, 'f', -1, 64)
		case bool:
			p[name] = strconv.FormatBool(v)
		case nil:
		default:
			return nil, invalid("%s is neither text nor number", name)
		}
	}
	return p, nil
}

// number reads a whole number between two limits.
func (p params) number(name string, fallback, least, most int) (int, error) {
	if p[name] == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(p[name])
	if err != nil || n < least || n > most {
		return 0, invalid("%s must be a whole number from %d to %d", name, least, most)
	}
	return n, nil
}

// hook reads a URL and its method.
func (p params) hook(target, method string) (hook, error) {
	h := hook{p[target], strings.ToUpper(p[method])}
	if h.method == "" {
		h.method = http.MethodPost
	}
	switch {
	case h.method != http.MethodGet && h.method != http.MethodPost:
		return h, invalid("%s must be GET or POST", method)
	case h.url != "" && !isWebURL(h.url):
		return h, invalid("%s is not a valid URL", target)
	}
	return h, nil
}

func isWebURL(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// Page cuts a list as limit and offset say, and wraps it with its meta data.
func Page(r *http.Request, list []Doc) (Doc, error) {
	q := params{"limit": r.URL.Query().Get("limit"), "offset": r.URL.Query().Get("offset")}
	limit, err := q.number("limit", 20, 1, 20)
	if err != nil {
		return nil, err
	}
	offset, err := q.number("offset", 0, 0, 1<<30)
	if err != nil {
		return nil, err
	}
	start := min(offset, len(list))
	end := min(start+limit, len(list))
	link := func(offset int) string { return fmt.Sprintf("%s?limit=%d&offset=%d", r.URL.Path, limit, offset) }
	meta := Doc{"limit": limit, "offset": offset, "total_count": len(list), "next": nil, "previous": nil}
	if end < len(list) {
		meta["next"] = link(end)
	}
	if start > 0 {
		meta["previous"] = link(max(0, start-limit))
	}
	return Doc{"meta": meta, "objects": append([]Doc{}, list[start:end]...)}, nil
}
