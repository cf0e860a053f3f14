package event

var _ = register[AgentBound]()

// AgentBound records that an agent took the call. The first acceptance is kept, so a
// repeated webhook never wakes a second agent.
type AgentBound struct {
	Application string `json:"application"`
	Agent       string `json:"agent,omitempty"` // what the agent calls itself
	StreamID    string `json:"stream_id"`       // the media stream that was minted for it
}

// Type is agent.bound.
func (AgentBound) Type() string { return "agent.bound" }

// Key is empty: a call has one agent.
func (AgentBound) Key() string { return "" }
