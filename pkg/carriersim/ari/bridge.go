package ari

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// bridge joins the sound of its channels. The PBX's lock guards it.
type bridge struct {
	c        *Carrier
	id, name string
	created  time.Time
	members  []*channel
	mixer    *mixer
}

func (b *bridge) doc() map[string]any {
	ids := []string{}
	for _, ch := range b.members {
		ids = append(ids, ch.id)
	}
	slices.Sort(ids)
	return map[string]any{
		"id": b.id, "technology": b.technology(), "bridge_type": "mixing", "bridge_class": "stasis", "creator": "Stasis",
		"name": b.name, "channels": ids, "creationtime": stamp(b.created), "video_mode": "talker",
	}
}

// technology is what Asterisk chooses for the members.
func (b *bridge) technology() string {
	isMedia := func(ch *channel) bool { return ch.media != nil }
	switch {
	case len(b.members) > 2:
		return "softmix"
	case len(b.members) == 2 && !slices.ContainsFunc(b.members, isMedia):
		return "native_rtp"
	}
	return "simple_bridge"
}

// add puts a channel into the bridge, out of the one in which it was.
func (b *bridge) add(ch *channel) {
	switch ch.bridge {
	case b:
		return
	case nil:
	default:
		ch.bridge.remove(ch)
	}
	b.members = append(b.members, ch)
	ch.bridge = b
	b.mixer.join(ch)
	ch.mixer.Store(b.mixer)
	if ch.entered != "" {
		b.c.app(ch.entered).bridges[b.id] = true
	}
	b.c.emit("ChannelEnteredBridge", ch, b, nil)
	b.introduce()
}

// introduce tells the media sockets whose sound they carry: that of the phone
// that came first.
func (b *bridge) introduce() {
	i := slices.IndexFunc(b.members, func(ch *channel) bool { return ch.leg != nil })
	if i < 0 {
		return
	}
	for _, ch := range b.members {
		if ch.media != nil {
			ch.media.serve(b.members[i].leg)
		}
	}
}

func (b *bridge) remove(ch *channel) {
	b.members = slices.DeleteFunc(b.members, func(o *channel) bool { return o == ch })
	ch.bridge = nil
	ch.mixer.Store(nil)
	b.mixer.leave(ch)
	b.c.emit("ChannelLeftBridge", ch, b, nil)
	b.introduce()
}

func (c *Carrier) listBridges(*query) (any, error) {
	list := []any{}
	for _, id := range sorted(c.bridges) {
		list = append(list, c.bridges[id].doc())
	}
	return list, nil
}

// named returns the bridge that a request is about.
func (c *Carrier) named(q *query) (*bridge, error) {
	b, ok := c.bridges[q.path("id")]
	if !ok {
		return nil, errNoBridge
	}
	return b, nil
}

func (c *Carrier) getBridge(q *query) (any, error) {
	b, err := c.named(q)
	if err != nil {
		return nil, err
	}
	return b.doc(), nil
}

func (c *Carrier) createBridge(q *query) (any, error) {
	id := q.path("id")
	if id == "" {
		id = q.Get("bridgeId")
	}
	if id == "" {
		id = uuid.NewString()
	}
	if c.bridges[id] != nil {
		return nil, refusef(http.StatusConflict, "Bridge with id '%s' already exists", id)
	}
	for kind := range strings.SplitSeq(q.Get("type"), ",") {
		if !slices.Contains([]string{"", "mixing", "dtmf_events", "proxy_media"}, kind) {
			return nil, errAllocation
		}
	}
	b := &bridge{c: c, id: id, name: q.Get("name"), created: time.Now(), mixer: &mixer{}}
	c.bridges[id] = b
	return b.doc(), nil
}

// deleteBridge leaves the members up, in Stasis, and silent.
func (c *Carrier) deleteBridge(q *query) (any, error) {
	b, err := c.named(q)
	if err != nil {
		return nil, err
	}
	for len(b.members) > 0 {
		b.remove(b.members[0])
	}
	c.emit("BridgeDestroyed", nil, b, nil)
	delete(c.bridges, b.id)
	for _, name := range sorted(c.apps) {
		a := c.apps[name]
		delete(a.bridges, b.id)
		a.tidy()
	}
	return nil, nil
}

// members returns the channels that a request names, none where one is wrong.
func (c *Carrier) members(q *query) (b *bridge, list []*channel, err error) {
	if b, err = c.named(q); err != nil {
		return nil, nil, err
	}
	if q.Get("channel") == "" {
		return nil, nil, refusef(http.StatusBadRequest, "Missing parameter channel")
	}
	for id := range strings.SplitSeq(q.Get("channel"), ",") {
		ch, ok := c.channels[id]
		switch {
		case !ok:
			return nil, nil, refusef(http.StatusBadRequest, "Channel not found")
		case ch.entered == "":
			return nil, nil, refusef(http.StatusUnprocessableEntity, "Channel not in Stasis application")
		}
		list = append(list, ch)
	}
	return b, list, nil
}

func (c *Carrier) addChannel(q *query) (any, error) {
	b, list, err := c.members(q)
	for _, ch := range list {
		b.add(ch)
	}
	return nil, err
}

func (c *Carrier) removeChannel(q *query) (any, error) {
	b, list, err := c.members(q)
	for _, ch := range list {
		if ch.bridge != b {
			return nil, refusef(http.StatusUnprocessableEntity, "Channel not in this bridge")
		}
	}
	for _, ch := range list {
		b.remove(ch)
	}
	return nil, err
}
