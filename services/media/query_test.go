package media_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// queryURL is the media URL of a call of the Asterisk as it dials it: all that
// stands in the path is in the query.
func (s *site) queryURL(callID string) string {
	p := path(callID)
	p.Trunk = "pbx"
	minted := s.links.Stream(p, time.Now().Add(time.Minute))
	return s.links.Streams() + "?" + url.Values{"org": {p.Org}, "trunk": {p.Trunk}, "call": {p.Call}, "stream": {p.Stream},
		"token": {minted[strings.LastIndexByte(minted, '/')+1:]}}.Encode()
}

// dialIn opens a media socket as Asterisk does, and announces a channel.
func (s *site) dialIn(address, channelID string) *websocket.Conn {
	s.t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"media"}}
	conn, _, err := dialer.Dial(address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	text := `{"event":"MEDIA_START","connection_id":"gw","channel":"WebSocket/gw/0x7f","channel_id":"` + channelID +
		`","format":"ulaw","optimal_frame_size":160,"ptime":20,"channel_variables":{}}`
	if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
	return conn
}

func TestPBXDialsIn(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	s.enter("c1")
	a := s.agent("c1")
	s.dialIn(s.queryURL("c1"), mediaChannel(channel))
	if started := a.started(); started.Call != "c1" || started.Provider != "ari" {
		t.Errorf("the agent is told %+v", started)
	}
	if e := s.fact("c1", event.StreamStarted{}); e.Leg != channel {
		t.Errorf("the stream is that of leg %q", e.Leg)
	}
}

// TestParametersOfAnotherCall: Asterisk sends a call's parameters on another
// channel's socket now and then. Its audio must not reach the call.
func TestParametersOfAnotherCall(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	s.enter("c1")
	a := s.agent("c1")
	for name, wrong := range map[string]string{
		"neighbour": mediaChannel("1795342530.99"), "nobody's": "1795342530.44", "another application's": "tmabcdef-0123456789abcdef-" + channel,
	} {
		conn := s.dialIn(s.queryURL("c1"), wrong)
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, socket.Policy) {
			t.Errorf("%s: %v, want it closed for policy", name, err)
		}
	}
	s.noFact("c1", event.StreamStarted{StreamID: stream("c1")})
	if n := len(a.signals); n != 0 {
		t.Errorf("the agent got %d signals", n)
	}
	s.dialIn(s.queryURL("c1"), mediaChannel(channel)) // none of them used the token up
	a.started()
}

func TestRefusedParameters(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	s.enter("c1")
	good := s.queryURL("c1")
	for name, address := range map[string]string{
		"nothing": s.links.Streams(), "another call": strings.Replace(good, "call=c1", "call=c2", 1), "no token": good[:strings.Index(good, "&token")],
		"no org": strings.Replace(good, "org=", "o=", 1), "another trunk": strings.Replace(good, "trunk=pbx", "trunk=main", 1),
	} {
		conn, resp, err := websocket.DefaultDialer.Dial(address, nil)
		if err == nil {
			_ = conn.Close()
		}
		if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %v, %+v; want 403", name, err, resp)
		}
	}
}
