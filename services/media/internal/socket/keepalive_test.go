package socket

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/media"
)

// pair is a Conn and its raw peer over a pipe, so that time can be faked.
func pair(t *testing.T) (*Conn, *websocket.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	peers := make(chan *websocket.Conn, 1)
	go func() {
		peer, _, err := websocket.NewClient(theirs, &url.URL{Scheme: "ws", Host: "node"}, nil, 0, 0) //nolint:staticcheck // the one way to a client over a pipe
		if err != nil {
			t.Error(err)
		}
		peers <- peer
	}()
	req, err := http.ReadRequest(bufio.NewReader(ours))
	if err != nil {
		t.Fatal(err)
	}
	var up websocket.Upgrader
	inner, err := up.Upgrade(hijacker{httptest.NewRecorder(), ours}, req, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, peer := newConn(inner, Defaults, true), <-peers
	t.Cleanup(func() {
		_ = peer.Close()
		c.Release()
	})
	return c, peer
}

type hijacker struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

func TestPeerThatAnswersPingsMaySayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := pair(t)
		read := make(chan error, 1)
		go func() {
			_, err := c.Read()
			read <- err
		}()
		go func() { _, _, _ = peer.ReadMessage() }() // which answers pings
		time.Sleep(time.Hour)
		select {
		case err := <-read:
			t.Fatalf("the peer counts as gone: %v", err)
		default:
		}
		if err := peer.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if err := <-read; err != nil {
			t.Error(err)
		}
	})
}

func TestPeerThatAnswersNothingIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := pair(t) // whose peer never reads
		start := time.Now()
		_, err := c.Read()
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("reading %v, want a time-out", err)
		}
		if took := time.Since(start); took != Defaults.Silence {
			t.Errorf("it took %s, want %s", took, Defaults.Silence)
		}
	})
}

func TestReleaseEndsWriteThatNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := pair(t) // whose peer never reads
		wrote := make(chan error, 1)
		go func() { wrote <- c.Write(media.Message{Data: []byte("audio")}) }()
		synctest.Wait() // until the write is stuck
		start := time.Now()
		c.Release()
		if took := time.Since(start); took > Defaults.Close {
			t.Errorf("it took %s, want %s at most", took, Defaults.Close)
		}
		if err := <-wrote; err == nil {
			t.Error("the write ended well")
		}
	})
}
