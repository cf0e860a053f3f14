package vonage

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// apiError is a refusal in the form of RFC 7807.
type apiError struct {
	status  int
	title   string // "" is the usual one for the status
	detail  string
	invalid []invalidField
}

type invalidField struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.title, e.detail) }

// invalid is a 400 that names one field.
func invalid(field, format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "Bad Request", "The request is invalid", []invalidField{{field, fmt.Sprintf(format, args...)}}}
}

func notFound(what string) error {
	return &apiError{http.StatusNotFound, "Not Found", what + " does not exist, or not in this region", nil}
}

func refuse(w http.ResponseWriter, e *apiError) {
	title := e.title
	if title == "" {
		title = http.StatusText(e.status)
		if e.status == http.StatusTooManyRequests {
			title = "Rate Limit Hit"
		}
	}
	doc := map[string]any{
		"type":  "https://developer.vonage.com/api-errors#" + strings.ToLower(strings.ReplaceAll(title, " ", "-")),
		"title": title, "detail": e.detail, "instance": uuid.NewString(),
	}
	if len(e.invalid) > 0 {
		doc["invalid_parameters"] = e.invalid
	}
	writeJSON(w, e.status, doc)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// handler answers an authenticated request. app is the application that made
// it, "" where the account did. A nil value is answered without a body.
type handler func(r *http.Request, app string) (status int, value any, err error)

// routes is the REST API: what Vonage spreads over three hosts, on one.
func (c *Carrier) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"POST /v1/calls":            c.createCall,
		"GET /v1/calls":             c.listCalls,
		"GET /v1/calls/{uuid}":      c.getCall,
		"PUT /v1/calls/{uuid}":      c.updateCall,
		"PUT /v1/calls/{uuid}/dtmf": c.sendDTMF,
	} {
		mux.Handle(pattern, c.asApplication(h))
	}
	for pattern, h := range map[string]handler{
		"GET /v2/applications":         c.listApplications,
		"POST /v2/applications":        c.createApplication,
		"GET /v2/applications/{id}":    c.getApplication,
		"PUT /v2/applications/{id}":    c.putApplication,
		"DELETE /v2/applications/{id}": c.deleteApplication,
	} {
		mux.Handle(pattern, c.asAccount(h))
	}
	mux.HandleFunc("GET /account/numbers", c.numbersEndpoint(c.listNumbers))
	mux.HandleFunc("POST /number/update", c.numbersEndpoint(c.updateNumber))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, &apiError{status: http.StatusNotFound, detail: r.Method + " " + r.URL.Path})
	})
	return mux
}

func (h handler) serve(w http.ResponseWriter, r *http.Request, app string) {
	status, value, err := h(r, app)
	if err != nil {
		var refused *apiError
		if !errors.As(err, &refused) {
			refused = &apiError{status: http.StatusInternalServerError, detail: err.Error()}
		}
		refuse(w, refused)
		return
	}
	if value == nil {
		w.WriteHeader(status)
		return
	}
	writeJSON(w, status, value)
}

// asApplication wants a token that the application has signed.
func (c *Carrier) asApplication(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		app, err := c.caller(r)
		if err != nil {
			refuse(w, &apiError{http.StatusUnauthorized, "Unauthorized", "You did not provide correct credentials: " + err.Error(), nil})
			return
		}
		h.serve(w, r, app)
	})
}

// caller returns the application that has signed a request.
func (c *Carrier) caller(r *http.Request) (string, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return "", errors.New("no bearer token")
	}
	claims, signed, signature, err := readToken(token)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	app := c.apps[claims.ApplicationID]
	c.mu.Unlock()
	if app == nil {
		return "", fmt.Errorf("unknown application %q", claims.ApplicationID)
	}
	if err := checkRS256(app.publicKey, signed, signature); err != nil {
		return "", err
	}
	return app.id, claims.valid(time.Now())
}

// asAccount wants the account's key and secret.
func (c *Carrier) asAccount(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if !c.knows(user, password) {
			refuse(w, &apiError{http.StatusUnauthorized, "Unauthorized", "You did not provide correct credentials.", nil})
			return
		}
		h.serve(w, r, "")
	})
}

func (c *Carrier) knows(key, secret string) bool {
	return same(key, c.opt.APIKey) && same(secret, c.opt.APISecret)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// readJSON reads a request's body.
func readJSON(r *http.Request, into any) error {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		return &apiError{http.StatusBadRequest, "Bad Request", "The body is not valid: " + err.Error(), nil}
	}
	return nil
}
