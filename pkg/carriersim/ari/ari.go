// Package ari is a simulated Asterisk: its REST interface, its events socket and
// its media sockets, with one trunk to the telephone network behind it.
//
// It is strict where Asterisk is. Nothing is torn down for anybody: a media
// channel and a bridge stay when the caller goes, until somebody deletes them.
// What a phone says reaches a media socket only while both are in one bridge and
// there is something to hear.
//
// Not simulated: the dialplan beyond one Stasis line, playbacks, recordings,
// snooping, continue, move, redirect, REST over the events socket, subscribeAll,
// sockets that Asterisk opens for events, StasisBroadcast, AudioSocket, RTP,
// pass-through codecs, and sound between media channels in a bridge without a
// phone. Music, mute and hold are noted on the timeline and change no sound.
package ari

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// Options describe the PBX. Everything has a default.
type Options struct {
	Username, Password string   // of ari.conf
	ReadOnly           bool     // the user may not write
	Version            string   // of Asterisk; the default is 22.10.1
	App                string   // that the dialplan's Stasis line names; the default is trunkline
	Endpoint           string   // PJSIP endpoint of the trunk; the default is carrier
	Extensions         []string // that the dialplan knows, without a plus; the default is 8000
	Format             string   // of the media that Config asks for; the default is slin16
	// Rate is that of the phones' codec, in hertz; 0 is that of Format.
	Rate int
	// Comfort makes phones send sound in silence, too, as most do. Otherwise
	// nothing at all reaches a media socket while they are silent.
	Comfort bool
	// MediaWait is how long a media channel waits for the gateway to connect; 0 is
	// 30 s, of which Asterisk knows no other value.
	MediaWait time.Duration
	// Clients are the sections of websocket_client.conf, by name.
	Clients map[string]Client
}

// Client is a section of websocket_client.conf for media.
type Client struct {
	URI                string // ws:// or wss://, without the parameters of v()
	Username, Password string // sent where there is a username
}

// Carrier is a simulated Asterisk. It implements carriersim.Carrier.
type Carrier struct {
	*carriersim.Exchange
	opt     Options
	version version
	id      string // its entity_id, which is the asterisk_id of events

	mu       sync.Mutex
	started  time.Time
	serial   int // of names and ids
	channels map[string]*channel
	bridges  map[string]*bridge
	apps     map[string]*application
	media    map[string]*media // by connection id, while it may be connected to
	leaked   map[string]string // by client: the v() that it was used with last
}

var _ carriersim.Carrier = (*Carrier)(nil)

// New returns a running PBX.
func New(o Options) (*Carrier, error) {
	for field, fallback := range map[*string]string{
		&o.Username: "trunkline", &o.Password: "correct horse battery staple", &o.Version: "22.10.1",
		&o.App: "trunkline", &o.Endpoint: "carrier", &o.Format: "slin16",
	} {
		if *field == "" {
			*field = fallback
		}
	}
	if len(o.Extensions) == 0 {
		o.Extensions = []string{"8000"}
	}
	if o.MediaWait == 0 {
		o.MediaWait = 30 * time.Second
	}
	f, ok := formats[o.Format]
	if !ok {
		return nil, fmt.Errorf("ari: format %q is not simulated", o.Format)
	}
	if o.Rate == 0 {
		o.Rate = f.rate
	}
	v, err := parseVersion(o.Version)
	if err != nil {
		return nil, err
	}
	c := &Carrier{
		Exchange: carriersim.NewExchange("ari", o.Extensions), opt: o, version: v, id: "02:00:00:be:ac:01", started: time.Now(),
		channels: map[string]*channel{}, bridges: map[string]*bridge{}, apps: map[string]*application{},
		media: map[string]*media{}, leaked: map[string]string{},
	}
	if err := c.Serve(c.routes(), refuse); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Config implements carriersim.Carrier.
func (c *Carrier) Config() map[string]any {
	return map[string]any{
		"ari_url":      c.APIURL(),
		"username":     c.opt.Username,
		"password":     c.opt.Password,
		"app":          c.opt.App,
		"dial_string":  "PJSIP/{number}@" + c.opt.Endpoint,
		"media_format": c.opt.Format,
	}
}

// Channels lists the ids of the channels that live. It must not be called from
// the Match of a fault.
func (c *Carrier) Channels() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.channels))
}

// Bridges lists the ids of the bridges that live, under the same rule.
func (c *Carrier) Bridges() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.bridges))
}

// Ring implements carriersim.Carrier. The extension may be written with a plus,
// which the dialplan takes away.
func (c *Carrier) Ring(ctx context.Context, from, to string, p carriersim.Person) (*carriersim.Call, error) {
	exten := strings.TrimPrefix(to, "+")
	if !slices.Contains(c.opt.Extensions, exten) {
		return nil, fmt.Errorf("ari: %s is not an extension of this dialplan", to)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serial++
	ch, err := c.newPhone(carriersim.Spec{
		ID: fmt.Sprintf("asterisk-%d.%d", c.started.Unix(), c.serial), Direction: call.Inbound, From: from, To: to, Person: p,
	}, stateRing)
	if err != nil {
		return nil, err
	}
	ch.caller.Number = from
	ch.dialplan = dialplan{Context: "from-trunk", Exten: exten, Priority: 2}
	stop := context.AfterFunc(ctx, func() { ch.leg.Hangup(hungUpByPerson) })
	c.Go(func(context.Context) {
		defer stop()
		c.receive(ch)
	})
	return ch.leg.Call, nil
}

// stamp is a moment as Asterisk writes it, which is not RFC 3339.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-0700") }
