package cloudonix

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

const (
	ringLimit = 60 * time.Second // of a call without timeout
	talkLimit = 14400            // seconds, of a call without timeLimit
)

var (
	address = regexp.MustCompile(`^(\+[1-9][0-9]{1,14}|[0-9]{1,15}|sips?:\S+)$`)
	keys    = regexp.MustCompile(`^[0-9A-Dw*#]*$`)
)

// order is what was asked for when a call was made.
type order struct {
	app      application // that is asked what to do
	cxml     string      // instead of it
	callback string      // for updates
	timeout  time.Duration
	limit    int // seconds of talk
	digits   string
	profile  json.RawMessage
	warnings []string

	detection    string
	detectAsync  bool
	detectURL    string
	detectMethod string
}

// placement is the body of a request for a call.
type placement struct {
	Destination string          `json:"destination"`
	CallerID    string          `json:"caller-id"`
	Application json.RawMessage `json:"application"`
	URL         string          `json:"url"`
	CXML        string          `json:"cxml"`
	Callback    string          `json:"callback"`
	Timeout     int             `json:"timeout"`
	TimeLimit   int             `json:"timeLimit"`
	Trunk       string          `json:"trunk"`
	SendDigits  string          `json:"send-digits"`
	Profile     json.RawMessage `json:"profile"`

	MachineDetection string `json:"machineDetection"`
	AsyncAMD         any    `json:"asyncAmd"` // true or a text
	AMDCallback      string `json:"asyncAmdStatusCallback"`
	AMDMethod        string `json:"asyncAmdStatusCallbackMethod"`
}

// known are the names that a placement may have.
var known = strings.Fields("destination caller-id application url cxml callback timeout timeLimit trunk send-digits profile " +
	"machineDetection asyncAmd asyncAmdStatusCallback asyncAmdStatusCallbackMethod machineDetectionTimeout " +
	"machineDetectionSpeechThreshold machineDetectionSpeechEndThreshold machineDetectionSilenceTimeout")

func (c *Carrier) createCall(r *http.Request) (int, any, error) {
	var p placement
	names, err := read(r, &p)
	if err != nil {
		return 0, nil, err
	}
	o, err := c.orderOf(&p)
	if err != nil {
		return 0, nil, err
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			o.warnings = append(o.warnings, "unknown or unsupported field "+name)
		}
	}
	s, err := c.newSession(carriersim.Spec{
		Direction: call.Outbound, From: p.CallerID, To: p.Destination, Person: c.PersonAt(p.Destination),
	}, dirAPI, o)
	if err != nil {
		return 0, nil, err
	}
	c.Go(func(context.Context) { s.place() })
	return http.StatusOK, doc{
		"domainId": c.domain.ID, "subscriberId": 1200, "destination": p.Destination, "direction": dirAPI, "token": s.ID(),
	}, nil
}

// orderOf checks a placement.
func (c *Carrier) orderOf(p *placement) (order, error) {
	o := order{
		callback: p.Callback, timeout: ringLimit, limit: talkLimit, digits: p.SendDigits, profile: p.Profile,
		detection: p.MachineDetection, detectURL: p.AMDCallback, detectMethod: p.AMDMethod,
	}
	if p.Timeout > 0 {
		o.timeout = time.Duration(p.Timeout) * time.Second
	}
	if p.TimeLimit > 0 {
		o.limit = p.TimeLimit
	}
	o.detectAsync = p.AsyncAMD == true || p.AsyncAMD == "true"
	switch {
	case !address.MatchString(p.Destination):
		return o, invalid("destination %q", p.Destination)
	case p.CallerID == "":
		return o, invalid("caller-id is required")
	case p.Callback != "" && !isWebURL(p.Callback), p.AMDCallback != "" && !isWebURL(p.AMDCallback):
		return o, invalid("callback is no URL")
	case p.Timeout < 0 || p.TimeLimit < 0:
		return o, invalid("timeout and timeLimit must not be negative")
	case p.Trunk != "" && !slices.Contains(c.opt.Trunks, p.Trunk):
		return o, notFound("trunk")
	case !keys.MatchString(p.SendDigits):
		return o, invalid("send-digits %q", p.SendDigits)
	case !slices.Contains([]string{"", "Enable", "DetectMessageEnd"}, p.MachineDetection):
		return o, invalid("machineDetection %q", p.MachineDetection)
	case p.Profile != nil && p.Profile[0] != '{':
		return o, invalid("profile is no object")
	}
	var err error
	o.app, o.cxml, err = c.instruction(p.Application, p.URL, "", p.CXML)
	return o, err
}

