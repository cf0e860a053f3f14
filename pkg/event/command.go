package event

var _ = register[CommandFailed]()

// CommandFailed records that an order was refused. The order itself is in the stream DEAD.
type CommandFailed struct {
	ID      string `json:"id"`      // the order's place in COMMANDS
	Command string `json:"command"` // e.g. call.dial
	Code    string `json:"code"`    // machine-readable, e.g. invalid_number
	Message string `json:"message"` // says what to do
}

// Type is command.failed.
func (CommandFailed) Type() string { return "command.failed" }

// Key is ID.
func (c CommandFailed) Key() string { return c.ID }
