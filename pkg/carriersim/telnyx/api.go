package telnyx

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Telnyx' error codes. Some are not numbers.
const (
	codeNotFound     = "10005"
	codeUnexpected   = "10007"
	codeAuth         = "10009"
	codeForbidden    = "10010"
	codeTooMany      = "10011"
	codeBadRequest   = "10015"
	codeNotE164      = "10016"
	codeEnum         = "10032"
	codeRange        = "10033"
	codePayload      = "90010"
	codeDigits       = "90014"
	codeControlID    = "90015"
	codeClientState  = "90017"
	codeEnded        = "90018"
	codeNoConference = "90019"
	codeTimeout      = "90028"
	codeTimeLimit    = "90029"
	codeFull         = "90032"
	codeNotAnswered  = "90034"
	codeChannels     = "90043"
	codeAlreadyIn    = "90044"
	codeStreaming    = "90045"
	codeNotStreaming = "90048"
	codeEventName    = "90057"
	codeConferenceID = "90058"
	codeOutboundLeg  = "90102"
	codeNoProfile    = "D38"
)

// apiError is a refusal in Telnyx' words.
type apiError struct {
	status      int
	code, title string
	pointer     string // to the field, "" where there is none
}

func (e *apiError) Error() string { return e.code + " " + e.title }

// invalid is a 422 that names one field.
func invalid(code, field, format string, args ...any) error {
	return &apiError{http.StatusUnprocessableEntity, code, fmt.Sprintf(format, args...), "/" + field}
}

func notFound(what string) error {
	return &apiError{http.StatusNotFound, codeNotFound, what + " not found", ""}
}

// refuse writes the usual error for a status.
func refuse(w http.ResponseWriter, status int) {
	code, ok := map[int]string{
		http.StatusUnauthorized: codeAuth, http.StatusForbidden: codeForbidden, http.StatusNotFound: codeNotFound,
		http.StatusTooManyRequests: codeTooMany, http.StatusBadRequest: codeBadRequest, http.StatusUnprocessableEntity: codeBadRequest,
	}[status]
	if !ok {
		code = codeUnexpected
	}
	refuseAs(w, &apiError{status, code, http.StatusText(status), ""})
}

func refuseAs(w http.ResponseWriter, e *apiError) {
	doc := map[string]any{
		"code": e.code, "title": e.title, "detail": e.title + ".",
		"meta": map[string]string{"url": "https://developers.telnyx.com/docs/overview/errors/" + e.code},
	}
	if e.pointer != "" {
		doc["source"] = map[string]string{"pointer": e.pointer}
	}
	writeJSON(w, e.status, map[string]any{"errors": []any{doc}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// handler answers an authenticated request with a document.
type handler func(r *http.Request) (any, error)

// routes is the REST API, with and without the version that its base ends in.
func (c *Carrier) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"POST /calls":                             c.dial,
		"GET /calls/{id}":                         c.getCall,
		"POST /calls/{id}/actions/{command}":      c.command,
		"PUT /calls/{id}/actions/{command}":       c.command,
		"GET /connections/{id}/active_calls":      c.activeCalls,
		"POST /conferences":                       c.createConference,
		"GET /conferences":                        c.listConferences,
		"GET /conferences/{id}":                   c.getConference,
		"POST /conferences/{id}/actions/{action}": c.conferenceAction,
		"GET /phone_numbers":                      c.listNumbers,
		"GET /phone_numbers/{id}":                 c.getNumber,
		"PATCH /phone_numbers/{id}":               c.patchNumber,
		"GET /call_control_applications":          c.listApplications,
		"POST /call_control_applications":         c.createApplication,
		"GET /call_control_applications/{id}":     c.getApplication,
		"PATCH /call_control_applications/{id}":   c.patchApplication,
		"DELETE /call_control_applications/{id}":  c.deleteApplication,
		"GET /detail_records":                     c.detailRecords,
	} {
		mux.Handle(pattern, c.authenticated(h))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound) })
	versioned := http.StripPrefix("/v2", mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v2/") {
			versioned.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (c *Carrier) authenticated(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(key), []byte(c.opt.APIKey)) != 1 {
			refuse(w, http.StatusUnauthorized)
			return
		}
		value, err := h(r)
		if err != nil {
			var refused *apiError
			if !errors.As(err, &refused) {
				refused = &apiError{http.StatusInternalServerError, codeUnexpected, err.Error(), ""}
			}
			refuseAs(w, refused)
			return
		}
		writeJSON(w, http.StatusOK, value)
	})
}

func data(v any) map[string]any { return map[string]any{"data": v} }

// readJSON reads a request's body, which may be empty. It returns what in it is
// not known, which Telnyx passes over.
func readJSON(r *http.Request, into any) (warning error, err error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	return decode(body, into)
}

func decode(body []byte, into any) (warning error, err error) {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	if err := json.Unmarshal(body, into); err != nil {
		return nil, &apiError{http.StatusBadRequest, codeBadRequest, "The body is not valid: " + err.Error(), ""}
	}
	strict := json.NewDecoder(bytes.NewReader(body))
	strict.DisallowUnknownFields()
	return strict.Decode(into), nil
}
