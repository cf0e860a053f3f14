package ari

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// application is a name under which somebody listens. It lives for as long as it
// has a socket or hears of anything.
type application struct {
	c       *Carrier
	name    string
	socket  *carriersim.Socket  // nil while nobody listens
	reasons map[string]int      // by channel id: how often it is subscribed to
	bridges map[string]bool     // by id
	held    map[string][][]byte // by channel id, out of turn
	filter
}

// filter is what an application wants to hear: types of events.
type filter struct {
	Allowed    []eventType `json:"allowed"`
	Disallowed []eventType `json:"disallowed"`
}

type eventType struct {
	Type string `json:"type"`
}

func (f *filter) passes(event string) bool {
	kind := eventType{event}
	return !slices.Contains(f.Disallowed, kind) && (len(f.Allowed) == 0 || slices.Contains(f.Allowed, kind))
}

// app returns an application, making it if need be.
func (c *Carrier) app(name string) *application {
	a, ok := c.apps[name]
	if !ok {
		a = &application{c: c, name: name, reasons: map[string]int{}, bridges: map[string]bool{}, held: map[string][][]byte{}}
		c.apps[name] = a
	}
	return a
}

// active reports whether somebody listens.
func (a *application) active() bool { return a != nil && a.socket != nil }

// subscribe adds a reason to hear of a channel.
func (a *application) subscribe(channel string) { a.reasons[channel]++ }

// unsubscribe takes one away.
func (a *application) unsubscribe(channel string) {
	if a.reasons[channel]--; a.reasons[channel] <= 0 {
		delete(a.reasons, channel)
	}
	a.tidy()
}

// forget takes all reasons away, as the end of the channel does. What a fault has
// held back goes out before.
func (a *application) forget(channel string) {
	for _, text := range a.held[channel] {
		a.send(0, text)
	}
	delete(a.reasons, channel)
	delete(a.held, channel)
	a.tidy()
}

// tidy ends an application to which nothing is left, and its filter with it.
func (a *application) tidy() {
	if a.socket == nil && len(a.reasons) == 0 && len(a.bridges) == 0 {
		delete(a.c.apps, a.name)
	}
}

func (a *application) hears(ch *channel, b *bridge) bool {
	return ch != nil && a.reasons[ch.id] > 0 || b != nil && a.bridges[b.id]
}

func (a *application) doc() map[string]any {
	types := func(list []eventType) []eventType { return append([]eventType{}, list...) }
	return map[string]any{
		"name": a.name, "channel_ids": sorted(a.reasons), "bridge_ids": sorted(a.bridges),
		"endpoint_ids": []string{}, "device_names": []string{},
		"events_allowed": types(a.Allowed), "events_disallowed": types(a.Disallowed),
	}
}

// sorted are the keys of a map, never nil.
func sorted[V any](m map[string]V) []string {
	return append([]string{}, slices.Sorted(maps.Keys(m))...)
}

func (c *Carrier) listApplications(*query) (any, error) {
	list := []any{}
	for _, name := range sorted(c.apps) {
		list = append(list, c.apps[name].doc())
	}
	return list, nil
}

func (c *Carrier) getApplication(q *query) (any, error) {
	a, ok := c.apps[q.path("id")]
	if !ok {
		return nil, errNoApp
	}
	return a.doc(), nil
}

// sources takes the application and what it wants to hear of.
func (c *Carrier) sources(q *query) (a *application, channels, bridges []string, err error) {
	a, ok := c.apps[q.path("id")]
	if !ok {
		return nil, nil, nil, errNoApp
	}
	if q.Get("eventSource") == "" {
		return nil, nil, nil, refusef(http.StatusBadRequest, "Missing parameter eventSource")
	}
	for source := range strings.SplitSeq(q.Get("eventSource"), ",") {
		scheme, id, _ := strings.Cut(source, ":")
		var exists bool
		switch scheme {
		case "channel":
			_, exists = c.channels[id]
			channels = append(channels, id)
		case "bridge":
			_, exists = c.bridges[id]
			bridges = append(bridges, id)
		case "endpoint":
			exists = id == "PJSIP" || id == "PJSIP/"+c.opt.Endpoint
		case "deviceState": // any name will do
			exists = true
		default:
			return nil, nil, nil, refusef(http.StatusBadRequest, "Invalid event source scheme")
		}
		if !exists {
			return nil, nil, nil, refusef(http.StatusUnprocessableEntity, "Event source does not exist")
		}
	}
	return a, channels, bridges, nil
}

