package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/fasthttp/websocket"
)

// Stream is one media stream of a simulated carrier.
type Stream struct {
	URL    string
	Header http.Header
	Hello  []string // text messages sent after the upgrade
	ID     string   // the carrier's id of the stream
}

// Streams is what a run of media streams saw.
type Streams struct {
	Sent, Echoed int
	P50, P99     time.Duration // from a frame's sending to its echo
}

const (
	frame = 20 * time.Millisecond
	// settle is the time between the opening of the last stream and the first
	// frame: what came before a session is ready would be late for good.
	settle = 1500 * time.Millisecond
)

// Echo runs streams at 50 frames a second each until the time is up, and
// measures how long each frame takes to come back. A stream's n-th echo
// belongs to its n-th frame. begin and end are called around the measured time.
func Echo(ctx context.Context, streams []Stream, warmUp, measured time.Duration, begin, end func()) (Streams, error) {
	conns := make([]*conn, len(streams))
	for i, s := range streams {
		c, err := open(ctx, s)
		if err != nil {
			for _, c := range conns[:i] {
				c.close()
			}
			return Streams{}, fmt.Errorf("stream %d: %w", i+1, err)
		}
		conns[i] = c
	}
	start := time.Now().Add(settle)
	time.AfterFunc(time.Until(start.Add(warmUp)), begin)
	frames := int((warmUp+measured)/frame) + 1
	for _, c := range conns { // no garbage while the clock runs
		c.sent, c.echoed = make([]time.Time, 0, frames), make([]time.Time, 0, frames)
	}
	err := pace(conns, start, start.Add(warmUp+measured))
	end()
	time.Sleep(time.Second) // echoes under way
	var sum Streams
	var delays []time.Duration
	for _, c := range conns {
		c.close()
		sent, echoed, took := c.delays(start.Add(warmUp))
		sum.Sent += sent
		sum.Echoed += echoed
		delays = append(delays, took...)
	}
	if err != nil || len(delays) == 0 {
		return sum, errors.Join(err, errIf(len(delays) == 0, "no frame came back"))
	}
	slices.Sort(delays)
	sum.P50, sum.P99 = delays[len(delays)/2], delays[len(delays)*99/100]
	return sum, nil
}

func errIf(is bool, text string) error {
	if is {
		return errors.New(text)
	}
	return nil
}

// pace sends a frame on every connection every 20 ms, the connections spread
// over the 20 ms in slots of 1 ms.
func pace(conns []*conn, start, stop time.Time) error {
	const slots = 20
	for tick := 0; ; tick++ {
		at := start.Add(time.Duration(tick) * frame / slots)
		if at.After(stop) {
			return nil
		}
		time.Sleep(time.Until(at))
		for i := tick % slots; i < len(conns); i += slots {
			if err := conns[i].send(); err != nil {
				return fmt.Errorf("stream %d: %w", i+1, err)
			}
		}
	}
}

// conn is the socket of one stream. The handshake is the library's; after it
// frames are written and read as they are, so that the load takes little from
// what is measured.
type conn struct {
	net.Conn
	message []byte // one frame, masked
	sent    []time.Time
	done    chan struct{}
	echoed  []time.Time // the listener's until done
}

func open(ctx context.Context, s Stream) (*conn, error) {
	ws, resp, err := websocket.DefaultDialer.DialContext(ctx, s.URL, s.Header) //nolint:bodyclose // an upgrade leaves none
	if err != nil {
		if resp != nil {
			err = fmt.Errorf("%w: %s", err, resp.Status)
		}
		return nil, err
	}
	for _, hello := range s.Hello {
		if err := ws.WriteMessage(websocket.TextMessage, []byte(hello)); err != nil {
			return nil, err
		}
	}
	speech := make([]byte, 160)
	for i := range speech {
		speech[i] = byte(i*7 + 13)
	}
	c := &conn{Conn: ws.NetConn(), done: make(chan struct{}), message: text(fmt.Appendf(nil,
		`{"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1","timestamp":"0","payload":"%s"},"streamSid":"%s"}`,
		base64.StdEncoding.EncodeToString(speech), s.ID))}
	go c.listen()
	return c, nil
}

// text is a client's text message of 126 to 65,535 bytes: RFC 6455, section 5.2.
func text(payload []byte) []byte {
	key := [4]byte{0x5a, 0xc3, 0x17, 0x8e}
	frame := append([]byte{0x81, 0x80 | 126}, byte(len(payload)>>8), byte(len(payload)))
	frame = append(frame, key[:]...)
	for i, b := range payload {
		frame = append(frame, b^key[i%4])
	}
	return frame
}

func (c *conn) send() error {
	c.sent = append(c.sent, time.Now())
	_, err := c.Write(c.message)
	return err
}

// listen notes when each media message comes back.
func (c *conn) listen() {
	defer close(c.done)
	r := bufio.NewReaderSize(c.Conn, 4<<10)
	for {
		payload, err := readFrame(r)
		if err != nil {
			return
		}
		if bytes.Contains(payload, []byte(`"media"`)) {
			c.echoed = append(c.echoed, time.Now())
		}
	}
}

// readFrame reads a server's frame of up to 65,535 bytes, borrowed until the
// next.
func readFrame(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(4)
	if err != nil {
		return nil, err
	}
	size, n := 2, int(head[1])
	if n == 126 {
		size, n = 4, int(head[2])<<8|int(head[3])
	}
	if _, err := r.Discard(size); err != nil {
		return nil, err
	}
	payload, err := r.Peek(n)
	if err != nil {
		return nil, err
	}
	_, err = r.Discard(n)
	return payload, err
}

func (c *conn) close() {
	_ = c.Close()
	<-c.done
}

// delays pairs echoes with frames sent after from.
func (c *conn) delays(from time.Time) (sent, echoed int, took []time.Duration) {
	for i, at := range c.sent {
		if at.Before(from) {
			continue
		}
		sent++
		if i < len(c.echoed) {
			echoed++
			took = append(took, c.echoed[i].Sub(at))
		}
	}
	return sent, echoed, took
}
