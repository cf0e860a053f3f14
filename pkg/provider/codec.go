package provider

import (
	"time"

	"github.com/trunkline-io/trunkline/pkg/media"
)

// Codec speaks a carrier's media protocol for one socket. It is pure: bytes
// in, events out; commands in, bytes out. It opens nothing, starts nothing,
// does no REST and changes no samples. It is used by one goroutine at a time.
type Codec interface {
	// Decode appends to out what one message means. What the events borrow is
	// valid until the next Decode. An unknown or unreadable message is skipped,
	// or reported as EventWarning; an error means that the carrier broke the
	// protocol and the socket has to be closed.
	Decode(msg media.Message, out []media.Event) ([]media.Event, error)
	// Encode appends to out the messages that carry out a command. It may
	// append none: where the carrier has no such thing, or while it holds back
	// audio, because a frame is incomplete or the carrier would drop it. What
	// was held back goes out before the next command as soon as it may, with
	// the zero Command alone. An error means that the command makes no sense now.
	Encode(cmd media.Command, out []media.Message) ([]media.Message, error)
}

// CodecConfig is what a codec is made for.
type CodecConfig struct {
	Config Config
	Want   media.Format // asked of the carrier in the instruction; zero for Spec.Format
	LegID  string       // the leg for which the socket's URL was minted, "" where not known yet
	Header Header       // of the WebSocket upgrade
	// Now is the clock of what a protocol bounds in time; time.Now when nil.
	Now func() time.Time
}
