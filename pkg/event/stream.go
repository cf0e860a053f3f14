package event

var (
	_ = register[StreamStarted]()
	_ = register[StreamStopped]()
	_ = register[StreamReported]()
)

// StreamStarted records that the carrier opened the media stream; its token is used up.
type StreamStarted struct {
	StreamID        string `json:"stream_id"`
	CarrierStreamID string `json:"carrier_stream_id,omitempty"`
	Node            string `json:"node"`      // the media node that serves it
	InFormat        string `json:"in_format"` // from the carrier, e.g. ulaw/8000
	OutFormat       string `json:"out_format"`
}

// Type is stream.started.
func (StreamStarted) Type() string { return "stream.started" }

// Key is the stream.
func (s StreamStarted) Key() string { return s.StreamID }

// StreamStopped records that the media stream is over.
type StreamStopped struct {
	StreamID string `json:"stream_id"`
	Reason   string `json:"reason"` // stop, closed, hangup, drained, error
	Detail   string `json:"detail,omitempty"`
	InMS     int64  `json:"in_ms"`  // audio received from the carrier
	OutMS    int64  `json:"out_ms"` // audio sent to the carrier
}

// Type is stream.stopped.
func (StreamStopped) Type() string { return "stream.stopped" }

// Key is the stream.
func (s StreamStopped) Key() string { return s.StreamID }

// StreamReported records that the carrier's own word about a media stream.
type StreamReported struct {
	ID     string `json:"id"`     // the carrier's event, made safe for a subject
	Status string `json:"status"` // started, stopped, error, or the carrier's word
	Detail string `json:"detail,omitempty"`
}

// Type is stream.reported.
func (StreamReported) Type() string { return "stream.reported" }

// Key is ID.
func (s StreamReported) Key() string { return s.ID }
