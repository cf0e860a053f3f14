package ari

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// The states of a channel that are simulated.
const (
	stateDown    = "Down"
	stateRing    = "Ring"
	stateRinging = "Ringing"
	stateUp      = "Up"
)

// Who hangs up, in the words of the timeline.
const (
	hungUpByPerson  = "person"
	hungUpByGateway = "gateway"
	hungUpByPBX     = "carrier"
)

// longestID is how long the id of a channel may be, in bytes.
const longestID = 149

// party is a name and a number.
type party struct {
	Name   string `json:"name"`
	Number string `json:"number"`
}

// dialplan is where a channel is in the dialplan.
type dialplan struct {
	Context  string `json:"context"`
	Exten    string `json:"exten"`
	Priority int    `json:"priority"`
	AppName  string `json:"app_name"`
	AppData  string `json:"app_data"`
}

// outgoing is the dialplan of a channel that Asterisk made by itself.
func outgoing(context string) dialplan {
	return dialplan{context, "s", 1, "AppDial2", "(Outgoing Line)"}
}

// channel is one end of a call as Asterisk has it: a phone, or a media socket.
// The PBX's lock guards it, but for what says otherwise.
type channel struct {
	c          *Carrier
	id, name   string
	protocolID string
	created    time.Time
	originated bool
	dialString string             // of a Dial event
	dial       chan time.Duration // of a phone that was made without dialling: how long to ring, once
	leg        *carriersim.Leg    // of a phone
	media      *media             // of a media socket
	hungUp     chan struct{}      // of a media socket: closed when it is hung up
	hangUp     func()             // closes it

	state             string
	caller, connected party
	dialplan          dialplan
	entered           string // Stasis application it is in
	variables         map[string]string
	bridge            *bridge
	end               *ending
	requested         bool // a hang-up was told of

	mixer atomic.Pointer[mixer] // of the bridge, for the exchange's clock
	live  atomic.Bool           // the phone's line runs
}

// newChannel puts a channel on the PBX.
func (c *Carrier) newChannel(id, name, state string) *channel {
	c.serial++
	ch := &channel{
		c: c, id: id, name: name, state: state, created: time.Now(), variables: map[string]string{}, hungUp: make(chan struct{}),
	}
	ch.hangUp = sync.OnceFunc(func() { close(ch.hungUp) })
	c.channels[id] = ch
	return ch
}

// newPhone puts a phone on the PBX, behind the trunk.
func (c *Carrier) newPhone(spec carriersim.Spec, state string) (*channel, error) {
	spec.Rate, spec.Status = c.opt.Rate, state
	leg, err := c.NewLeg(spec)
	if err != nil {
		return nil, err
	}
	ch := c.newChannel(spec.ID, fmt.Sprintf("PJSIP/%s-%08x", c.opt.Endpoint, c.serial), state)
	ch.leg, ch.protocolID, ch.originated = leg, uuid.NewString(), spec.Direction == call.Outbound
	return ch, nil
}

func (ch *channel) doc() map[string]any {
	return map[string]any{
		"id": ch.id, "name": ch.name, "state": ch.state, "protocol_id": ch.protocolID, "caller": ch.caller, "connected": ch.connected,
		"accountcode": "", "dialplan": ch.dialplan, "creationtime": stamp(ch.created), "language": "en",
	}
}

// move changes the state, and tells.
func (ch *channel) move(state string) {
	ch.state = state
	if ch.leg != nil {
		ch.leg.SetStatus(state)
	}
	ch.c.emit("ChannelStateChange", ch, nil, nil)
}

// dialed tells how a dial goes on. Nobody else dials, so there is no caller.
func (ch *channel) dialed(status string) {
	ch.c.emit("Dial", ch, nil, map[string]any{"dialstatus": status, "forward": "", "dialstring": ch.dialString})
}

// enter is Stasis(app,args), and reports whether somebody took the channel.
func (ch *channel) enter(app string, args []string) bool {
	a := ch.c.apps[app]
	if !a.active() {
		return false
	}
	ch.entered = app
	a.subscribe(ch.id)
	ch.dialplan.AppName, ch.dialplan.AppData = "Stasis", strings.Join(append([]string{app}, args...), ",")
	ch.setStasis("")
	ch.c.emit("StasisStart", ch, nil, map[string]any{"args": append([]string{}, args...)})
	return true
}

