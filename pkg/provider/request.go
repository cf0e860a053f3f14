package provider

import (
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// Hook names what a callback URL is for. It is part of every URL that
// Trunkline mints, and the MAC in the URL covers it.
type Hook string

// The hooks.
const (
	HookInbound    Hook = "inbound"     // a call to one of the trunk's numbers
	HookAnswer     Hook = "answer"      // an outbound call was answered: what now?
	HookStatus     Hook = "status"      // progress and end of a call
	HookAMD        Hook = "amd"         // answering-machine detection
	HookStream     Hook = "stream"      // the media stream's own status
	HookConference Hook = "conference"  // rooms
	HookDialAction Hook = "dial-action" // the outcome of a dial instruction
	HookDialEvent  Hook = "dial-event"  // progress of a dialled leg
	HookRecording  Hook = "recording"
	HookRing       Hook = "ring"     // plivo, vobiz: told while it rings
	HookHangup     Hook = "hangup"   // plivo, vobiz: told the end
	HookCDR        Hook = "cdr"      // cloudonix: the call detail record
	HookFallback   Hook = "fallback" // the carrier could not use another hook
	HookEvents     Hook = "events"   // one URL for everything
)

// Hooks lists all hooks.
func Hooks() []Hook {
	return []Hook{HookInbound, HookAnswer, HookStatus, HookAMD, HookStream, HookConference, HookDialAction,
		HookDialEvent, HookRecording, HookRing, HookHangup, HookCDR, HookFallback, HookEvents}
}

// Request is one webhook, or one WebSocket upgrade, as it came in. Its strings
// and slices are borrowed for the time of the call.
type Request struct {
	Method string
	// URL is the public URL as the carrier was told it: scheme, host, port,
	// path and query, byte for byte.
	URL    string
	Header Header
	Body   []byte
	Hook   Hook
	CallID string // from the path, "" where the URL names no call
	// PathVerified says that the MAC in the URL's path is Trunkline's own and
	// covers org, trunk, hook and call. It is the authentication of carriers
	// that sign nothing.
	PathVerified bool
	Now          time.Time
}

// Query returns the raw query of the URL, without the question mark.
func (r *Request) Query() string {
	url, _, _ := strings.Cut(r.URL, "#")
	_, query, _ := strings.Cut(url, "?")
	return query
}

// Header is the header of a request, in the order in which it came.
type Header []Field

// Field is one header line.
type Field struct{ Name, Value string }

// Get returns the first value of a name, "" when there is none. Names are
// compared without regard to case.
func (h Header) Get(name string) string {
	v, _ := h.Lookup(name)
	return v
}

// Lookup is Get that tells an empty value from none.
func (h Header) Lookup(name string) (string, bool) {
	for i := range h {
		if strings.EqualFold(h[i].Name, name) {
			return h[i].Value, true
		}
	}
	return "", false
}

// MediaType returns the Content-Type in lower case, without parameters.
func (h Header) MediaType() string {
	t, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// Response is the answer to a webhook.
type Response struct {
	Status      int
	ContentType string
	Body        []byte
}

// History is what the log knows of a call when a callback comes in.
type History struct {
	Direction  call.Direction
	AnsweredAt time.Time // zero when it was not answered
	Status     call.Status
	LegID      string
	Ref        string // CarrierRef of call.received or call.initiated
	Variables  map[string]string
}
