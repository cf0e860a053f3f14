package ari

import "github.com/trunkline-io/trunkline/pkg/carriersim"

// The causes of Q.850 that are used by name. softHangup is none: it is the flag
// that a hang-up request carries after a DELETE.
const (
	causeUnallocated = 1
	causeNoRoute     = 3
	causeNormal      = 16
	causeBusy        = 17
	causeNoAnswer    = 19
	causeRejected    = 21
	causeCongestion  = 34
	causeFailure     = 38
	softHangup       = 32
)

var causeTexts = map[int]string{
	0: "Unknown", 1: "Unallocated (unassigned) number", 2: "No route to specified transmit network", 3: "No route to destination",
	16: "Normal Clearing", 17: "User busy", 18: "No user responding", 19: "User alerting, no answer", 20: "Subscriber absent",
	21: "Call Rejected", 22: "Number changed", 26: "Answered elsewhere", 27: "Destination out of order", 28: "Invalid number format",
	31: "Normal, unspecified", 34: "Circuit/channel congestion", 38: "Network out of order", 41: "Temporary failure",
	58: "Bearer capability not available", 127: "Interworking, unspecified",
}

// causeText is the cause_txt of a cause.
func causeText(cause int) string {
	if text, ok := causeTexts[cause]; ok {
		return text
	}
	return "Unknown"
}

// reasons are the words of a DELETE. failure and interworking are the same to a
// caller and not to anybody else.
var reasons = map[string]int{
	"normal": 16, "busy": 17, "congestion": 34, "no_answer": 19, "timeout": 18, "rejected": 21, "unallocated": 1,
	"normal_unspecified": 31, "number_incomplete": 28, "codec_mismatch": 58, "interworking": 127, "failure": 38, "answered_elsewhere": 26,
}

// sipStatus is what a caller is refused with for a cause.
func sipStatus(cause int) int {
	status, ok := map[int]int{
		1: 404, 17: 486, 18: 408, 19: 480, 20: 480, 21: 403, 22: 410, 27: 502, 28: 484, 31: 480, 34: 503, 38: 500, 58: 488, 127: 500,
	}[cause]
	if !ok {
		return 603
	}
	return status
}

// ending is why a channel ends. tech is the SIP status or the WebSocket's close
// code, 0 where there is none.
type ending struct{ cause, tech int }

func (e ending) String() string { return causeText(e.cause) }

// refusal is how a phone that is not picked up ends a call, and the last
// dialstatus of it.
func refusal(o carriersim.Outcome) (e ending, dialStatus string) {
	switch o {
	case carriersim.Busy:
		return ending{causeBusy, 486}, "BUSY"
	case carriersim.Rejects:
		return ending{causeRejected, 603}, "NOANSWER"
	case carriersim.Unreachable:
		return ending{causeUnallocated, 404}, "NOANSWER"
	}
	return ending{causeNoAnswer, 480}, ""
}
