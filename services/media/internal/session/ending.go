package session

import (
	"context"
	"errors"

	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// Reasons for the end of a stream, as agents and the log are told.
const (
	reasonStop    = "stop"    // the carrier said so
	reasonClosed  = "closed"  // the carrier's socket is gone
	reasonAgent   = "agent"   // the agent hung up, or could not be reached
	reasonDrained = "drained" // the node stops
	reasonError   = "error"   // the carrier broke its protocol, or this node failed

	// reasonReplaced is told to nobody: the stream goes on on another socket.
	reasonReplaced = "replaced"
)

// ending says why a stream is over. It is the cause of a session's context, so
// the first one counts.
type ending struct {
	reason string
	detail string
	code   int // with which the carrier's socket is closed
}

// errOver ends what a session still runs when it is over anyway.
var errOver = errors.New("session is over")

// Error implements error.
func (e *ending) Error() string {
	if e.detail == "" {
		return e.reason
	}
	return e.reason + ": " + e.detail
}

// ours reports whether this side ends the stream, so that the carrier is told.
func (e *ending) ours() bool {
	switch e.reason {
	case reasonAgent, reasonDrained, reasonError:
		return true
	}
	return false
}

// why returns the ending of a context that has ended.
func why(ctx context.Context) *ending {
	var e *ending
	if errors.As(context.Cause(ctx), &e) {
		return e
	}
	return &ending{reason: reasonDrained, code: socket.GoingAway}
}

// stopped is the ending by the carrier's own word.
func stopped(detail string) *ending {
	if detail == reasonStop {
		detail = ""
	}
	return &ending{reason: reasonStop, detail: detail, code: socket.Normal}
}

// lost is the ending where the carrier's socket gives an error.
func lost(err error) *ending {
	e := &ending{reason: reasonClosed, code: socket.Normal}
	if code := socket.Code(err); code != socket.Normal && code != socket.GoingAway {
		e.detail = err.Error() // neither a stop nor an orderly close
	}
	return e
}

// broken is the ending where the carrier does not keep to its protocol.
func broken(err error) *ending {
	return &ending{reason: reasonError, detail: err.Error(), code: socket.ProtocolError}
}

// refused is the ending of a socket that has no right to its stream.
func refused(detail string) *ending {
	return &ending{reason: reasonError, detail: detail, code: socket.Policy}
}

// noAgent is the ending where the agent cannot be reached.
func noAgent(err error) *ending {
	return &ending{reason: reasonAgent, detail: err.Error(), code: socket.Normal}
}

// failed is the ending where this node cannot go on.
func failed(err error) *ending {
	return &ending{reason: reasonError, detail: err.Error(), code: socket.InternalError}
}
