package command

import (
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
)

var (
	_ = register[CallDial]()
	_ = register[CallHangup]()
	_ = register[CallAnswer]()
	_ = register[CallRedirect]()
)

// Limits of a dial.
const (
	DefaultRingSeconds = 30
	MaxRingSeconds     = 600
	MaxLimitSeconds    = 4 * 3600
	DefaultExpiry      = 10 * time.Minute
)

// AMD modes of a dial: off, tell while the call goes on, or wait for the end
// of the greeting before the call is handed over.
const (
	AMDOff    = ""
	AMDDetect = "detect"
	AMDWait   = "wait"
)

// CallDial orders an outbound call. It is carried out once, by one worker.
type CallDial struct {
	Trunk        string            `json:"trunk"`
	To           string            `json:"to"`             // E.164, a national number of the trunk's country, a SIP URI, or an endpoint of a PBX (PJSIP/100)
	From         string            `json:"from,omitempty"` // one of the trunk's numbers; the trunk's first when empty
	Application  string            `json:"application"`
	Variables    map[string]string `json:"variables,omitempty"` // handed to the agent
	RingSeconds  int               `json:"ring_seconds,omitempty"`
	LimitSeconds int               `json:"limit_seconds,omitempty"`
	AMD          string            `json:"amd,omitempty"`         // "", detect, wait
	SendDigits   string            `json:"send_digits,omitempty"` // pressed after the answer: 0-9 * # A-D w
	ExpiresAt    time.Time         `json:"expires_at,omitzero"`   // 10 minutes from publication when absent
}

// Type is call.dial.
func (CallDial) Type() string { return "call.dial" }

// Validate checks what needs no configuration.
func (c CallDial) Validate() error {
	switch {
	case c.Trunk == "":
		return Refuse("missing_trunk", "set trunk to the name of a trunk; `trunkline trunk list` shows them")
	case c.To == "":
		return Refuse("invalid_number", "set to to a number in E.164 form (+14155550101) or a SIP URI")
	case c.Application == "":
		return Refuse("missing_application", "set application to what shall talk to the callee; `trunkline application list` shows them")
	case c.RingSeconds < 0 || c.RingSeconds > MaxRingSeconds:
		return Refuse("invalid_ring_seconds", "ring_seconds is %d, want 1 to %d", c.RingSeconds, MaxRingSeconds)
	case c.LimitSeconds < 0 || c.LimitSeconds > MaxLimitSeconds:
		return Refuse("invalid_limit_seconds", "limit_seconds is %d, want 1 to %d", c.LimitSeconds, MaxLimitSeconds)
	case c.SendDigits != "" && !call.ValidDigits(c.SendDigits):
		return Refuse("invalid_digits", "send_digits is %q, want 0-9 * # A-D, and w for half a second", c.SendDigits)
	case c.AMD != AMDOff && c.AMD != AMDDetect && c.AMD != AMDWait:
		return Refuse("invalid_amd", "amd is %q, want detect, wait or nothing", c.AMD)
	}
	if err := refuseID("trunk", c.Trunk); err != nil {
		return err
	}
	return refuseID("application", c.Application)
}

// CallHangup orders the end of a call.
type CallHangup struct {
	Cause call.Cause `json:"cause,omitempty"` // why, for the record; normal when empty
	// Trunk and Leg name the carrier's leg where the log may not know it: a
	// leg that showed up after its call had ended.
	Trunk string `json:"trunk,omitempty"`
	Leg   string `json:"leg,omitempty"`
}

// Type is call.hangup.
func (CallHangup) Type() string { return "call.hangup" }

// Validate checks the cause, and that trunk and leg come together.
func (c CallHangup) Validate() error {
	switch {
	case c.Cause != "" && !c.Cause.Known():
		return Refuse("invalid_cause", "cause is %q; leave it out, or see schemas/call/cause.json", c.Cause)
	case (c.Trunk == "") != (c.Leg == ""):
		return Refuse("invalid_leg", "set both trunk and leg, or neither")
	case c.Trunk != "":
		return refuseID("trunk", c.Trunk)
	}
	return nil
}

// CallAnswer orders the answer of an inbound call at a carrier that is
// answered over REST. ingress publishes it.
type CallAnswer struct {
	Trunk       string           `json:"trunk"`
	Leg         string           `json:"leg"`
	Instruction call.Instruction `json:"instruction"`
}

// Type is call.answer.
func (CallAnswer) Type() string { return "call.answer" }

// Validate checks leg and instruction.
func (c CallAnswer) Validate() error {
	if c.Trunk == "" || c.Leg == "" {
		return Refuse("invalid_leg", "set trunk and leg")
	}
	if err := c.Instruction.Validate(); err != nil {
		return Refuse("invalid_instruction", "%s", err)
	}
	return refuseID("trunk", c.Trunk)
}

// CallRedirect orders that a live call goes on with another instruction.
type CallRedirect struct {
	Instruction call.Instruction `json:"instruction"`
}

// Type is call.redirect.
func (CallRedirect) Type() string { return "call.redirect" }

// Validate checks the instruction.
func (c CallRedirect) Validate() error {
	if err := c.Instruction.Validate(); err != nil {
		return Refuse("invalid_instruction", "%s", err)
	}
	return nil
}
