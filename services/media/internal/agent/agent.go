// Package agent is a media node's line to the agent of a call: over NATS, where
// the agent has accepted an offer and listens, or over a WebSocket that the
// node dials.
package agent

import (
	"github.com/trunkline-io/trunkline/pkg/media"
)

// Link is a line to an agent. All methods but Listen may be called concurrently.
type Link interface {
	// Listen begins to hand what the agent says to a sink. It is called once.
	Listen(to Sink) error
	// Audio sends a piece of the other side's voice, whole samples of the
	// agreed format. data is borrowed.
	Audio(data []byte) error
	// Signal sends a signal, in order with the audio of the same goroutine.
	Signal(s media.Signal) error
	// Close hangs up, after everything that was sent. What the agent still
	// says may reach the Sink for a moment.
	Close()
	// String names the kind of line: nats or websocket.
	String() string
}

// Sink takes what an agent says, in order, from one goroutine, which may be made
// to wait as long as a write to the carrier takes.
type Sink interface {
	// Speech takes a piece of the agent's voice, of any size. data is borrowed.
	Speech(data []byte)
	// Control takes an order.
	Control(c media.Control)
	// Malformed tells of a control that cannot be read; it is passed over.
	Malformed(err error)
	// Gone tells, at most once, that the agent has hung up or cannot be
	// reached any more.
	Gone(err error)
}

// control hands a control in its wire form to the sink.
func control(to Sink, doc []byte) {
	c, err := media.DecodeControl(doc)
	if err != nil {
		to.Malformed(err)
		return
	}
	to.Control(c)
}
