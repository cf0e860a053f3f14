package plivoswitch

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

const (
	streamAttrs    = "bidirectional audioTrack contentType keepCallAlive streamTimeout extraHeaders statusCallbackUrl statusCallbackMethod noiseCancellation noiseCancellationLevel maxRetries"
	streamTimeout  = 86400                  // seconds
	reconnectPause = 500 * time.Millisecond // how long it really is, is not known
	maxStreamURL   = 2048
	maxExtra       = 512 // bytes of extraHeaders
	maxRetries     = 10
)

// streamOrder is what a <Stream> asks for.
type streamOrder struct {
	url     string
	status  hook
	format  format
	both    bool // bidirectional
	extra   string
	timeout time.Duration
	retries int // reconnects of a socket that was lost
}

// runStream runs <Stream>: with keepCallAlive it holds the call until the
// stream is over, else the stream goes on beside what follows.
func (s *session) runStream(ctx context.Context, e *element) outcome {
	o, ok := s.readStream(e)
	s.mu.Lock()
	busy := s.streaming
	s.streaming = s.streaming || ok
	s.mu.Unlock()
	switch {
	case !ok:
		s.hangUp(byMarkup, endOfXML)
		return outcome{over: true}
	case busy:
		s.Warn("second <Stream> of the call")
		return goOn
	}
	hold := e.isTrue("keepCallAlive", false)
	if hold && !o.both {
		s.Warn("keepCallAlive of a stream that is not bidirectional")
		hold = false
	}
	if hold {
		s.stream(ctx, o)
	} else {
		s.c.Go(func(context.Context) { s.stream(s.Context(), o) })
	}
	return goOn
}

// readStream checks a <Stream>. What it refuses ends the call.
func (s *session) readStream(e *element) (o streamOrder, ok bool) {
	o = streamOrder{
		url: e.text(), both: e.isTrue("bidirectional", false), extra: e.attr("extraHeaders", ""),
		timeout: s.seconds(e, "streamTimeout", streamTimeout), status: e.hook("statusCallbackUrl", "statusCallbackMethod"),
	}
	if retries, err := strconv.Atoi(e.attr("maxRetries", "0")); err == nil && retries >= 0 && retries <= maxRetries {
		o.retries = retries
	} else {
		s.Warn("maxRetries %q of <Stream>", e.attr("maxRetries", ""))
	}
	u, err := url.Parse(o.url)
	switch {
	case err == nil && u.Scheme == "wss" && u.Host != "" && len(o.url) <= maxStreamURL:
	case err == nil && u.Scheme == "ws" && carriersim.Loopback(u.Hostname()):
	default:
		s.Note("stream failed: url %q is not wss", o.url)
		return o, false
	}
	track := e.attr("audioTrack", "inbound")
	if o.both && track != "inbound" {
		s.Warn("audioTrack %q of a bidirectional stream", track)
		return o, false
	}
	if track != "inbound" {
		s.Warn("audioTrack %q is not simulated", track)
	}
	if len(o.extra) > maxExtra {
		s.Warn("extraHeaders of %d bytes", len(o.extra))
	}
	o.format, ok = s.c.m.Stream.formatOf(e.attr("contentType", "audio/x-l16;rate=8000"))
	if !ok {
		s.Warn("contentType %q of <Stream>", e.attr("contentType", ""))
	}
	return o, ok
}

// stream keeps a stream up until it is over for good. Each new socket is a
// stream of its own.
func (s *session) stream(ctx context.Context, o streamOrder) {
	defer func() {
		s.mu.Lock()
		s.streaming = false
		s.mu.Unlock()
	}()
	for failed := 0; ; failed++ {
		st, err := s.openStream(ctx, o)
		limit := s.c.m.Stream.Reconnects + o.retries
		if err == nil {
			var lost bool
			if lost, err = st.run(ctx); !lost {
				return
			}
			limit = o.retries
		} else if ctx.Err() == nil {
			s.Note("stream failed %v", err)
		}
		if failed >= limit || ctx.Err() != nil {
			st.tell("DroppedStream", url.Values{"Error": {err.Error()}})
			return
		}
		carriersim.Sleep(ctx, reconnectPause)
	}
}

// openStream connects with the gateway and starts the audio.
func (s *session) openStream(ctx context.Context, o streamOrder) (*stream, error) {
	st := newStream(s, o)
	ready := make(chan struct{}) // the socket is in its place
	var signature http.Header
	if sign := s.c.m.Stream.Handshake; sign != nil {
		signature = sign(o.url)
	}
	socket, err := s.c.OpenSocket(ctx, s.Leg, o.url, signature, nil, func(binary bool, data []byte) {
		<-ready
		st.receive(binary, data)
	})
	if err != nil {
		return st, err
	}
	st.socket = socket
	close(ready)
	st.open()
	s.Note("stream started %s", o.url)
	st.tell("StartStream", nil)
	return st, nil
}

// run carries audio until the stream is over, and reports whether the socket
// was lost: ended without a close frame.
func (st *stream) run(ctx context.Context) (lost bool, err error) {
	s := st.s
	var source carriersim.Source
	if st.order.both {
		source = st.playout
	}
	s.OnKey(st.press) // before the person can do anything
	disconnect := s.Connect(source, st)
	timeout := time.NewTimer(st.order.timeout)
	defer timeout.Stop()
	select {
	case <-st.socket.Done():
		err = st.socket.Err()
		var closed *websocket.CloseError
		lost = !errors.As(err, &closed) || closed.Code == websocket.CloseAbnormalClosure
		s.Note("stream stopped by gateway: %v", err)
	case <-st.stopped:
		s.Note("stream stopped by gateway: stop")
	case <-timeout.C:
		s.Note("stream stopped by carrier: time-out")
	case <-ctx.Done():
		s.Note("stream stopped by carrier")
	}
	s.OnKey(nil)
	disconnect()
	st.socket.Close()
	if !lost && (!s.c.m.Stream.Stops || st.wasStopped()) {
		st.tell("StopStream", nil)
	}
	return lost, err
}

// tell posts a stream's status. Overrides in the fragment do not count there.
func (st *stream) tell(event string, more url.Values) {
	to := st.order.status
	if to.url == "" {
		return
	}
	s := st.s
	form := url.Values{
		"CallUUID": {s.ID()}, "From": {s.From()}, "To": {s.To()}, "Event": {event}, "StreamID": {st.id},
		"ServiceURL": {st.order.url}, "Timestamp": {localTime(time.Now())},
	}
	for name, values := range more {
		form[name] = values
	}
	if s.c.m.HTTPHeaders {
		form.Set("ParentAuthID", s.c.m.Account.ID)
		form.Set("status_callback_url", to.url)
		form.Set("status_callback_method", to.method)
	}
	w := s.webhook(carriersim.KindStream, event, to, form, s.c.m.Status)
	w.Policy = s.c.m.Status
	if s.c.m.HTTPHeaders {
		addHeaders(w.Header, st.order.extra)
	}
	s.Notify(w)
}

// pairs splits "k=v,k2=v2".
func pairs(list string) (names, values []string) {
	for pair := range strings.SplitSeq(list, ",") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			names, values = append(names, name), append(values, value)
		}
	}
	return names, values
}