// leave is the end of Stasis. The application does not hear of the channel any
// more, unless it has another reason.
func (ch *channel) leave() {
	if ch.entered == "" {
		return
	}
	a := ch.c.app(ch.entered)
	ch.entered = ""
	ch.c.emit("StasisEnd", ch, nil, nil)
	ch.setStasis("SUCCESS")
	a.unsubscribe(ch.id)
}

func (ch *channel) setStasis(status string) {
	ch.c.emit("ChannelVarset", ch, nil, map[string]any{"variable": "STASISSTATUS", "value": status})
}

// answer makes a phone's line run, and reports whether it does now.
func (ch *channel) answer() bool {
	if !ch.leg.Answer(true) {
		return false
	}
	ch.move(stateUp)
	ch.leg.OnKey(ch.pressed)
	ch.live.Store(true)
	ch.leg.Connect(ch, ch)
	return true
}

// pressed tells of a key of the phone twice: in an event and on the media sockets
// with which it is bridged.
func (ch *channel) pressed(digit string) {
	const keyMS = 100
	ch.c.mu.Lock()
	defer ch.c.mu.Unlock()
	ch.c.emit("ChannelDtmfReceived", ch, nil, map[string]any{"digit": digit, "duration_ms": keyMS})
	if ch.bridge != nil {
		for _, other := range ch.bridge.members {
			if other.media != nil {
				other.media.pressed(digit)
			}
		}
	}
}

// request is the first that happens to a channel that ends: it is hung up for a
// reason, by somebody who is told of in an event. Who was first counts.
func (ch *channel) request(by string, e ending, fields map[string]any) {
	if ch.leg != nil && !ch.leg.Hangup(by) || ch.end != nil {
		return
	}
	ch.end = &e
	ch.hangUp()
	if fields != nil {
		ch.requestedWith(fields)
	}
}

func (ch *channel) requestedWith(fields map[string]any) {
	ch.requested = true
	ch.c.emit("ChannelHangupRequest", ch, nil, fields)
}

// destroy is the last that happens to a channel.
func (ch *channel) destroy() {
	c := ch.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.channels[ch.id] != ch { // the PBX has crashed meanwhile
		return
	}
	if ch.end == nil {
		ch.end = &ending{cause: causeNormal}
		if ch.leg != nil && !ch.originated && !ch.leg.Answered() {
			ch.end.tech = 487
		}
	}
	if !ch.requested && ch.leg != nil && ch.leg.HungUpBy() == hungUpByPerson {
		ch.requestedWith(c.withTech(map[string]any{"cause": ch.end.cause}, ch.end.tech))
	}
	if ch.bridge != nil {
		ch.bridge.remove(ch)
	}
	ch.leave()
	if ch.leg != nil && !ch.originated {
		ch.requestedWith(c.withTech(map[string]any{"cause": ch.end.cause, "soft": true}, ch.end.tech))
	}
	ch.dialplan.AppName, ch.dialplan.AppData = "", ""
	if ch.originated || ch.media != nil {
		ch.dialplan = outgoing(ch.dialplan.Context)
	}
	c.emit("ChannelDestroyed", ch, nil, c.withTech(map[string]any{"cause": ch.end.cause, "cause_txt": causeText(ch.end.cause)}, ch.end.tech))
	delete(c.channels, ch.id)
	if ch.hangUp(); ch.media != nil {
		delete(c.media, ch.media.connection)
	}
	for _, name := range sorted(c.apps) {
		c.apps[name].forget(ch.id)
	}
	if ch.leg != nil {
		ch.leg.End(ch.end.String())
		ch.leg.Finish()
	}
}

// withTech adds the tech_cause, where there is one and the release knows it.
func (c *Carrier) withTech(fields map[string]any, tech int) map[string]any {
	if tech != 0 && c.version.has(hasTechCause) {
		fields["tech_cause"] = tech
	}
	return fields
}

// taken reports whether the id of a new channel is refused. Ids are compared in
// an odd way: without case, and as the beginning of those that live.
func (c *Carrier) taken(id string) bool {
	for other := range c.channels {
		if strings.HasPrefix(strings.ToLower(other), strings.ToLower(id)) {
			return true
		}
	}
	return false
}

// channelID takes the id that a new channel shall have, or makes one.
func (c *Carrier) channelID(q *query) (string, error) {
	id := q.path("id")
	if id == "" {
		id = q.Get("channelId")
	}
	if len(id) > longestID {
		return "", refusef(http.StatusBadRequest, "Uniqueid length exceeds maximum of %d", longestID)
	}
	if id == "" {
		id = fmt.Sprintf("asterisk-%d.%d", c.started.Unix(), c.serial)
	}
	return id, nil
}
