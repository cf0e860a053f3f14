// Package session is one call's audio on a media node: from the first message
// on the carrier's socket to the last, with a pump in each direction (caller.go
// and agent.go read one way, each like the pipeline it is).
//
// Four goroutines share the work of a session. The socket's own reads, decodes
// and feeds the agent. The agent's line brings one, which sends what the agent
// says at once where that is due, and one sends the rest when the node's clock
// says so; only one of them at a time. One keeps the log and the heartbeat, which
// may be slow.
package session

import (
	"context"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/media/internal/pace"
	"github.com/trunkline-io/trunkline/services/media/internal/prompt"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// Node is what the sessions of a media node share.
type Node struct {
	Name    string // as it is recorded
	Bus     *bus.Bus
	Live    *bus.Bucket // LIVE
	Clock   *pace.Clock
	Prompts *prompt.Library
	Metrics *Metrics
	Log     *logrus.Logger
	Lead    time.Duration // how far a carrier may be ahead of its playing; at least a frame
	// Announce is how long a carrier has, after it opened the socket, to say
	// which stream it is.
	Announce time.Duration

	mu      sync.Mutex
	streams map[string]*session
}

// Call is what is known of a stream before its socket is open.
type Call struct {
	Org, ID, Stream string
	Leg             string // "" where it is not known yet
	Trunk           *trunk.Line
	Application     trunk.Application
	State           event.State
	Header          provider.Header // of the upgrade; none where this side dialled
}

// Serve runs a session on a socket until the stream is over, or until ctx ends.
func (n *Node) Serve(ctx context.Context, c Call, conn *socket.Conn) {
	s := n.newSession(ctx, c, conn)
	n.Metrics.sessions.Inc()
	defer n.Metrics.sessions.Dec()
	defer close(s.done)
	s.run()
}

func (n *Node) newSession(ctx context.Context, c Call, conn *socket.Conn) *session {
	s := &session{
		node: n, call: c, conn: conn, id: ulid.Make().String(), since: time.Now(),
		wake: make(chan struct{}, 1), facts: make(chan event.Fact, maxFacts), keys: make(chan string, maxFacts), done: make(chan struct{}),
		leg: c.Leg, warned: map[warning]bool{},
		log: n.Log.WithFields(logrus.Fields{
			"org": c.Org, "call_id": c.ID, "trunk": c.Trunk.Name, "provider": c.Trunk.Provider, "stream_id": c.Stream,
		}),
	}
	s.codec = c.Trunk.Account.NewCodec(provider.CodecConfig{Want: c.Trunk.Asked(c.Application), LegID: c.Leg, Header: c.Header})
	s.ctx, s.end = context.WithCancelCause(ctx)
	return s
}

// claim makes s the session of its stream and returns the one before, if it is
// still there.
func (n *Node) claim(s *session) (before *session) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before = n.streams[s.call.Stream]
	if n.streams == nil {
		n.streams = map[string]*session{}
	}
	n.streams[s.call.Stream] = s
	return before
}

// forget undoes claim, unless somebody else has claimed the stream since.
func (n *Node) forget(s *session) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.streams[s.call.Stream] == s {
		delete(n.streams, s.call.Stream)
	}
}
