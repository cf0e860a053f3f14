package event

var _ = register[CarrierReported]()

// CarrierReported keeps a callback that has no fact of its own (conference,
// dial action, redirect): nothing is lost, and nothing moves.
type CarrierReported struct {
	ID     string            `json:"id"`
	Kind   string            `json:"kind"`
	Status string            `json:"status,omitempty"`
	Detail map[string]string `json:"detail,omitempty"`
}

// Type is carrier.reported.
func (CarrierReported) Type() string { return "carrier.reported" }

// Key is ID.
func (c CarrierReported) Key() string { return c.ID }
