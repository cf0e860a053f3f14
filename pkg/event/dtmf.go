package event

var _ = register[DTMFReceived]()

// DTMFReceived records that the other side pressed a key.
type DTMFReceived struct {
	ID         string `json:"id"`    // the carrier's event, or stream and number
	Digit      string `json:"digit"` // one of 0-9 * # A-D
	DurationMS int    `json:"duration_ms,omitempty"`
}

// Type is dtmf.received.
func (DTMFReceived) Type() string { return "dtmf.received" }

// Key is ID.
func (d DTMFReceived) Key() string { return d.ID }
