package command

var _ = register[MediaConnect]()

// MediaConnect orders a media node to dial a carrier's media socket, where the
// carrier is the one to be dialled. callctl publishes it.
type MediaConnect struct {
	Trunk    string            `json:"trunk"`
	Leg      string            `json:"leg"`
	StreamID string            `json:"stream_id"`
	URL      string            `json:"url"` // ws:// or wss://
	Headers  map[string]string `json:"headers,omitempty"`
	Protocol string            `json:"protocol,omitempty"` // WebSocket subprotocol
	Insecure bool              `json:"insecure,omitempty"` // the certificate is not verified
}

// Type is media.connect.
func (MediaConnect) Type() string { return "media.connect" }

// Validate checks that nothing is missing, and the ids.
func (m MediaConnect) Validate() error {
	if m.Trunk == "" || m.Leg == "" || m.StreamID == "" || m.URL == "" {
		return Refuse("invalid_stream", "set trunk, leg, stream_id and url")
	}
	if err := refuseID("trunk", m.Trunk); err != nil {
		return err
	}
	return refuseID("stream_id", m.StreamID)
}
