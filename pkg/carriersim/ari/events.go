package ari

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// longestApp is how long the name of an application may be, in bytes.
const longestApp = 73

// serveEvents opens an events socket. An application that somebody else listens
// to is taken from them: they are told, keep their socket, and hear no more.
func (c *Carrier) serveEvents(w http.ResponseWriter, r *http.Request) {
	names := slices.DeleteFunc(strings.Split(r.URL.Query().Get("app"), ","), func(s string) bool { return s == "" })
	protocols := websocket.Subprotocols(r)
	switch {
	case r.Header.Get("Upgrade") == "":
		w.Header().Set("Upgrade", "WebSocket")
		refuseAs(w, refusef(http.StatusUpgradeRequired, "Upgrade Required"))
		return
	case r.Method != http.MethodGet:
		refuseAs(w, refusef(http.StatusNotImplemented, "Method not implemented"))
		return
	case len(names) == 0:
		refuseAs(w, refusef(http.StatusBadRequest, "HTTP request is missing param: [app]"))
		return
	case len(protocols) > 0 && !slices.Contains(protocols, "ari"):
		refuseAs(w, refusef(http.StatusBadRequest, "Subprotocol not supported"))
		return
	case slices.ContainsFunc(names, func(s string) bool { return len(s) > longestApp }):
		refuseAs(w, errAllocation)
		return
	}
	conn, err := upgrade(w, r, protocols)
	if err != nil {
		return // the upgrader has answered
	}
	socket := c.UseSocket(nil, conn, func(bool, []byte) {})
	c.mu.Lock()
	for _, name := range names {
		c.app(name).listen(socket)
	}
	c.mu.Unlock()
	c.Go(func(context.Context) {
		<-socket.Done()
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, name := range names {
			if a := c.apps[name]; a != nil && a.socket == socket {
				a.socket = nil
				a.tidy()
			}
		}
	})
}

func upgrade(w http.ResponseWriter, r *http.Request, protocols []string) (*websocket.Conn, error) {
	u := websocket.Upgrader{Subprotocols: protocols, CheckOrigin: func(*http.Request) bool { return true }}
	return u.Upgrade(w, r, nil)
}

// CutEvents severs the socket of an application without a close frame, as a dead
// network does, and reports whether there was one.
func (c *Carrier) CutEvents(app string) bool {
	c.mu.Lock()
	a := c.apps[app]
	if !a.active() {
		c.mu.Unlock()
		return false
	}
	socket := a.socket
	a.socket = nil
	a.tidy()
	c.mu.Unlock()
	socket.Cut()
	return true
}

// Listening reports whether somebody listens to an application.
func (c *Carrier) Listening(app string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.apps[app].active()
}

func (a *application) listen(socket *carriersim.Socket) {
	if a.socket != nil {
		a.socket.Send(false, a.message("ApplicationReplaced", nil))
	}
	a.socket = socket
}

// message is an event as a text.
func (a *application) message(event string, fields map[string]any) []byte {
	doc := map[string]any{"type": event, "timestamp": stamp(time.Now()), "application": a.name, "asterisk_id": a.c.id}
	for name, value := range fields {
		doc[name] = value
	}
	text, err := json.Marshal(doc)
	if err != nil { // strings and numbers only
		panic(err)
	}
	return text
}

// emit tells all who hear of a channel or bridge what happened.
func (c *Carrier) emit(event string, ch *channel, b *bridge, more map[string]any) {
	fields := map[string]any{}
	if ch != nil {
		key := "channel"
		if event == "Dial" {
			key = "peer"
		}
		fields[key] = ch.doc()
	}
	if b != nil {
		fields["bridge"] = b.doc()
	}
	for name, value := range more {
		fields[name] = value
	}
	for _, name := range sorted(c.apps) {
		if a := c.apps[name]; a.hears(ch, b) && a.passes(event) {
			a.tell(event, ch, fields)
		}
	}
}

// tell sends an event, unless nobody listens: it is not kept. Faults see it as a
// webhook that needs no reply.
func (a *application) tell(event string, ch *channel, fields map[string]any) {
	hook := &carriersim.Webhook{Kind: kindOf(event, ch), Event: event}
	if ch != nil && ch.leg != nil {
		hook.Call = ch.leg.Call
	}
	note := func(what string) {
		if hook.Call != nil {
			ch.leg.Note("webhook %s %s -> %s", hook.Kind, event, what)
		}
	}
	if a.socket == nil {
		note("nobody listens")
		return
	}
	text, id := a.message(event, fields), ""
	if ch != nil {
		id = ch.id
	}
	f := a.c.Faults().Message(hook)
	switch {
	case f.Drop:
		note("dropped")
		return
	case f.Reorder && event != "ChannelDestroyed":
		note("held")
		a.held[id] = append(a.held[id], text)
		return
	case f.Delay > 0:
		note("late")
		a.c.Go(func(ctx context.Context) { a.sendLate(ctx, f, text) })
		return
	}
	note("sent")
	texts := [][]byte{text}
	if event == "ChannelDestroyed" { // nothing comes after it
		texts = append(a.held[id], text)
	} else {
		texts = append(texts, a.held[id]...)
	}
	delete(a.held, id)
	for _, text := range texts {
		a.send(f.Copies, text)
	}
}

func (a *application) sendLate(ctx context.Context, f carriersim.WebhookFault, text []byte) {
	if carriersim.Sleep(ctx, f.Delay) != nil {
		return
	}
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	a.send(f.Copies, text)
}

// send sends a text and its copies, to which nobody writes any more.
func (a *application) send(copies int, text []byte) {
	for range copies + 1 {
		if a.socket != nil {
			a.socket.Send(false, text)
		}
	}
}

// kindOf sorts events into the kinds of webhooks: after a StasisStart the PBX waits
// for the gateway, as others do after asking for an instruction.
func kindOf(event string, ch *channel) carriersim.Kind {
	switch {
	case ch == nil:
		return carriersim.KindOther
	case event == "StasisStart" && (ch.originated || ch.media != nil):
		return carriersim.KindAnswer
	case event == "StasisStart":
		return carriersim.KindInbound
	case ch.media != nil:
		return carriersim.KindStream
	case event == "ChannelDtmfReceived":
		return carriersim.KindDTMF
	case strings.HasPrefix(event, "ChannelEntered"), strings.HasPrefix(event, "ChannelLeft"):
		return carriersim.KindConference
	}
	return carriersim.KindStatus
}
