package twilio

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Twilio's error codes.
const (
	codeBadRequest  = 20001
	codeAuth        = 20003
	codeNotFinished = 20009
	codeNotFound    = 20404
	codeMethod      = 20004
	codeTooMany     = 20429
	codeServer      = 20500

	codeToMissing     = 21201
	codeInvalidURL    = 21205
	codeNotVerified   = 21210
	codeInvalidTo     = 21211
	codeInvalidFrom   = 21212
	codeFromMissing   = 21213
	codeNotInProgress = 21220
	codeNumberURL     = 21402
	codeCallbackURL   = 21609
	codeCallbackEvent = 21626
)

// apiError is a refusal in Twilio's words.
type apiError struct {
	status, code int
	message      string
}

func (e *apiError) Error() string { return fmt.Sprintf("%d: %s", e.code, e.message) }

func invalid(code int, format string, args ...any) error {
	return &apiError{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// refuse writes an error. A code of 0 is the usual one for the status.
func refuse(w http.ResponseWriter, status, code int, message string) {
	if code == 0 {
		code = map[int]int{
			http.StatusBadRequest: codeBadRequest, http.StatusUnauthorized: codeAuth, http.StatusNotFound: codeNotFound,
			http.StatusMethodNotAllowed: codeMethod, http.StatusTooManyRequests: codeTooMany,
		}[status]
	}
	if code == 0 {
		code = 20000 + status
	}
	if message == "" {
		message = http.StatusText(status)
	}
	writeJSON(w, status, map[string]any{
		"code": code, "message": message, "status": status,
		"more_info": "https://www.twilio.com/docs/errors/" + strconv.Itoa(code),
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.Header().Set("Twilio-Request-Id", newSID("RQ"))
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// endpoint answers an authenticated request for this account. A nil value is
// answered without a body.
type endpoint func(r *http.Request) (status int, value any, err error)

// routes is the REST API. Paths outside it are 404 in Twilio's form.
func (c *Carrier) routes() http.Handler {
	mux := http.NewServeMux()
	base := "/" + apiVersion + "/Accounts/{account}"
	for pattern, e := range map[string]endpoint{
		"GET " + base:                                  c.getAccount,
		"POST " + base + "/Calls.json":                 c.createCall,
		"GET " + base + "/Calls.json":                  c.listCalls,
		"GET " + base + "/Calls/{sid}":                 c.getCall,
		"POST " + base + "/Calls/{sid}":                c.updateCall,
		"DELETE " + base + "/Calls/{sid}":              c.deleteCall,
		"GET " + base + "/IncomingPhoneNumbers.json":   c.listNumbers,
		"GET " + base + "/IncomingPhoneNumbers/{sid}":  c.getNumber,
		"POST " + base + "/IncomingPhoneNumbers/{sid}": c.updateNumber,
	} {
		mux.Handle(pattern, c.authenticated(e))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, 0, notFound(r).message)
	})
	return mux
}

func (c *Carrier) authenticated(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		account := strings.TrimSuffix(r.PathValue("account"), ".json")
		if !c.knows(r) || account != c.opt.AccountSID {
			w.Header().Set("WWW-Authenticate", `Basic realm="Twilio API"`)
			refuse(w, http.StatusUnauthorized, 0, "Authenticate")
			return
		}
		if sid := r.PathValue("sid"); sid != "" {
			bare, isJSON := strings.CutSuffix(sid, ".json")
			if !isJSON { // without the ending Twilio speaks XML
				refuse(w, http.StatusNotFound, 0, notFound(r).message)
				return
			}
			r.SetPathValue("sid", bare)
		}
		if err := r.ParseForm(); err != nil {
			refuse(w, http.StatusBadRequest, 0, err.Error())
			return
		}
		status, value, err := e(r)
		if err != nil {
			var refused *apiError
			if !errors.As(err, &refused) {
				refused = &apiError{http.StatusInternalServerError, codeServer, err.Error()}
			}
			refuse(w, refused.status, refused.code, refused.message)
			return
		}
		if value == nil {
			w.WriteHeader(status)
			return
		}
		writeJSON(w, status, value)
	})
}

// knows checks the credentials: the account's token, or the API key.
func (c *Carrier) knows(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	return ok && (user == c.opt.AccountSID && same(password, c.opt.AuthToken) ||
		c.opt.APIKeySID != "" && user == c.opt.APIKeySID && same(password, c.opt.APIKeySecret))
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func notFound(r *http.Request) *apiError {
	return &apiError{http.StatusNotFound, codeNotFound, "The requested resource " + r.URL.Path + " was not found"}
}

// getAccount is refused to API keys, as to Twilio's standard ones.
func (c *Carrier) getAccount(r *http.Request) (int, any, error) {
	if user, _, _ := r.BasicAuth(); user != c.opt.AccountSID {
		return 0, nil, &apiError{http.StatusUnauthorized, codeAuth, "Authenticate"}
	}
	return http.StatusOK, map[string]any{
		"sid": c.opt.AccountSID, "owner_account_sid": c.opt.AccountSID, "friendly_name": "simulated",
		"status": "active", "type": "Full", "uri": c.path(".json"),
	}, nil
}

// path is the path of a resource below the account.
func (c *Carrier) path(tail string) string {
	return "/" + apiVersion + "/Accounts/" + c.opt.AccountSID + tail
}

// page cuts a list as Page and PageSize say, and wraps it as Twilio does.
func page[T any](r *http.Request, key string, items []T) (any, error) {
	size, err := intField(r.Form, "PageSize", 50)
	if err != nil || size < 1 || size > 1000 {
		return nil, invalid(codeBadRequest, "PageSize must be 1 to 1000")
	}
	at, err := intField(r.Form, "Page", 0)
	if err != nil || at < 0 {
		return nil, invalid(codeBadRequest, "Page is invalid")
	}
	link := func(n int) string {
		q := url.Values{}
		for name, values := range r.Form {
			q[name] = values
		}
		q.Set("Page", strconv.Itoa(n))
		q.Set("PageSize", strconv.Itoa(size))
		return r.URL.Path + "?" + q.Encode()
	}
	start := min(at*size, len(items))
	end := min(start+size, len(items))
	doc := map[string]any{
		"page": at, "page_size": size, "start": start, "end": max(end-1, 0), "uri": link(at),
		"first_page_uri": link(0), "next_page_uri": nil, "previous_page_uri": nil,
		key: append([]T{}, items[start:end]...),
	}
	if end < len(items) {
		doc["next_page_uri"] = link(at + 1)
	}
	if at > 0 {
		doc["previous_page_uri"] = link(at - 1)
	}
	return doc, nil
}

func intField(form url.Values, name string, fallback int) (int, error) {
	if !form.Has(name) {
		return fallback, nil
	}
	return strconv.Atoi(form.Get(name))
}
