package twilio

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/mediastream"
)

// playbackLimit is how much audio Twilio buffers of a stream (error 31931).
const playbackLimit = 10 * time.Minute

var dialect = mediastream.Dialect{
	Limit: playbackLimit, Marks: true,
	Invalid: "31951 ", Flooded: "31931 more than 10 minutes of audio are buffered",
}

// stream is a bidirectional Media Stream.
type stream struct {
	*mediastream.Stream
	s         *session
	sid, name string
}

// runConnect runs <Connect><Stream>: it holds the call until the gateway closes
// the socket, then asks the action URL or goes on.
func (s *session) runConnect(ctx context.Context, e *element, _ bool) outcome {
	s.answer()
	if len(e.Children) != 1 || e.Children[0].Name != "Stream" {
		s.Warn("12200 <Connect> without exactly one <Stream>")
		return goOn
	}
	e.Children[0].Text = ""
	s.check(&e.Children[0], "url name track statusCallback statusCallbackMethod connectorName")
	s.connect(ctx, &e.Children[0])
	return s.after(ctx, e, nil)
}

func (s *session) connect(ctx context.Context, e *element) {
	sid := newSID("MZ")
	st := &stream{s: s, sid: sid, name: e.Attr("name", sid)}
	target, ok := s.streamURL(e)
	if !ok {
		return
	}
	st.Stream = dialect.New(s.Leg, sid)
	err := st.Open(ctx, s.c.Exchange, target, http.Header{signatureHeader: {sign(s.c.opt.AuthToken, target, nil)}}, st.start(s.parameters(e)))
	if err != nil {
		if ctx.Err() == nil {
			s.Note("stream failed %v", err)
			st.notify(e, "stream-error", url.Values{"StreamError": {"31920 " + err.Error()}})
		}
		return
	}
	st.notify(e, "stream-started", nil)
	st.Talk(ctx, map[string]string{"accountSid": s.c.opt.AccountSID, "callSid": s.ID()})
	st.notify(e, "stream-stopped", nil)
}

// start is the body of the start message.
func (st *stream) start(params map[string]string) any {
	type format struct {
		Encoding   string `json:"encoding"`
		SampleRate int    `json:"sampleRate"`
		Channels   int    `json:"channels"`
	}
	return struct {
		AccountSID string            `json:"accountSid"`
		StreamSID  string            `json:"streamSid"`
		CallSID    string            `json:"callSid"`
		Tracks     []string          `json:"tracks"`
		Format     format            `json:"mediaFormat"`
		Params     map[string]string `json:"customParameters"`
	}{st.s.c.opt.AccountSID, st.sid, st.s.ID(), []string{"inbound"}, format{"audio/x-mulaw", st.s.Rate(), 1}, params}
}

// streamURL returns where to connect: without a query, which Twilio drops, and
// not without TLS, unless it is this machine.
func (s *session) streamURL(e *element) (string, bool) {
	target, query, hasQuery := strings.Cut(e.Attr("url", ""), "?")
	if hasQuery {
		s.Warn("query %q of the stream's URL is dropped", query)
	}
	u, err := url.Parse(target)
	switch {
	case err == nil && u.Scheme == "wss" && u.Host != "":
	case err == nil && u.Scheme == "ws" && carriersim.Loopback(u.Hostname()):
	default:
		s.Note("stream failed: url %q is not wss", target)
		return "", false
	}
	if track := e.Attr("track", "inbound_track"); track != "inbound_track" {
		s.Warn("track %q of a bidirectional stream", track)
	}
	return target, true
}

// parameters are the custom parameters of a stream.
func (s *session) parameters(e *element) map[string]string {
	params := map[string]string{}
	for i := range e.Children {
		p := &e.Children[i]
		if p.Name != "Parameter" {
			s.Warn("12200 <%s> in <Stream>", p.Name)
			continue
		}
		name, value := p.Attr("name", ""), p.Attr("value", "")
		if len(name)+len(value) > 500 {
			s.Warn("parameter %s is longer than 500 characters", name)
		}
		params[name] = value
	}
	return params
}

func (st *stream) notify(e *element, event string, more url.Values) {
	if target := e.Attr("statusCallback", ""); target != "" {
		st.s.Notify(st.s.webhook(carriersim.KindStream, event, e.Attr("statusCallbackMethod", http.MethodPost), target, with(url.Values{
			"AccountSid": {st.s.c.opt.AccountSID}, "CallSid": {st.s.ID()}, "StreamSid": {st.sid},
			"StreamName": {st.name}, "StreamEvent": {event},
			"Timestamp": {time.Now().UTC().Format("2006-01-02T15:04:05.000Z")},
		}, more)))
	}
}
