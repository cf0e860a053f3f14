package session

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// Source is how the log names who recorded a fact.
const Source = "/media"

// heartbeat is how often a call is marked as alive; the mark lasts three times
// as long.
const heartbeat = 10 * time.Second

// maxFacts is how many digits may wait to be recorded, and how many orders for
// keys to be given.
const maxFacts = 32

// alive is what stands in LIVE for a call that streams.
type alive struct {
	Node   string    `json:"node"`
	Stream string    `json:"stream_id"`
	Socket string    `json:"socket_id"`
	Since  time.Time `json:"since"` // when the socket was opened
}

// keep records digits, orders keys, and keeps the call alive until the stream is
// over.
func (s *session) keep() {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	s.beat()
	for {
		select {
		case f := <-s.facts:
			s.record(f)
		case digits := <-s.keys:
			s.order(command.DTMFSend{Digits: digits})
		case <-beat.C:
			s.beat()
		case <-s.ctx.Done():
			for {
				select {
				case f := <-s.facts:
					if !s.record(f) {
						return
					}
				default:
					return
				}
			}
		}
	}
}

// beat marks the call as alive, unless the leg has come back to its stream on
// another node: then this socket is a dead one, and the stream is not its to
// end.
func (s *session) beat() {
	ctx, cancel := s.patience()
	defer cancel()
	if err := s.markAlive(ctx); err != nil {
		s.warn(warnLog, err.Error())
	}
}

func (s *session) markAlive(ctx context.Context) error {
	key := subject.LiveKey(s.call.Org, s.call.ID)
	own := alive{Node: s.node.Name, Stream: s.call.Stream, Socket: s.id, Since: s.since}
	doc, _, err := s.node.Live.Get(ctx, key)
	switch {
	case errors.Is(err, bus.ErrNotFound):
	case err != nil:
		return err
	default:
		var other alive
		if json.Unmarshal(doc, &other) == nil && other.Stream == own.Stream && other.Socket != own.Socket && other.Since.After(own.Since) {
			s.end(&ending{reason: reasonReplaced, detail: "by a socket of node " + other.Node, code: socket.Normal})
			return nil
		}
	}
	if doc, err = json.Marshal(own); err != nil {
		return err
	}
	return s.node.Live.Put(ctx, key, doc)
}

// record writes a fact of the stream into the log, and reports whether it is
// kept.
func (s *session) record(f event.Fact) bool {
	ctx, cancel := s.patience()
	defer cancel()
	_, _, err := s.node.Bus.Record(ctx, s.event(f))
	if err != nil {
		s.log.WithError(err).WithField("leg_id", s.leg).Error("fact is lost")
	}
	return err == nil
}

// order gives callctl an order about the call.
func (s *session) order(c command.Command) {
	ctx, cancel := s.patience()
	defer cancel()
	if err := s.node.Bus.Send(ctx, s.call.Org, s.call.ID, c); err != nil {
		s.warn(warnLog, err.Error())
	}
}

// event is a fact of the session's call.
func (s *session) event(f event.Fact) *event.Event {
	e := event.New(Source, s.call.Org, s.call.ID, f)
	e.Trunk, e.Provider, e.Leg = s.call.Trunk.Name, s.call.Trunk.Provider, s.leg
	return e
}
