package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// limits of a socket to an agent. The kernel's buffer holds seconds of audio,
// so a write that waits this long means an agent that has stopped reading, and
// the caller's pump must not wait for it any longer.
var limits = socket.Limits{
	Message: socket.Defaults.Message, Ping: socket.Defaults.Ping, Silence: socket.Defaults.Silence,
	Write: time.Second, Close: socket.Defaults.Close,
}

// webSocketLink speaks Trunkline's own protocol: text messages are signals and
// controls in JSON, binary messages are audio.
type webSocketLink struct {
	conn    *socket.Conn
	to      Sink
	gone    sync.Once
	reading sync.WaitGroup
}

// WebSocket dials an agent.
func WebSocket(ctx context.Context, url string) (Link, error) {
	conn, err := socket.Dial(ctx, socket.Target{URL: url}, limits)
	if err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	return &webSocketLink{conn: conn}, nil
}

// Listen implements Link.
func (l *webSocketLink) Listen(to Sink) error {
	l.to = to
	l.reading.Go(l.listen)
	return nil
}

func (l *webSocketLink) listen() {
	for {
		m, err := l.conn.Read()
		switch {
		case err != nil:
			l.lost(err)
			return
		case m.Binary:
			l.to.Speech(m.Data)
		default:
			control(l.to, m.Data)
		}
	}
}

// lost tells the sink that the agent is gone, unless it was sent away.
func (l *webSocketLink) lost(err error) {
	if l.to != nil && !errors.Is(err, socket.ErrClosed) {
		l.gone.Do(func() { l.to.Gone(err) })
	}
}

// Audio implements Link.
func (l *webSocketLink) Audio(data []byte) error {
	return l.write(media.Message{Binary: true, Data: data})
}

// Signal implements Link.
func (l *webSocketLink) Signal(s media.Signal) error {
	doc, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("signal: %w", err)
	}
	return l.write(media.Message{Data: doc})
}

func (l *webSocketLink) write(m media.Message) error {
	err := l.conn.Write(m)
	if err != nil {
		l.lost(err)
	}
	return err
}

// Close implements Link.
func (l *webSocketLink) Close() {
	l.conn.Release()
	l.reading.Wait()
}

// String implements Link.
func (l *webSocketLink) String() string { return "websocket" }
