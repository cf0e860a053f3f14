package plivoswitch

import (
	"net/http"
	"net/url"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// Manners are in what the carriers that run on a Switch differ. Where both are
// known to do the same, there is no field.
type Manners struct {
	Provider string  // the provider's name: "plivo"
	Brand    string  // who hung up, where the carrier did: "Plivo"
	Account  Account // every callback names the main one

	// Callbacks.
	Written     func(number string) string // how numbers are written in them
	StartZone   *time.Location             // of SessionStart; all other times are in Zone
	Complete    func(form url.Values)      // adds the fields that only this carrier has
	Fetch       carriersim.Policy          // for what is answered with XML
	Status      carriersim.Policy          // for the others
	Fragments   bool                       // a fragment of the URL overrides the policy
	Headers     http.Header                // of every callback
	HTTPHeaders bool                       // custom headers come as X-VH-* headers of HTTP, not as X-PH-* fields
	Sign        func(w *carriersim.Webhook)

	// Calls.
	OneWord            bool // every hang-up is called completed
	RingCounts         bool // Duration and call_duration count ringing
	TellsInitiated     bool // a callback comes before the ringing
	TellsHumans        bool // detection reports a human, too
	NamesUnanswered    bool // DialBLegUUID is there for a leg that nobody answered
	OwnCallerID        bool // callerId of <Dial> must be a number of the account
	NeedsAnswerMethod  bool // a dial without answer_method is refused
	IgnoresRingTimeout bool
	StayAlone          bool // default of the attribute of <Conference>
	BareConferences    bool // callbacks of conferences carry no status, and no numbers at the exit
	CallsPerSecond     int  // those above it stay queued; 0 is no limit
	DetectAfter        time.Duration
	RecordAfter        time.Duration // from the end of a call until its record can be read
	InboundRate        int64         // a minute, in millionths of the currency
	OutboundRate       int64
	Amount             func(millionths int64) string

	Stream StreamManners
}

// StreamManners is the part of Manners that concerns the media socket.
type StreamManners struct {
	Account       string // accountId of the start message
	Handshake     func(url string) http.Header
	FirstSequence int           // sequenceNumber of the start message
	Terse         bool          // answers of the carrier's carry no more than they must
	AnyFormat     bool          // playAudio may differ from the stream's format
	ClearAfter    time.Duration // clearAudio takes so long, and takes what comes meanwhile
	Stops         bool          // there is stop, and no sendDTMF; only that is told as StopStream
	Reconnects    int           // of a socket that could not be opened
	Wide          bool          // 24 kHz is offered
}

// Zone is where the accounts are: not in UTC, so that local times show.
var Zone = time.FixedZone("IST", 5*3600+1800)
