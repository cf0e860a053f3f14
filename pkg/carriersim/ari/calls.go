package ari

import (
	"context"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// ringLimit is how long a phone rings where nothing else is said.
const ringLimit = 30 * time.Second

// receive is the life of a call of a person: the dialplan hands it to Stasis, or
// refuses it where nobody is there.
func (c *Carrier) receive(ch *channel) {
	ch.leg.GiveUpAfterRing()
	ch.leg.Note("initiated")
	c.mu.Lock()
	if !ch.enter(c.opt.App, []string{"inbound", ch.dialplan.Exten}) {
		ch.leg.Warn("nobody listens to the application %s: STASISSTATUS is FAILED", c.opt.App)
		ch.refuse(hungUpByPBX, ending{causeCongestion, sipStatus(causeCongestion)}, nil)
	}
	c.mu.Unlock()
	<-ch.leg.Context().Done()
	ch.destroy()
}

// refuse ends a call of a person that nobody has answered.
func (ch *channel) refuse(by string, e ending, fields map[string]any) {
	ch.leg.Note("refused %d", sipStatus(e.cause))
	ch.request(by, e, fields)
}

// order is what the gateway asked for when it called somebody.
type order struct {
	app  string
	args []string
	ring time.Duration
	made bool // by create: it is in Stasis before it is dialled
}

var callerID = regexp.MustCompile(`^\s*(?:"?([^"<]*?)"?\s*<([^>]*)>|(.*?))\s*$`)

// originate calls somebody. What the number is does not matter, but the endpoint
// must exist.
func (c *Carrier) originate(q *query) (any, error) {
	ch, o, err := c.newCall(q)
	if err != nil {
		return nil, err
	}
	c.Go(func(context.Context) {
		defer ch.destroy()
		c.place(ch, o)
	})
	return ch.doc(), nil
}

// create makes a channel that is in Stasis, and calls nobody yet.
func (c *Carrier) create(q *query) (any, error) {
	ch, o, err := c.newCall(q)
	if err != nil {
		return nil, err
	}
	dial := make(chan time.Duration, 1)
	o.made, ch.dial = true, dial
	doc := ch.doc()
	if !ch.enter(o.app, o.args) {
		ch.request(hungUpByPBX, ending{cause: causeNormal}, nil)
	}
	c.Go(func(context.Context) {
		defer ch.destroy()
		select {
		case o.ring = <-dial:
			c.place(ch, o)
		case <-ch.leg.Context().Done():
		}
	})
	return doc, nil
}

// dialCreated calls with a channel that was created before, once.
func (c *Carrier) dialCreated(q *query) (any, error) {
	ch, err := c.stasis(q)
	if err != nil {
		return nil, err
	}
	seconds, bad := strconv.Atoi(q.Get("timeout"))
	limit := time.Duration(seconds) * time.Second
	switch {
	case q.Get("timeout") != "" && (bad != nil || seconds < 0):
		return nil, refusef(http.StatusBadRequest, "Dial timeout must be 0 or greater")
	case limit == 0:
		limit = math.MaxInt64
	}
	if ch.dial == nil {
		return nil, refusef(http.StatusConflict, "Channel is not in the 'Down' state")
	}
	ch.dial <- limit
	ch.dial = nil
	return nil, nil
}

// newCall makes a channel to somebody.
func (c *Carrier) newCall(q *query) (*channel, order, error) {
	o, number, err := c.order(q)
	if err != nil {
		return nil, o, err
	}
	id, err := c.channelID(q)
	if err != nil {
		return nil, o, err
	}
	if c.taken(id) {
		return nil, o, refusef(http.StatusConflict, "Channel with given unique ID already exists")
	}
	var from party
	if m := callerID.FindStringSubmatch(q.Get("callerId")); m != nil {
		from = party{m[1], m[2] + m[3]}
	}
	ch, err := c.newPhone(carriersim.Spec{
		ID: id, Direction: call.Outbound, From: from.Number, To: number, Person: c.PersonAt(number),
	}, stateDown)
	if err != nil {
		return nil, o, err
	}
	_, ch.dialString, _ = strings.Cut(q.Get("endpoint"), "/")
	ch.caller, ch.connected, ch.dialplan = from, from, outgoing("from-trunk")
	for name, value := range q.variables {
		ch.variables[name] = value
	}
	c.app(o.app).subscribe(id)
	return ch, o, nil
}

// order checks an originate and returns the number beside it.
func (c *Carrier) order(q *query) (o order, number string, err error) {
	tech, resource, slash := strings.Cut(q.Get("endpoint"), "/")
	seconds, bad := strconv.Atoi(q.Get("timeout"))
	o = order{app: q.Get("app"), args: arguments(q.Get("appArgs")), ring: time.Duration(seconds) * time.Second}
	number, endpoint, at := strings.Cut(resource, "@")
	if !at {
		endpoint = resource
	}
	switch {
	case q.Get("endpoint") == "":
		return o, "", refusef(http.StatusBadRequest, "Endpoint must be specified")
	case !slash:
		return o, "", refusef(http.StatusBadRequest, "Invalid endpoint specified")
	case o.app == "" && q.Get("extension") == "":
		return o, "", refusef(http.StatusBadRequest, "Application or extension must be specified")
	case q.Get("timeout") != "" && bad != nil:
		return o, "", refusef(http.StatusBadRequest, "Invalid timeout")
	case o.app == "": // there is no dialplan to go to
		return o, "", errAllocation
	case q.Has("originator") && c.channels[q.Get("originator")] == nil:
		return o, "", refusef(http.StatusBadRequest, "Provided originator channel was not found")
	case tech != "PJSIP" || endpoint != c.opt.Endpoint:
		return o, "", errAllocation
	}
	for name := range strings.SplitSeq(q.Get("formats"), ",") {
		if _, ok := formats[name]; name != "" && !ok {
			return o, "", refusef(http.StatusBadRequest, "Provided format (%s) was not found", name)
		}
	}
	switch {
	case seconds == 0:
		o.ring = ringLimit
	case seconds < 0:
		o.ring = math.MaxInt64
	}
	return o, number, nil
}

// arguments splits the arguments of an application.
func arguments(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// place is the life of a call to a person.
func (c *Carrier) place(ch *channel, o order) {
	leg := ch.leg
	leg.Note("initiated")
	outcome := leg.Person().Outcome
	rings := outcome == carriersim.NoAnswer || leg.Person().Ring > 0 && (outcome == carriersim.Answers || outcome == carriersim.Rejects)
	c.mu.Lock()
	ch.dialed("")
	if rings {
		leg.Note("ringing")
		ch.move(stateRinging)
		ch.dialed("RINGING")
	}
	c.mu.Unlock()
	outcome = leg.RingPhone(leg.Context(), o.ring)
	c.mu.Lock()
	c.dialed(ch, o, outcome)
	c.mu.Unlock()
	<-leg.Context().Done()
}

// dialed is the end of a dial: an answer, a refusal, or a hang-up before.
func (c *Carrier) dialed(ch *channel, o order, outcome carriersim.Outcome) {
	switch {
	case ch.leg.Context().Err() == nil && outcome != carriersim.Answers:
		ch.unanswered(outcome, o.made)
		return
	case ch.leg.Context().Err() != nil || !ch.answer():
		if !o.made {
			ch.dialed("NOANSWER")
		}
		return
	}
	ch.dialed("ANSWER")
	if !o.made && !ch.enter(o.app, o.args) {
		ch.leg.Warn("nobody listens to the application %s: STASISSTATUS is FAILED", o.app)
		ch.request(hungUpByPBX, ending{cause: causeNormal}, nil)
	}
}

// unanswered tells of the end of a dial. That of a time-out is told by nothing but
// the end of the channel, and so is any where the channel was made before.
func (ch *channel) unanswered(o carriersim.Outcome, made bool) {
	e, dialStatus := refusal(o)
	if dialStatus == "" || made {
		ch.request(hungUpByPBX, e, nil)
		return
	}
	ch.request(hungUpByPerson, e, ch.c.withTech(map[string]any{"cause": e.cause}, e.tech))
	ch.dialed(dialStatus)
}
