package telnyx

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// application is a Call Control Application. Pointers are what may be null.
type application struct {
	RecordType   string  `json:"record_type"`
	ID           string  `json:"id"`
	Name         string  `json:"application_name"`
	WebhookURL   string  `json:"webhook_event_url"`
	FailoverURL  *string `json:"webhook_event_failover_url"`
	APIVersion   string  `json:"webhook_api_version"`
	TimeoutSecs  *int    `json:"webhook_timeout_secs"`
	Active       bool    `json:"active"`
	AnchorSite   string  `json:"anchorsite_override"`
	DTMFType     string  `json:"dtmf_type"`
	FirstCommand bool    `json:"first_command_timeout"`
	FirstSecs    int     `json:"first_command_timeout_secs"`
	CostInHooks  bool    `json:"call_cost_in_webhooks"`
	RedactDTMF   bool    `json:"redact_dtmf_debug_logging"`
	Inbound      side    `json:"inbound"`
	Outbound     side    `json:"outbound"`
	Tags         []any   `json:"tags"`
	CreatedAt    string  `json:"created_at"`
	UpdatedAt    string  `json:"updated_at"`
}

// side is what an application says of one direction.
type side struct {
	ChannelLimit *int    `json:"channel_limit,omitempty"`
	ProfileID    string  `json:"outbound_voice_profile_id,omitempty"`
	Subdomain    *string `json:"sip_subdomain,omitempty"`
	From         string  `json:"sip_subdomain_receive_settings,omitempty"`
	ShakenStir   bool    `json:"shaken_stir_enabled,omitempty"`
}

// blankApplication has the defaults of the API, where webhooks are of version 1.
func blankApplication() *application {
	now := time.Now().UTC().Format(time.RFC3339)
	return &application{
		RecordType: "call_control_application", APIVersion: "1", Active: true, AnchorSite: "Latency",
		DTMFType: "RFC 2833", FirstSecs: 30, Tags: []any{}, CreatedAt: now, UpdatedAt: now,
	}
}

// newApplication is one that somebody has set up by hand.
func newApplication(id, profile string) *application {
	a := blankApplication()
	a.ID, a.Name, a.APIVersion, a.Outbound.ProfileID = id, "simulated", "2", profile
	return a
}

// clone shares nothing with the original.
func (a *application) clone() *application {
	text, _ := json.Marshal(a) // plain values
	b := &application{}
	json.Unmarshal(text, b)
	return b
}

// app is called with the mutex held.
func (c *Carrier) app(id string) *application {
	i := slices.IndexFunc(c.apps, func(a *application) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return c.apps[i]
}

// application returns a copy of one, an empty one where there is none.
func (c *Carrier) application(id string) application {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.app(id); a != nil {
		return *a
	}
	return application{ID: id}
}

func (c *Carrier) listApplications(r *http.Request) (any, error) {
	name := r.URL.Query().Get("filter[application_name][contains]")
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []application
	for _, a := range c.apps {
		if strings.Contains(a.Name, name) {
			list = append(list, *a)
		}
	}
	return page(r, list)
}

func (c *Carrier) getApplication(r *http.Request) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.app(r.PathValue("id"))
	if a == nil {
		return nil, notFound("Call Control Application")
	}
	return data(*a), nil
}

func (c *Carrier) createApplication(r *http.Request) (any, error) {
	a := blankApplication()
	if err := a.read(r); err != nil {
		return nil, err
	}
	a.ID = c.newID()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.apps = append(c.apps, a)
	return data(*a), nil
}

// patchApplication changes what the body names. Two fields it must name.
func (c *Carrier) patchApplication(r *http.Request) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.app(r.PathValue("id"))
	if old == nil {
		return nil, notFound("Call Control Application")
	}
	changed := old.clone()
	changed.Name, changed.WebhookURL = "", ""
	if err := changed.read(r); err != nil {
		return nil, err
	}
	changed.ID, changed.UpdatedAt = old.ID, time.Now().UTC().Format(time.RFC3339)
	*old = *changed
	return data(*changed), nil
}

func (c *Carrier) deleteApplication(r *http.Request) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.app(r.PathValue("id"))
	if a == nil {
		return nil, notFound("Call Control Application")
	}
	c.apps = slices.DeleteFunc(c.apps, func(o *application) bool { return o == a })
	return data(*a), nil
}

// read takes a body over what is there, and checks the result.
func (a *application) read(r *http.Request) error {
	if err := json.NewDecoder(r.Body).Decode(a); err != nil {
		return &apiError{http.StatusBadRequest, codeBadRequest, "The body is not valid: " + err.Error(), ""}
	}
	sites := []string{"Latency", "Chicago, IL", "Ashburn, VA", "San Jose, CA", "London, UK", "Chennai, IN", "Amsterdam, Netherlands", "Toronto, Canada", "Sydney, Australia"}
	switch {
	case a.Name == "":
		return invalid(codeBadRequest, "application_name", "is required")
	case !isWebURL(a.WebhookURL):
		return invalid(codeBadRequest, "webhook_event_url", "%q is not a URL", a.WebhookURL)
	case a.FailoverURL != nil && *a.FailoverURL != "" && !isWebURL(*a.FailoverURL):
		return invalid(codeBadRequest, "webhook_event_failover_url", "%q is not a URL", *a.FailoverURL)
	case a.APIVersion != "1" && a.APIVersion != "2":
		return invalid(codeEnum, "webhook_api_version", "must be 1 or 2")
	case a.TimeoutSecs != nil && (*a.TimeoutSecs < 0 || *a.TimeoutSecs > 30):
		return invalid(codeRange, "webhook_timeout_secs", "must be 0 to 30")
	case !slices.Contains(sites, a.AnchorSite):
		return invalid(codeEnum, "anchorsite_override", "%q", a.AnchorSite)
	case !slices.Contains([]string{"RFC 2833", "Inband", "SIP INFO"}, a.DTMFType):
		return invalid(codeEnum, "dtmf_type", "%q", a.DTMFType)
	}
	return nil
}

func isWebURL(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
