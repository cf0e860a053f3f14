package ari

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxBody is how long the body of a request may be, in bytes.
const maxBody = 40960

// apiError is a refusal in Asterisk's words.
type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string { return e.message }

func refusef(status int, format string, args ...any) error {
	return &apiError{status, fmt.Sprintf(format, args...)}
}

// errAllocation is told under another key than all other errors.
var errAllocation = errors.New("Allocation failed") //nolint:staticcheck // Asterisk's word

var (
	errNoChannel = &apiError{http.StatusNotFound, "Channel not found"}
	errNoBridge  = &apiError{http.StatusNotFound, "Bridge not found"}
	errNoApp     = &apiError{http.StatusNotFound, "Application not found"}
)

// refuse writes the usual error for a status.
func refuse(w http.ResponseWriter, status int) {
	writeJSON(w, status, map[string]string{"message": http.StatusText(status)})
}

func refuseAs(w http.ResponseWriter, err error) {
	var refused *apiError
	if errors.As(err, &refused) {
		writeJSON(w, refused.status, map[string]string{"message": refused.message})
		return
	}
	writeJSON(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"Allocation failed"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

// handler answers a request with a document, or with 204 where that is nil. It
// runs with the PBX locked.
type handler func(q *query) (any, error)

// resource is a path and what may be done with it.
type resource struct {
	path    string
	methods map[string]handler
}

func (c *Carrier) resources() []resource {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	return []resource{
		{"channels", map[string]handler{get: c.listChannels, post: c.originate}},
		{"channels/externalMedia", map[string]handler{post: c.externalMedia}},
		{"channels/create", map[string]handler{post: c.create}},
		{"channels/{id}", map[string]handler{get: c.getChannel, post: c.originate, del: c.deleteChannel}},
		{"channels/{id}/answer", map[string]handler{post: c.answerChannel}},
		{"channels/{id}/ring", map[string]handler{post: c.command("ringing"), del: c.command("ringing stopped")}},
		{"channels/{id}/progress", map[string]handler{post: c.command("progress")}},
		{"channels/{id}/hold", map[string]handler{post: c.command("hold"), del: c.command("unhold")}},
		{"channels/{id}/mute", map[string]handler{post: c.command("mute"), del: c.command("unmute")}},
		{"channels/{id}/moh", map[string]handler{post: c.command("music"), del: c.command("music stopped")}},
		{"channels/{id}/dial", map[string]handler{post: c.dialCreated}},
		{"channels/{id}/dtmf", map[string]handler{post: c.sendDTMF}},
		{"channels/{id}/variable", map[string]handler{get: c.getVariable, post: c.setVariable}},
		{"bridges", map[string]handler{get: c.listBridges, post: c.createBridge}},
		{"bridges/{id}", map[string]handler{get: c.getBridge, post: c.createBridge, del: c.deleteBridge}},
		{"bridges/{id}/addChannel", map[string]handler{post: c.addChannel}},
		{"bridges/{id}/removeChannel", map[string]handler{post: c.removeChannel}},
		{"applications", map[string]handler{get: c.listApplications}},
		{"applications/{id}", map[string]handler{get: c.getApplication}},
		{"applications/{id}/subscription", map[string]handler{post: c.subscribe, del: c.unsubscribe}},
		{"applications/{id}/eventFilter", map[string]handler{put: c.filterEvents}},
		{"asterisk/info", map[string]handler{get: c.info}},
		{"asterisk/ping", map[string]handler{get: c.ping}},
		{"asterisk/modules/{id}", map[string]handler{get: c.module}},
		{"endpoints", map[string]handler{get: c.listEndpoints}},
		{"endpoints/{tech}", map[string]handler{get: c.listEndpoints}},
		{"endpoints/{tech}/{id}", map[string]handler{get: c.getEndpoint}},
	}
}

func (c *Carrier) routes() http.Handler {
	mux := http.NewServeMux()
	for _, r := range c.resources() {
		mux.HandleFunc("/ari/"+r.path, c.authenticated(func(w http.ResponseWriter, req *http.Request) { c.serve(w, req, r) }))
	}
	mux.HandleFunc("/ari/events", c.authenticated(c.serveEvents))
	mux.HandleFunc("/ari/", c.authenticated(func(w http.ResponseWriter, _ *http.Request) {
		refuseAs(w, refusef(http.StatusNotFound, "Resource not found"))
	}))
	mux.HandleFunc("/media/{id}", c.serveMedia)
	return mux
}

// authenticated asks for the user of ari.conf, in a header or in the URL.
func (c *Carrier) authenticated(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if !ok {
			user, password, ok = strings.Cut(r.URL.Query().Get("api_key"), ":")
		}
		if !ok || user != c.opt.Username || subtle.ConstantTimeCompare([]byte(password), []byte(c.opt.Password)) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="Asterisk REST Interface"`)
			refuseAs(w, refusef(http.StatusUnauthorized, "Authentication required"))
			return
		}
		h(w, r)
	}
}

func (c *Carrier) serve(w http.ResponseWriter, r *http.Request, res resource) {
	h, ok := res.methods[r.Method]
	if !ok {
		allowed := []string{http.MethodOptions}
		for method := range res.methods {
			allowed = append(allowed, method)
		}
		slices.Sort(allowed)
		w.Header().Set("Allow", strings.Join(allowed, ","))
		refuseAs(w, refusef(http.StatusMethodNotAllowed, "Invalid method"))
		return
	}
	if c.opt.ReadOnly && r.Method != http.MethodGet {
		refuseAs(w, refusef(http.StatusForbidden, "Write access denied"))
		return
	}
	q, err := readQuery(r)
	var value any
	if err == nil {
		c.mu.Lock()
		value, err = h(q)
		c.mu.Unlock()
	}
	switch {
	case errors.Is(err, errCrashed):
		panic(http.ErrAbortHandler) // nobody is there any more who could answer
	case err != nil:
		refuseAs(w, err)
	case value == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		writeJSON(w, http.StatusOK, value)
	}
}

// query is what a request asks, wherever it says so.
type query struct {
	url.Values
	variables map[string]string
	body      []byte
	r         *http.Request
}

// path returns a part of the path.
func (q *query) path(name string) string { return q.r.PathValue(name) }

// readQuery takes parameters from the URL, a form or a JSON document.
func readQuery(r *http.Request) (*query, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, refusef(http.StatusBadRequest, "Error parsing request body")
	}
	if len(body) > maxBody {
		return nil, refusef(http.StatusRequestEntityTooLarge, "Request body too large")
	}
	q := &query{Values: r.URL.Query(), variables: map[string]string{}, body: body, r: r}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch {
	case len(body) == 0:
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, refusef(http.StatusBadRequest, "Error parsing request body")
		}
		for name, values := range form {
			q.Values[name] = values
		}
	case kind == "application/json":
		if err := q.readJSON(); err != nil {
			return nil, refusef(http.StatusBadRequest, "Error parsing request body")
		}
	}
	return q, nil
}

func (q *query) readJSON() error {
	doc := map[string]any{}
	if err := json.Unmarshal(q.body, &doc); err != nil {
		return err
	}
	for name, value := range doc {
		switch v := value.(type) {
		case map[string]any:
			if name == "variables" {
				q.readVariables(v)
			}
		case []any, nil:
		default:
			q.Set(name, fmt.Sprint(v))
		}
	}
	return nil
}

// readVariables takes channel variables: values, or documents with one.
func (q *query) readVariables(doc map[string]any) {
	for name, value := range doc {
		if v, ok := value.(map[string]any); ok {
			value = v["value"]
		}
		q.variables[name] = fmt.Sprint(value)
	}
}
