package plivoswitch

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
)

var appName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// application is where the calls of its numbers go.
type application struct {
	ID              string  `json:"app_id"`
	Name            string  `json:"app_name"`
	AnswerURL       string  `json:"answer_url"`
	AnswerMethod    string  `json:"answer_method"`
	HangupURL       string  `json:"hangup_url"`
	HangupMethod    string  `json:"hangup_method"`
	FallbackURL     string  `json:"fallback_answer_url"`
	FallbackMethod  string  `json:"fallback_method"`
	MessageURL      string  `json:"message_url"`
	MessageMethod   string  `json:"message_method"`
	DefaultNumber   bool    `json:"default_number_app"`
	DefaultEndpoint bool    `json:"default_endpoint_app"`
	PublicURI       bool    `json:"public_uri"`
	LogMessages     bool    `json:"log_incoming_messages"`
	Enabled         bool    `json:"enabled"`
	SubAccount      *string `json:"sub_account"`
}

// newApp makes an application. The switch is locked.
func (s *Switch) newApp() *application {
	a := &application{
		ID: "2" + pick("0123456789", 16), Name: "inbound", Enabled: true,
		AnswerMethod: http.MethodPost, HangupMethod: http.MethodPost, FallbackMethod: http.MethodPost, MessageMethod: http.MethodPost,
	}
	s.apps = append(s.apps, a)
	return a
}

// app returns an application, nil if there is none of that id. The switch is locked.
func (s *Switch) app(id string) *application {
	i := slices.IndexFunc(s.apps, func(a *application) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return s.apps[i]
}

// AppPath is the path of an application's resource.
func (s *Switch) AppPath(id string) string { return s.path("/Application/" + id + "/") }

func (s *Switch) shown(a *application) Doc {
	var doc Doc
	plain, _ := json.Marshal(a) // it has nothing that cannot be
	json.Unmarshal(plain, &doc)
	doc["resource_uri"] = s.AppPath(a.ID)
	doc["sip_uri"] = "sip:" + a.ID + "@" + s.api.Domain
	return doc
}

// change applies what a request has, and leaves the rest.
func (a *application) change(r *http.Request) error {
	changed := *a
	if err := Decode(r, &changed); err != nil {
		return err
	}
	changed.ID = a.ID
	if !appName.MatchString(changed.Name) {
		return invalid("app_name %q has other characters than letters, digits, - and _", changed.Name)
	}
	for _, raw := range []string{changed.AnswerURL, changed.HangupURL, changed.FallbackURL, changed.MessageURL} {
		if raw != "" && !isWebURL(raw) {
			return invalid("%q is not a valid URL", raw)
		}
	}
	*a = changed
	return nil
}

func (s *Switch) listApps(r *http.Request) (int, Doc, error) {
	list := []Doc{}
	s.mu.Lock()
	for _, a := range s.apps {
		list = append(list, s.shown(a))
	}
	s.mu.Unlock()
	doc, err := Page(r, list)
	return http.StatusOK, doc, err
}

func (s *Switch) createApp(r *http.Request) (int, Doc, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.newApp()
	a.Name = ""
	if err := a.change(r); err != nil {
		s.apps = s.apps[:len(s.apps)-1]
		return 0, nil, err
	}
	return http.StatusCreated, Doc{"app_id": a.ID, "message": "created"}, nil
}

func (s *Switch) getApp(r *http.Request) (int, Doc, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.app(r.PathValue("id"))
	if a == nil {
		return 0, nil, notFound()
	}
	return http.StatusOK, s.shown(a), nil
}

func (s *Switch) updateApp(r *http.Request) (int, Doc, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.app(r.PathValue("id"))
	if a == nil {
		return 0, nil, notFound()
	}
	if err := a.change(r); err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, Doc{"message": "changed"}, nil
}

// deleteApp deletes an application. Its numbers lead nowhere then, unless the
// carrier does not let them.
func (s *Switch) deleteApp(r *http.Request) (int, Doc, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.app(r.PathValue("id"))
	if a == nil {
		return 0, nil, notFound()
	}
	for _, n := range s.numbers {
		switch {
		case n.App != a.ID:
		case s.api.KeepsAttached:
			return 0, nil, &Error{Status: http.StatusConflict, Message: "numbers are attached to the application"}
		default:
			n.App = ""
		}
	}
	s.apps = slices.DeleteFunc(s.apps, func(other *application) bool { return other == a })
	return http.StatusNoContent, nil, nil
}
