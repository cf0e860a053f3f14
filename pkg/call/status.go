package call

// Status is where a call stands. It only moves forward; see Advances.
type Status string

// The states of a call, in the order in which they may follow each other.
// Everything from Completed on is an end: the log keeps one of them.
const (
	Requested Status = "requested" // outbound: an order was accepted
	Received  Status = "received"  // inbound: the carrier announced it
	Queued    Status = "queued"    // the carrier holds it back
	Dialing   Status = "dialing"   // a dial is being written to the carrier
	Initiated Status = "initiated" // the carrier has the call
	Ringing   Status = "ringing"
	Answered  Status = "answered" // in progress
	Completed Status = "completed"
	Busy      Status = "busy"
	NoAnswer  Status = "no_answer"
	Canceled  Status = "canceled" // hung up by this side before an answer
	Failed    Status = "failed"
	Uncertain Status = "uncertain" // the carrier never told, and can no longer be asked
)

var rank = map[Status]int{
	Requested: 1, Received: 1, Dialing: 2, Queued: 3, Initiated: 3, Ringing: 4, Answered: 5,
	Completed: 6, Busy: 6, NoAnswer: 6, Canceled: 6, Failed: 6, Uncertain: 6,
}

// Known reports whether s is one of the states above.
func (s Status) Known() bool { return rank[s] > 0 }

// Terminal reports whether no later status can change the outcome.
func (s Status) Terminal() bool { return rank[s] == rank[Completed] }

// Advances reports whether a call in state s moves when next is reported. A
// late or repeated report moves nothing, and nothing moves after an end.
func (s Status) Advances(next Status) bool { return rank[next] > rank[s] }

// Cause is why a call ended so, "" where s does not tell: a failure has reasons
// of its own.
func (s Status) Cause() Cause {
	switch s {
	case Completed:
		return CauseNormal
	case Busy:
		return CauseBusy
	case NoAnswer:
		return CauseNoAnswer
	case Canceled:
		return CauseCanceled
	}
	return ""
}
