package event

import "github.com/trunkline-io/trunkline/pkg/call"

var _ = register[AMDDetected]()

// AMDDetected records that answering-machine detection gave a verdict.
type AMDDetected struct {
	ID          string          `json:"id"`
	AnsweredBy  call.AnsweredBy `json:"answered_by"`
	Verdict     string          `json:"verdict,omitempty"` // the carrier's own word
	DetectionMS int             `json:"detection_ms,omitempty"`
}

// Type is amd.detected.
func (AMDDetected) Type() string { return "amd.detected" }

// Key is ID.
func (a AMDDetected) Key() string { return a.ID }
