package cloudonix

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/mediastream"
)

// frame is 20 ms, which is what the carrier is known to play well.
const frame = 160

// dialect: how much the carrier buffers is not documented, nor whether it knows
// marks; here it does not.
var dialect = mediastream.Dialect{Limit: 10 * time.Second, Flooded: "more than 10 seconds of audio are buffered"}

// runConnect runs <Connect><Stream>: it holds the call until the gateway closes
// the socket, then goes on.
func (s *session) runConnect(ctx context.Context, e *element) outcome {
	if len(e.Children) != 1 || e.Children[0].Name != "Stream" {
		s.Warn("<Connect> without exactly one <Stream>")
		return goOn
	}
	if !s.connect(ctx, &e.Children[0]) {
		return outcome{over: true}
	}
	return s.after(ctx, e, "completed")
}

// connect runs a stream. It reports false where the application is stopped.
func (s *session) connect(ctx context.Context, e *element) bool {
	s.check(e, "url name track statusCallback statusCallbackMethod")
	target, query, hasQuery := strings.Cut(e.Attr("url", ""), "?")
	if hasQuery { // whether it survives is not known
		s.Warn("query %q of the stream's URL is dropped", query)
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "wss" && !(u.Scheme == "ws" && carriersim.Loopback(u.Hostname())) {
		s.Note("stream failed: url %q is not wss", target)
		s.stop("url of <Stream> is bad")
		return false
	}
	id := "stream-" + randomHex(8)
	notify := func(event string, more doc) {
		body := doc{"StreamSid": id, "StreamName": e.Attr("name", id), "StreamEvent": event}
		for name, value := range more {
			body[name] = value
		}
		s.callback(carriersim.KindStream, event, e.Attr("statusCallback", ""), body)
	}
	d := dialect
	d.Audio = s.pieces()
	st := d.New(s.Leg, id)
	if err := st.Open(ctx, s.c.Exchange, target, nil, s.start(id, e)); err != nil {
		if ctx.Err() == nil {
			s.Note("stream failed %v", err)
			notify("stream-error", doc{"StreamError": err.Error()})
		}
		return true
	}
	notify("stream-started", nil)
	st.Talk(ctx, doc{"session": s.ID(), "callSid": s.callSID, "accountSid": s.c.Domain()})
	s.errand()
	notify("stream-stopped", nil)
	return true
}

// pieces warns once of audio in pieces that the carrier is not known to take.
func (s *session) pieces() func(bytes int) {
	warned := false
	return func(bytes int) {
		if bytes > frame && !warned {
			warned = true
			s.Warn("audio in pieces of %d bytes, want %d", bytes, frame)
		}
	}
}

// start is the body of the start message.
func (s *session) start(id string, e *element) doc {
	params := map[string]string{}
	for i := range e.Children {
		p := &e.Children[i]
		if p.Name != "Parameter" {
			s.Warn("<%s> in <Stream>", p.Name)
			continue
		}
		params[p.Attr("name", "")] = p.Attr("value", "")
	}
	return doc{
		"streamSid": id, "callSid": s.callSID, "session": s.ID(), "accountSid": s.c.opt.Domain,
		"from": s.From(), "to": s.To(), "context": s.direction, "tracks": []string{"inbound"},
		"mediaFormat":      doc{"encoding": "audio/x-mulaw", "sampleRate": s.Rate(), "channels": 1},
		"customParameters": params,
	}
}
