package command

import "github.com/trunkline-io/trunkline/pkg/call"

var _ = register[DTMFSend]()

// DTMFSend orders keys to be pressed towards the other side of a live call.
// Those of one order are pressed in turn; two orders may overtake each other.
// One that waited for 10 s is refused.
type DTMFSend struct {
	Digits string `json:"digits"` // 0-9 * # A-D, and w for half a second
}

// Type is dtmf.send.
func (DTMFSend) Type() string { return "dtmf.send" }

// Validate checks the digits.
func (c DTMFSend) Validate() error {
	if !call.ValidDigits(c.Digits) {
		return Refuse("invalid_digits", "digits is %q, want 0-9 * # A-D, and w for half a second", c.Digits)
	}
	return nil
}
