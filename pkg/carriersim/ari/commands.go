package ari

import (
	"net/http"
	"strconv"
	"strings"
)

func (c *Carrier) listChannels(*query) (any, error) {
	list := []any{}
	for _, id := range sorted(c.channels) {
		list = append(list, c.channels[id].doc())
	}
	return list, nil
}

func (c *Carrier) getChannel(q *query) (any, error) {
	ch, ok := c.channels[q.path("id")]
	if !ok {
		return nil, errNoChannel
	}
	return ch.doc(), nil
}

// deleteChannel hangs a channel up, whether it is in Stasis or not.
func (c *Carrier) deleteChannel(q *query) (any, error) {
	ch, ok := c.channels[q.path("id")]
	if !ok {
		return nil, errNoChannel
	}
	cause, err := hangUpCause(q)
	if err != nil {
		return nil, err
	}
	e, told := ending{cause: cause}, map[string]any{"cause": softHangup, "soft": true}
	if ch.leg == nil || ch.leg.Answered() {
		ch.request(hungUpByGateway, e, told)
		return nil, nil
	}
	if cause != causeNormal {
		e.tech = sipStatus(cause)
	}
	if ch.originated {
		ch.request(hungUpByGateway, e, told)
	} else {
		ch.refuse(hungUpByGateway, e, told)
	}
	return nil, nil
}

// hangUpCause takes a word or a number, not both.
func hangUpCause(q *query) (int, error) {
	reason, code := q.Get("reason"), q.Get("reason_code")
	switch {
	case reason != "" && code != "":
		return 0, refusef(http.StatusBadRequest, "The reason and reason_code can't both be specified")
	case code != "":
		cause, err := strconv.Atoi(code)
		if err != nil || cause < 0 {
			return 0, refusef(http.StatusBadRequest, "Invalid integer value for reason_code")
		}
		return cause, nil
	case reason == "":
		return causeNormal, nil
	}
	cause, ok := reasons[reason]
	if !ok {
		return 0, refusef(http.StatusBadRequest, "Invalid reason for hangup reason provided")
	}
	return cause, nil
}

// stasis returns the channel of a command, which must be in Stasis.
func (c *Carrier) stasis(q *query) (*channel, error) {
	ch, ok := c.channels[q.path("id")]
	switch {
	case !ok:
		return nil, errNoChannel
	case ch.entered == "":
		return nil, refusef(http.StatusConflict, "Channel not in Stasis application")
	}
	return ch, nil
}

// ready returns the channel of a command for which it must not be an unanswered
// leg to somebody, either.
func (c *Carrier) ready(q *query) (*channel, error) {
	ch, err := c.stasis(q)
	if err == nil && (ch.state == stateDown || ch.state == stateRinging) {
		err = refusef(http.StatusPreconditionFailed, "Channel in invalid state")
	}
	return ch, err
}

// command is one that a phone merely notes.
func (c *Carrier) command(note string) handler {
	return func(q *query) (any, error) {
		ch, err := c.ready(q)
		if err == nil && ch.leg != nil {
			ch.leg.Note("%s", note)
		}
		return nil, err
	}
}

func (c *Carrier) answerChannel(q *query) (any, error) {
	ch, err := c.ready(q)
	if err == nil && ch.leg != nil {
		ch.answer()
	}
	return nil, err
}

func (c *Carrier) sendDTMF(q *query) (any, error) {
	ch, err := c.ready(q)
	switch {
	case err != nil:
		return nil, err
	case q.Get("dtmf") == "":
		return nil, refusef(http.StatusBadRequest, "DTMF is required")
	case ch.leg != nil:
		ch.leg.HearKeys(q.Get("dtmf"))
	}
	return nil, nil
}

func (c *Carrier) getVariable(q *query) (any, error) {
	ch, err := c.stasis(q)
	if err != nil {
		return nil, err
	}
	name := q.Get("variable")
	value, ok := ch.variables[name]
	switch {
	case name == "":
		return nil, refusef(http.StatusBadRequest, "Variable name is required")
	case name == "CHANNEL(pjsip,call-id)" && ch.leg != nil:
		value, ok = ch.protocolID, true
	case strings.HasPrefix(name, "PJSIP_HEADER") && ch.leg == nil:
		return nil, refusef(http.StatusInternalServerError, "Unable to read provided function")
	}
	if !ok {
		return nil, refusef(http.StatusNotFound, "Provided variable was not found")
	}
	return map[string]string{"value": value}, nil
}

func (c *Carrier) setVariable(q *query) (any, error) {
	ch, err := c.stasis(q)
	if err != nil {
		return nil, err
	}
	name := q.Get("variable")
	if name == "" {
		return nil, refusef(http.StatusBadRequest, "Variable name is required")
	}
	ch.variables[name] = q.Get("value")
	c.emit("ChannelVarset", ch, nil, map[string]any{"variable": name, "value": q.Get("value")})
	return nil, nil
}
