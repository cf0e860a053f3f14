package cloudonix

import (
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// updates are the words of sessions and their updates, in lower case. None
// says that a conversation is over, and external, whatever it means, moves
// nothing.
var updates = map[string]call.Status{
	"new":        call.Queued,
	"processing": call.Initiated,
	"ringing":    call.Ringing,
	"connected":  call.Answered,
	"answer":     call.Answered,
	"busy":       call.Busy,
	"noanswer":   call.NoAnswer,
	"cancel":     call.Canceled,
	"nocredit":   call.Failed,
	"error":      call.Failed,
	"congestion": call.Failed,
	"failed":     call.Failed,
}

// voiceWords are those of requests for an instruction.
var voiceWords = map[string]call.Status{
	"queued":      call.Queued,
	"ringing":     call.Ringing,
	"in-progress": call.Answered,
	"completed":   call.Completed,
	"busy":        call.Busy,
	"canceled":    call.Canceled,
	"failed":      call.Failed,
	"no-answer":   call.NoAnswer,
}

// dispositions are those of call detail records, in upper case and without
// blanks.
var dispositions = map[string]call.Status{
	"ANSWER":     call.Completed,
	"ANSWERED":   call.Completed,
	"CONNECTED":  call.Completed,
	"BUSY":       call.Busy,
	"CANCEL":     call.Canceled,
	"NOANSWER":   call.NoAnswer,
	"FAILED":     call.Failed,
	"CONGESTION": call.Failed,
}

func updateStatus(word string) call.Status { return updates[strings.ToLower(strings.TrimSpace(word))] }

func voiceStatus(word string) call.Status {
	return voiceWords[strings.ToLower(strings.TrimSpace(word))]
}

func disposition(word string) call.Status {
	return dispositions[strings.ToUpper(strings.Join(strings.Fields(word), ""))]
}

// cause says why a call ended that the carrier has a word for.
func cause(s call.Status, word string) call.Cause {
	switch s {
	case call.Failed:
		switch strings.ToLower(word) {
		case "nocredit", "congestion", "error":
			return call.CauseCarrier
		}
		return call.CauseUnknown
	case call.Uncertain:
		return call.CauseUnknown
	}
	return s.Cause()
}

// directions are those of all webhooks, in lower case. What internal and
// application mean is not documented.
var directions = map[string]call.Direction{
	"inbound":      call.Inbound,
	"incoming":     call.Inbound,
	"subscriber":   call.Inbound,
	"outbound":     call.Outbound,
	"outgoing":     call.Outbound,
	"outbound-api": call.Outbound,
	"application":  call.Outbound,
	"internal":     call.Outbound,
}

func direction(word string) call.Direction {
	return directions[strings.ToLower(strings.TrimSpace(word))]
}
