package media

// EventKind says which fields of an Event are set.
type EventKind uint8

// The kinds of codec events.
const (
	EventStarted EventKind = iota + 1 // Start
	EventAudio                        // Audio, Track
	EventDTMF                         // Digit, DurationMS
	EventMark                         // Name, Cleared
	EventCleared                      // the carrier confirms a clear
	EventStopped                      // Reason
	EventWarning                      // Reason: reported, not fatal
	EventFlow                         // Paused: the carrier asks to hold back, or to go on
)

// Event is something a carrier said on its media socket.
type Event struct {
	Kind       EventKind
	Start      *Start
	Audio      []byte // in the stream's inbound format; borrowed until the next Decode
	Track      string // "" is the other side's voice, the only one that goes to the agent
	Digit      string // one of 0-9 * # A-D
	DurationMS int
	Name       string // of a mark
	Cleared    bool   // the mark came back because of a clear, not because it was heard
	Reason     string
	Paused     bool
}

// Start is the carrier's announcement of a stream.
type Start struct {
	StreamID  string // the carrier's
	LegID     string // must be the leg for which the URL was minted; "" where the carrier does not say
	AccountID string
	In, Out   Format            // as negotiated, per direction
	Tracks    []string          // as announced
	Params    map[string]string // what Trunkline put into the instruction, echoed
	Detail    map[string]string // further ids the carrier gives, by its names
}

// CommandKind says which fields of a Command are set.
type CommandKind uint8

// The kinds of codec commands.
const (
	CommandAudio CommandKind = iota + 1 // Audio
	CommandMark                         // Name
	CommandClear
	CommandDTMF   // Digits
	CommandAnswer // where the media socket answers the call
	CommandStop   // end the stream from this side
)

// Command is something to say to a carrier on its media socket.
type Command struct {
	Kind   CommandKind
	Audio  []byte // in the stream's outbound format, whole samples; one frame unless the caller says otherwise
	Name   string
	Digits string
}

// Message is one WebSocket message.
type Message struct {
	Binary bool
	Data   []byte // borrowed until the next Encode
}