func (c *Carrier) subscribe(q *query) (any, error) {
	a, channels, bridges, err := c.sources(q)
	if err != nil {
		return nil, err
	}
	for _, id := range channels {
		a.subscribe(id)
	}
	for _, id := range bridges {
		a.bridges[id] = true
	}
	return a.doc(), nil
}

func (c *Carrier) unsubscribe(q *query) (any, error) {
	a, channels, bridges, err := c.sources(q)
	if err != nil {
		return nil, err
	}
	for _, id := range channels {
		a.unsubscribe(id)
	}
	for _, id := range bridges {
		delete(a.bridges, id)
	}
	return a.doc(), nil
}

func (c *Carrier) filterEvents(q *query) (any, error) {
	a, ok := c.apps[q.path("id")]
	if !ok {
		return nil, errNoApp
	}
	var f filter
	if len(q.body) > 0 && json.Unmarshal(q.body, &f) != nil {
		return nil, refusef(http.StatusBadRequest, "Invalid event filter")
	}
	a.filter = f
	return a.doc(), nil
}

func (c *Carrier) info(q *query) (any, error) {
	all := map[string]any{
		"build":  map[string]any{"os": "Linux", "kernel": "6.1.0", "machine": "x86_64", "options": "", "date": "2026-11-01 00:00:00 UTC", "user": "root"},
		"system": map[string]any{"version": c.opt.Version, "entity_id": c.id},
		"config": map[string]any{"name": "", "default_language": "en", "setid": map[string]string{"user": "", "group": ""}},
		"status": map[string]any{"startup_time": stamp(c.started), "last_reload_time": stamp(c.started)},
	}
	if q.Get("only") == "" {
		return all, nil
	}
	some := map[string]any{}
	for part := range strings.SplitSeq(q.Get("only"), ",") {
		if _, ok := all[part]; !ok {
			return nil, refusef(http.StatusBadRequest, "Invalid value for only")
		}
		some[part] = all[part]
	}
	return some, nil
}

func (c *Carrier) ping(*query) (any, error) {
	return map[string]any{"ping": "pong", "timestamp": stamp(time.Now()), "asterisk_id": c.id}, nil
}

func (c *Carrier) module(q *query) (any, error) {
	name := q.path("id")
	known := name == "res_ari.so" || name == "chan_pjsip.so" || name == "chan_websocket.so" && c.version.has(hasWebSocket)
	if !known {
		return nil, refusef(http.StatusNotFound, "Module could not be found in running modules")
	}
	return map[string]any{"name": name, "description": "", "use_count": 0, "status": "Running", "support_level": "core"}, nil
}

func (c *Carrier) endpoint() map[string]any {
	ids := []string{}
	for _, id := range sorted(c.channels) {
		if c.channels[id].leg != nil {
			ids = append(ids, id)
		}
	}
	return map[string]any{"technology": "PJSIP", "resource": c.opt.Endpoint, "state": "online", "channel_ids": ids}
}

func (c *Carrier) listEndpoints(q *query) (any, error) {
	if tech := q.path("tech"); tech != "" && tech != "PJSIP" {
		return nil, refusef(http.StatusNotFound, "Endpoint not found")
	}
	return []any{c.endpoint()}, nil
}

func (c *Carrier) getEndpoint(q *query) (any, error) {
	if q.path("tech") != "PJSIP" || q.path("id") != c.opt.Endpoint {
		return nil, refusef(http.StatusNotFound, "Endpoint not found")
	}
	return c.endpoint(), nil
}
