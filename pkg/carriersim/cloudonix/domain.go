package cloudonix

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
)

// Keys of the domain's profile.
const (
	profileKey     = "authorization-api-key" // sent as bearer with requests to the gateway
	profileRecords = "cdr-endpoint"
	profileUpdates = "session-update-endpoint" // of calls that name no address of their own
)

// domain is the account.
type domain struct {
	ID                 int                        `json:"id"`
	Domain             string                     `json:"domain"`
	UUID               string                     `json:"uuid"`
	Active             bool                       `json:"active"`
	DefaultApplication int                        `json:"defaultApplication,omitempty"`
	Profile            map[string]json.RawMessage `json:"profile"`
}

func (d *domain) get(key string) string {
	var s string
	json.Unmarshal(d.Profile[key], &s) // what is no text is none
	return s
}

func (d *domain) set(key, value string) { d.Profile[key], _ = json.Marshal(value) }

func (c *Carrier) getDomain(*http.Request) (int, any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return http.StatusOK, c.domain, nil
}

// changeDomain sets what is named. Whether a profile is merged is not
// documented: here it is replaced.
func (c *Carrier) changeDomain(r *http.Request) (int, any, error) {
	var change struct {
		DefaultApplication *int                       `json:"defaultApplication"`
		Profile            map[string]json.RawMessage `json:"profile"`
	}
	if _, err := read(r, &change); err != nil {
		return 0, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if id := change.DefaultApplication; id != nil {
		if c.application(strconv.Itoa(*id)) == nil {
			return 0, nil, notFound("application")
		}
		c.domain.DefaultApplication = *id
	}
	if change.Profile != nil {
		c.domain.Profile = change.Profile
	}
	return http.StatusOK, c.domain, nil
}

// application is a voice application.
type application struct {
	ID     int    `json:"id"`
	UUID   string `json:"uuid"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	URL    string `json:"url"`
	Method string `json:"method"`
	Active bool   `json:"active"`
	key    string // that its requests carry; the gateway has never seen it
}

func (c *Carrier) newApplication(name string) *application {
	app := &application{ID: c.nextSerial(), UUID: newUUID(), Name: name, Type: "cxml", Method: http.MethodGet, Active: true, key: "XI" + randomHex(16)}
	c.apps = append(c.apps, app)
	return app
}

// application finds one by id or name, nil where there is none.
func (c *Carrier) application(which string) *application {
	for _, a := range c.apps {
		if a.Name == which || strconv.Itoa(a.ID) == which {
			return a
		}
	}
	return nil
}

// settings is the body of a request about an application.
type settings struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	URL    string `json:"url"`
	Method string `json:"method"`
}

func (s *settings) check() error {
	switch {
	case s.Type != "" && s.Type != "cxml" && s.Type != "twiml":
		return invalid("type %q", s.Type)
	case s.URL != "" && !isWebURL(s.URL):
		return invalid("url %q", s.URL)
	case s.Method != "" && s.Method != http.MethodGet && s.Method != http.MethodPost:
		return invalid("method %q", s.Method)
	}
	return nil
}

// apply sets what is not empty.
func (s *settings) apply(a *application) {
	for to, value := range map[*string]string{&a.Type: s.Type, &a.URL: s.URL, &a.Method: s.Method} {
		if value != "" {
			*to = value
		}
	}
}

func (c *Carrier) listApplications(*http.Request) (int, any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]application, len(c.apps))
	for i, a := range c.apps {
		list[i] = *a
	}
	return http.StatusOK, list, nil
}

func (c *Carrier) createApplication(r *http.Request) (int, any, error) {
	var s settings
	if _, err := read(r, &s); err != nil {
		return 0, nil, err
	}
	if err := s.check(); err != nil {
		return 0, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.Name == "" || s.Type == "" || s.URL == "":
		return 0, nil, invalid("name, type and url are required")
	case c.application(s.Name) != nil:
		return 0, nil, &apiError{http.StatusConflict, "application exists"}
	}
	app := c.newApplication(s.Name)
	s.apply(app)
	return http.StatusOK, *app, nil
}

func (c *Carrier) getApplication(r *http.Request) (int, any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if app := c.application(r.PathValue("app")); app != nil {
		return http.StatusOK, *app, nil
	}
	return 0, nil, notFound("application")
}

func (c *Carrier) changeApplication(r *http.Request) (int, any, error) {
	return c.setApplication(r, false)
}

// replaceApplication needs all of it.
func (c *Carrier) replaceApplication(r *http.Request) (int, any, error) {
	return c.setApplication(r, true)
}

func (c *Carrier) setApplication(r *http.Request, whole bool) (int, any, error) {
	var s settings
	if _, err := read(r, &s); err != nil {
		return 0, nil, err
	}
	if err := s.check(); err != nil {
		return 0, nil, err
	}
	if whole && (s.Type == "" || s.URL == "" || s.Method == "") {
		return 0, nil, invalid("type, url and method are required")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	app := c.application(r.PathValue("app"))
	if app == nil {
		return 0, nil, notFound("application")
	}
	s.apply(app)
	return http.StatusOK, *app, nil
}

func (c *Carrier) deleteApplication(r *http.Request) (int, any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	app := c.application(r.PathValue("app"))
	if app == nil {
		return 0, nil, notFound("application")
	}
	c.apps = slices.DeleteFunc(c.apps, func(a *application) bool { return a == app })
	c.dnids = slices.DeleteFunc(c.dnids, func(d *dnid) bool { return d.Application == app.ID })
	return http.StatusNoContent, nil, nil
}

// dnid leads calls to an application. DNID is an expression, also where it was
// made of a plain number, which is in Source then.
type dnid struct {
	ID          int    `json:"id"`
	DNID        string `json:"dnid"`
	Source      string `json:"source,omitempty"`
	Application int    `json:"applicationId"`
	Prefix      bool   `json:"prefix"`
	Expression  bool   `json:"expression"`
	Asterisk    bool   `json:"asteriskCompatible"`
	Active      bool   `json:"active"`
}

func newDNID(id, app int, number string) *dnid {
	return &dnid{ID: id, DNID: "^(" + regexp.QuoteMeta(number) + ")$", Source: number, Application: app, Active: true}
}

// leads reports whether calls to a number go this way.
func (d *dnid) leads(number string) bool {
	match, err := regexp.MatchString(d.DNID, number)
	return d.Active && err == nil && match
}

// route is the application for a number: of the first DNID that leads there,
// else the domain's default, nil where there is none.
func (c *Carrier) route(number string) *application {
	id := c.domain.DefaultApplication
	for _, d := range c.dnids {
		if d.leads(number) {
			id = d.Application
			break
		}
	}
	return c.application(strconv.Itoa(id))
}

// listDNIDs says 404 where there is none.
func (c *Carrier) listDNIDs(*http.Request) (int, any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.dnids) == 0 {
		return 0, nil, notFound("dnids")
	}
	list := make([]dnid, len(c.dnids))
	for i, d := range c.dnids {
		list[i] = *d
	}
	return http.StatusOK, list, nil
}

// readDNID reads a body that describes a DNID. The carrier's mutex is held.
func (c *Carrier) readDNID(r *http.Request, id int) (*dnid, error) {
	var want struct {
		Application json.RawMessage `json:"applicationId"`
		DNID        string          `json:"dnid"`
		Source      string          `json:"source"`
		Prefix      bool            `json:"prefix"`
		Expression  bool            `json:"expression"`
		Asterisk    bool            `json:"asteriskCompatible"`
	}
	if _, err := read(r, &want); err != nil {
		return nil, err
	}
	ways := 0
	for _, way := range []bool{want.Prefix, want.Expression, want.Asterisk} {
		if way {
			ways++
		}
	}
	app := c.application(string(want.Application))
	switch {
	case (want.DNID == "") == (want.Source == ""):
		return nil, invalid("want either dnid or source")
	case ways > 1:
		return nil, invalid("want at most one of prefix, expression and asteriskCompatible")
	case app == nil:
		return nil, invalid("applicationId %s does not exist", want.Application)
	}
	if want.Source != "" && ways == 0 {
		return newDNID(id, app.ID, want.Source), nil
	}
	d := &dnid{ID: id, DNID: want.DNID, Application: app.ID, Prefix: want.Prefix, Expression: want.Expression, Asterisk: want.Asterisk, Active: true}
	if want.Source != "" {
		d.Source, d.DNID = want.Source, "^("+regexp.QuoteMeta(want.Source)+".*)$"
	}
	return d, nil
}

func (c *Carrier) createDNID(r *http.Request) (int, any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, err := c.readDNID(r, c.nextSerial())
	if err != nil {
		return 0, nil, err
	}
	c.dnids = append(c.dnids, d)
	return http.StatusNoContent, nil, nil
}

// dnidAt finds the DNID of a path, which names it by its id alone.
func (c *Carrier) dnidAt(r *http.Request) (int, error) {
	i := slices.IndexFunc(c.dnids, func(d *dnid) bool { return strconv.Itoa(d.ID) == r.PathValue("dnid") })
	if i < 0 {
		return 0, notFound("dnid")
	}
	return i, nil
}

func (c *Carrier) getDNID(r *http.Request) (int, any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, err := c.dnidAt(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, *c.dnids[i], nil
}

func (c *Carrier) replaceDNID(r *http.Request) (int, any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, err := c.dnidAt(r)
	if err != nil {
		return 0, nil, err
	}
	d, err := c.readDNID(r, c.dnids[i].ID)
	if err != nil {
		return 0, nil, err
	}
	c.dnids[i] = d
	return http.StatusOK, *d, nil
}

func (c *Carrier) deleteDNID(r *http.Request) (int, any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, err := c.dnidAt(r)
	if err != nil {
		return 0, nil, err
	}
	c.dnids = slices.Delete(c.dnids, i, i+1)
	return http.StatusNoContent, nil, nil
}

func isWebURL(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
