package cloudonix

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// apiError is a refusal.
type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string { return e.message }

func invalid(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func notFound(what string) error { return &apiError{http.StatusNotFound, what + " not found"} }

// refuse writes an error. The form of its body is not documented.
func refuse(w http.ResponseWriter, status int, message string) {
	if message == "" {
		message = http.StatusText(status)
	}
	writeJSON(w, status, doc{"status": status, "message": message})
}

// doc is a JSON object.
type doc = map[string]any

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// limit counts the requests of the last ten seconds.
type limit struct {
	most int

	mu   sync.Mutex
	seen []time.Time
}

// take reports whether one more request is within the limit. One that is not
// does not count.
func (l *limit) take(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = slices.DeleteFunc(l.seen, func(t time.Time) bool { return now.Sub(t) >= 10*time.Second })
	if len(l.seen) >= l.most {
		return false
	}
	l.seen = append(l.seen, now)
	return true
}

// endpoint answers an authenticated request for this domain. A nil value is
// answered without a body.
type endpoint func(r *http.Request) (status int, value any, err error)

// routes is the REST API. Everything below a domain has a long path and a short
// one.
func (c *Carrier) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, e endpoint) { mux.Handle(pattern, c.authenticated(e)) }
	for tail, e := range map[string]endpoint{
		"GET ":                       c.getDomain,
		"PATCH ":                     c.changeDomain,
		"PUT ":                       c.changeDomain,
		"GET /sessions":              c.listSessions,
		"GET /sessions/{token}":      c.getSession,
		"PUT /sessions/{token}":      c.setProfile,
		"DELETE /sessions/{token}":   c.hangUpSession,
		"GET /applications":          c.listApplications,
		"POST /applications":         c.createApplication,
		"GET /applications/{app}":    c.getApplication,
		"PATCH /applications/{app}":  c.changeApplication,
		"PUT /applications/{app}":    c.replaceApplication,
		"DELETE /applications/{app}": c.deleteApplication,
		"GET /dnids":                 c.listDNIDs,
		"POST /dnids":                c.createDNID,
		"GET /dnids/{dnid}":          c.getDNID,
		"PUT /dnids/{dnid}":          c.replaceDNID,
		"DELETE /dnids/{dnid}":       c.deleteDNID,
	} {
		method, path, _ := strings.Cut(tail, " ")
		handle(method+" /customers/{customer}/domains/{domain}"+path, e)
		handle(method+" /domains/{domain}"+path, e)
	}
	handle("POST /calls/{domain}/application", c.createCall)
	handle("PATCH /calls/{domain}/sessions/{token}", c.setLimit)
	handle("POST /calls/{domain}/sessions/{token}/application", c.redirectSession)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { refuse(w, http.StatusNotFound, "no such path") })
	return mux
}

func (c *Carrier) authenticated(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		customer, named := r.PathValue("customer"), r.PathValue("domain")
		switch {
		case !strings.EqualFold(scheme, "Bearer"), subtle.ConstantTimeCompare([]byte(token), []byte(c.opt.BearerToken)) != 1:
			refuse(w, http.StatusUnauthorized, "")
			return
		case customer != "" && customer != "self":
			refuse(w, http.StatusForbidden, "")
			return
		case named != c.Domain() && named != strconv.Itoa(c.domain.ID):
			refuse(w, http.StatusNotFound, "domain not found")
			return
		case !c.limit.take(time.Now()): // whether Retry-After is sent is not known
			refuse(w, http.StatusTooManyRequests, "")
			return
		case c.opt.NoPatch && r.Method == http.MethodPatch:
			refuse(w, http.StatusMethodNotAllowed, "")
			return
		}
		status, value, err := e(r)
		var refused *apiError
		switch {
		case errors.As(err, &refused):
			refuse(w, refused.status, refused.message)
		case err != nil:
			refuse(w, http.StatusInternalServerError, err.Error())
		case value == nil:
			w.WriteHeader(status)
		default:
			writeJSON(w, status, value)
		}
	})
}

// read decodes a JSON body into v, and returns the names of all its members.
func read(r *http.Request, v any) (names []string, err error) {
	var raw json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&raw); err != nil {
		return nil, invalid("body is no JSON: %v", err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return nil, invalid("%v", err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, invalid("body is no JSON object")
	}
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}