// instruction reads where the markup of a call comes from: exactly one of an
// application, a URL and the markup itself. That a URL without a method is
// asked by GET is concluded from what applications do.
func (c *Carrier) instruction(app json.RawMessage, url, method, cxml string) (application, string, error) {
	given := 0
	for _, is := range []bool{len(app) > 0, url != "", cxml != ""} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return application{}, "", invalid("want exactly one of application, url and cxml")
	case cxml != "":
		return application{}, cxml, nil
	case url != "":
		s := settings{URL: url, Method: method}
		a := application{Method: http.MethodGet, key: "XI" + randomHex(16)}
		err := s.check()
		s.apply(&a)
		return a, "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.application(strings.Trim(string(app), `"`))
	if found == nil {
		return application{}, "", notFound("application")
	}
	return *found, "", nil
}

// session finds the one of a path. Only its token names it.
func (c *Carrier) session(r *http.Request) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.byToken[r.PathValue("token")]; s != nil {
		return s, nil
	}
	return nil, notFound("session")
}

func (c *Carrier) getSession(r *http.Request) (int, any, error) {
	s, err := c.session(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, s.resource(), nil
}

// listSessions lists those that are over, too.
func (c *Carrier) listSessions(*http.Request) (int, any, error) {
	c.mu.Lock()
	sessions := slices.Clone(c.sessions)
	c.mu.Unlock()
	list := make([]doc, len(sessions))
	for i, s := range sessions {
		list[i] = s.resource()
	}
	return http.StatusOK, list, nil
}

func (c *Carrier) hangUpSession(r *http.Request) (int, any, error) {
	s, err := c.session(r)
	if err != nil {
		return 0, nil, err
	}
	if !s.Hangup(byAPI) {
		return 0, nil, notFound("session")
	}
	return http.StatusNoContent, nil, nil
}

func (c *Carrier) setProfile(r *http.Request) (int, any, error) {
	s, err := c.session(r)
	if err != nil {
		return 0, nil, err
	}
	var change struct {
		Profile json.RawMessage `json:"profile"`
	}
	if _, err := read(r, &change); err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	s.order.profile = change.Profile
	s.mu.Unlock()
	return http.StatusOK, s.resource(), nil
}

func (c *Carrier) setLimit(r *http.Request) (int, any, error) {
	s, err := c.session(r)
	if err != nil {
		return 0, nil, err
	}
	var change struct {
		TimeLimit int `json:"timeLimit"`
	}
	if _, err := read(r, &change); err != nil {
		return 0, nil, err
	}
	if change.TimeLimit < 1 {
		return 0, nil, invalid("timeLimit %d", change.TimeLimit)
	}
	s.setLimit(change.TimeLimit)
	return http.StatusOK, s.resource(), nil
}

// redirectSession gives a live call another document.
func (c *Carrier) redirectSession(r *http.Request) (int, any, error) {
	s, err := c.session(r)
	if err != nil {
		return 0, nil, err
	}
	var to struct {
		CXML   string `json:"cxml"`
		URL    string `json:"url"`
		Method string `json:"method"`
	}
	if _, err := read(r, &to); err != nil {
		return 0, nil, err
	}
	app, cxml, err := c.instruction(nil, to.URL, to.Method, to.CXML)
	if err != nil {
		return 0, nil, err
	}
	if !s.redirect(source{app: app, cxml: cxml, kind: carriersim.KindAction}) {
		return 0, nil, notFound("session")
	}
	return http.StatusOK, doc{
		"domainId": c.domain.ID, "subscriberId": 1200, "callerId": s.From(), "remote": s.To(), "token": s.ID(),
	}, nil
}
