package event

var _ = register[RecordingReported]()

// RecordingReported records that the carrier told about a recording of the call.
type RecordingReported struct {
	ID      string `json:"id"`
	Status  string `json:"status"` // the carrier's word
	URL     string `json:"url,omitempty"`
	Seconds int    `json:"seconds,omitempty"`
}

// Type is recording.reported.
func (RecordingReported) Type() string { return "recording.reported" }

// Key is ID.
func (r RecordingReported) Key() string { return r.ID }
