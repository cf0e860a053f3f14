package ari

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/trunkline-io/trunkline/pkg/audio/resample"
)

// errCrashed is a request that the PBX has died of.
var errCrashed = errors.New("the PBX has crashed")

// mediaOptions are the dial-string options of a media channel.
type mediaOptions struct {
	json      bool
	byHand    bool // n: does not answer by itself
	query     string
	direction string // both, in, out: seen from the gateway
}

var (
	optionText = regexp.MustCompile(`([a-z])(?:\(([^)]*)\))?`)
	optionList = regexp.MustCompile(`^(?:[a-z](?:\([^)]*\))?)*$`)
	queryText  = regexp.MustCompile(`^[A-Za-z0-9._~%=,+&:/-]*$`)
)

// mediaOptions reads transport_data. A format of messages that does not exist
// kills releases without the fix.
func (c *Carrier) mediaOptions(text string, server bool) (o mediaOptions, err error) {
	o.direction = "both"
	if !c.version.has(hasJSON) {
		return o, nil
	}
	if !optionList.MatchString(text) {
		return o, errAllocation
	}
	for _, m := range optionText.FindAllStringSubmatch(text, -1) {
		switch name, value := m[1], m[2]; name {
		case "c":
		case "n":
			o.byHand = true
		case "f":
			if value != "json" && value != "plain-text" {
				return o, c.crash(errAllocation)
			}
			o.json = value == "json"
		case "v":
			if server || !queryText.MatchString(value) {
				return o, errAllocation
			}
			o.query = strings.ReplaceAll(value, ",", "&")
		case "d":
			if !slices.Contains([]string{"both", "in", "out"}, value) {
				return o, errAllocation
			}
			o.direction = value
		default:
			return o, errAllocation
		}
	}
	return o, nil
}

// crash kills a release that the fix did not reach; any other refuses.
func (c *Carrier) crash(refusal error) error {
	if c.version.has(hasCrashFix) {
		return refusal
	}
	c.die()
	return errCrashed
}

// externalMedia makes a media channel. It answers before anybody has connected.
func (c *Carrier) externalMedia(q *query) (any, error) {
	f, server, err := c.checkMedia(q)
	if err != nil {
		return nil, err
	}
	o, err := c.mediaOptions(q.Get("transport_data"), server)
	if err != nil {
		return nil, err
	}
	id, err := c.channelID(q)
	if err != nil {
		return nil, err
	}
	if c.taken(id) {
		return nil, c.crash(refusef(http.StatusConflict, "Channel with given unique ID already exists"))
	}
	up, err := resample.New(f.rate, c.opt.Rate)
	if err != nil {
		return nil, errAllocation
	}
	down, err := resample.New(c.opt.Rate, f.rate)
	if err != nil {
		return nil, errAllocation
	}
	m := &media{
		c: c, format: f, formatName: q.Get("format"), options: o, connection: q.Get("external_host"), app: q.Get("app"),
		args: arguments(q.Get("data")), up: up, down: down, direction: o.direction, server: server,
		connected: make(chan struct{}), answered: make(chan struct{}),
	}
	if !o.byHand {
		close(m.answered)
	}
	peer := m.connection
	if server {
		peer, m.connection = "INCOMING", uuid.NewString()
		c.media[m.connection] = m
	}
	m.open(id, peer, q)
	c.app(m.app).subscribe(id)
	if server {
		m.ch.dialed("")
	}
	c.Go(m.run)
	doc := m.ch.doc()
	doc["channelvars"] = m.variables()
	return doc, nil
}

// open makes the channel.
func (m *media) open(id, peer string, q *query) {
	m.queue = &queue{frame: m.format.frame(), tell: m.told, lost: m.lost}
	m.ch = m.c.newChannel(id, fmt.Sprintf("WebSocket/%s/0x7ff4%08x", peer, m.c.serial), stateDown)
	m.ch.media, m.ch.dialplan, m.ch.dialString = m, outgoing("default"), peer
	if text := q.Get("transport_data"); text != "" {
		m.ch.dialString += "/" + text
	}
	for name, value := range q.variables {
		m.ch.variables[name] = value
	}
}

// variables are those that a media channel is born with.
func (m *media) variables() map[string]string {
	return map[string]string{
		"MEDIA_WEBSOCKET_CONNECTION_ID": m.connection, "MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE": strconv.Itoa(m.format.frame()),
	}
}

// checkMedia checks what is said of the transport.
func (c *Carrier) checkMedia(q *query) (f format, server bool, err error) {
	bad := func(text string, args ...any) (format, bool, error) {
		return f, false, refusef(http.StatusBadRequest, text, args...)
	}
	server = q.Get("connection_type") == "server"
	f, known := formats[q.Get("format")]
	_, section := c.opt.Clients[q.Get("external_host")]
	switch {
	case q.Get("app") == "":
		return bad("app cannot be empty")
	case q.Get("format") == "":
		return bad("format cannot be empty")
	case q.Get("transport") != "websocket": // neither RTP nor AudioSocket
		return bad("transport %q is not simulated", q.Get("transport"))
	case !c.version.has(hasWebSocket):
		return f, false, refusef(http.StatusNotImplemented, "The encapsulation and/or transport is not supported")
	case q.Get("encapsulation") != "none":
		return bad("encapsulation must be 'none' for websocket transport")
	case q.Get("connection_type") != "" && q.Get("connection_type") != "client" && !server:
		return bad("connection_type must be 'client' or 'server'")
	case server && q.Get("external_host") != "":
		return bad("external_host must be empty for a websocket server connection")
	case !server && !section:
		return bad("external_host must be a valid websocket_client connection id.")
	case !known:
		return f, false, errAllocation
	}
	return f, server, nil
}
