package vonage

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// application is a Vonage application. It is replaced, never changed.
type application struct {
	id        string
	doc       map[string]any // as it was put
	publicKey string
	unsigned  bool // signed_callbacks is off
	answer    hook
	fallback  hook
	event     hook
}

// hook is where a webhook goes, and how long the application lets it take.
type hook struct {
	url, method   string
	connect, read time.Duration
}

// hookDoc is a webhook in an application's document; times are milliseconds.
type hookDoc struct {
	Address        string `json:"address"`
	Method         string `json:"http_method"`
	ConnectTimeout int    `json:"connect_timeout"`
	SocketTimeout  int    `json:"socket_timeout"`
}

// readApplication checks a document and takes from it what is used here.
func readApplication(doc map[string]any) (*application, error) {
	var known struct {
		Name string `json:"name"`
		Keys struct {
			PublicKey string `json:"public_key"`
		} `json:"keys"`
		Capabilities struct {
			Voice struct {
				Webhooks struct {
					Answer   hookDoc `json:"answer_url"`
					Fallback hookDoc `json:"fallback_answer_url"`
					Event    hookDoc `json:"event_url"`
				} `json:"webhooks"`
				Signed *bool `json:"signed_callbacks"`
			} `json:"voice"`
		} `json:"capabilities"`
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &known); err != nil {
		return nil, invalid("capabilities", "%v", err)
	}
	if known.Name == "" {
		return nil, invalid("name", "must not be empty")
	}
	voice := &known.Capabilities.Voice
	a := &application{doc: doc, publicKey: known.Keys.PublicKey, unsigned: voice.Signed != nil && !*voice.Signed}
	if a.answer, err = voice.Webhooks.Answer.read("answer_url", http.MethodGet, 5000); err != nil {
		return nil, err
	}
	if a.fallback, err = voice.Webhooks.Fallback.read("fallback_answer_url", http.MethodGet, 5000); err != nil {
		return nil, err
	}
	a.event, err = voice.Webhooks.Event.read("event_url", http.MethodPost, 10000)
	return a, err
}

// read checks one webhook. longest is the upper limit and the default of the
// reply's time in milliseconds.
func (d hookDoc) read(field, method string, longest int) (hook, error) {
	if d.Address == "" {
		return hook{}, nil
	}
	if d.Method == "" {
		d.Method = method
	}
	if d.ConnectTimeout == 0 {
		d.ConnectTimeout = 1000
	}
	if d.SocketTimeout == 0 {
		d.SocketTimeout = longest
	}
	switch {
	case !isWebURL(d.Address):
		return hook{}, invalid(field, "address %q is not a URL", d.Address)
	case d.Method != http.MethodGet && d.Method != http.MethodPost:
		return hook{}, invalid(field, "http_method %q", d.Method)
	case d.ConnectTimeout < 300 || d.ConnectTimeout > 1000:
		return hook{}, invalid(field, "connect_timeout must be 300 to 1000")
	case d.SocketTimeout < 1000 || d.SocketTimeout > longest:
		return hook{}, invalid(field, "socket_timeout must be 1000 to %d", longest)
	}
	return hook{d.Address, d.Method, time.Duration(d.ConnectTimeout) * time.Millisecond, time.Duration(d.SocketTimeout) * time.Millisecond}, nil
}

// to is the same hook with another address, as a call or an action names one.
func (h hook) to(addresses []string, method string) hook {
	if len(addresses) == 0 {
		return h
	}
	if method == "" {
		method = http.MethodPost
	}
	h.url, h.method = addresses[0], strings.ToUpper(method)
	if h.connect == 0 {
		h.connect, h.read = time.Second, 10*time.Second
	}
	return h
}

func isWebURL(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// application returns one by its id, an empty one where there is none.
func (c *Carrier) application(id string) *application {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.apps[id]; a != nil {
		return a
	}
	return &application{id: id}
}

// shown is the application as the API shows it.
func (a *application) shown() map[string]any {
	doc := map[string]any{"id": a.id, "_links": map[string]any{"self": map[string]any{"href": "/v2/applications/" + a.id}}}
	for name, value := range a.doc {
		doc[name] = value
	}
	return doc
}

func (c *Carrier) listApplications(*http.Request, string) (int, any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := []map[string]any{}
	for _, a := range c.apps {
		list = append(list, a.shown())
	}
	slices.SortFunc(list, func(a, b map[string]any) int { return strings.Compare(a["id"].(string), b["id"].(string)) })
	return http.StatusOK, map[string]any{
		"page_size": len(list), "page": 1, "total_items": len(list), "total_pages": 1,
		"_embedded": map[string]any{"applications": list},
	}, nil
}

func (c *Carrier) getApplication(r *http.Request, _ string) (int, any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.apps[r.PathValue("id")]
	if a == nil {
		return 0, nil, notFound("Application")
	}
	return http.StatusOK, a.shown(), nil
}

func (c *Carrier) createApplication(r *http.Request, _ string) (int, any, error) {
	a, err := applicationIn(r)
	if err != nil {
		return 0, nil, err
	}
	a.id = uuid.NewString()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.apps[a.id] = a
	return http.StatusCreated, a.shown(), nil
}

// putApplication replaces an application whole. Whether Vonage keeps a public
// key that is left out is not known: here it is gone.
func (c *Carrier) putApplication(r *http.Request, _ string) (int, any, error) {
	a, err := applicationIn(r)
	if err != nil {
		return 0, nil, err
	}
	a.id = r.PathValue("id")
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.apps[a.id] == nil {
		return 0, nil, notFound("Application")
	}
	c.apps[a.id] = a
	return http.StatusOK, a.shown(), nil
}

func (c *Carrier) deleteApplication(r *http.Request, _ string) (int, any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.apps[r.PathValue("id")] == nil {
		return 0, nil, notFound("Application")
	}
	delete(c.apps, r.PathValue("id"))
	return http.StatusNoContent, nil, nil
}

func applicationIn(r *http.Request) (*application, error) {
	var doc map[string]any
	if err := readJSON(r, &doc); err != nil {
		return nil, err
	}
	delete(doc, "id")
	delete(doc, "_links")
	return readApplication(doc)
}
