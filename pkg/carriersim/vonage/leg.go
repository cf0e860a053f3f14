package vonage

import (
	"fmt"
	"strconv"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// Vonage's words for the status of a leg.
const (
	statusStarted    = "started"
	statusRinging    = "ringing"
	statusAnswered   = "answered"
	statusHuman      = "human"
	statusMachine    = "machine"
	statusCompleted  = "completed"
	statusBusy       = "busy"
	statusTimeout    = "timeout"
	statusCancelled  = "cancelled"
	statusFailed     = "failed"
	statusRejected   = "rejected"
	statusUnanswered = "unanswered"
)

// statusDisconnected is only in events: the gateway closed the socket.
const statusDisconnected = "disconnected"

// Prices of a minute, in EUR / 100,000,000.
const (
	phoneRate  = 1_270_000
	socketRate = 200_000
)

// leg is a leg as the REST API handles it: a phone's or a socket's.
type leg interface {
	facts() facts
	Hangup(by string) bool
}

// party is one end of a leg.
type party struct {
	Type   string `json:"type"`
	Number string `json:"number,omitempty"`
	URI    string `json:"uri,omitempty"`
}

// name is the party in an event.
func (p party) name() string { return p.Number + p.URI }

// facts are what the API and the events tell of a leg.
type facts struct {
	uuid, conversation string
	host               string // of the region in which it lives
	status             string
	direction          call.Direction
	from, to           party
	network            string
	rate               int // EUR / 100,000,000 a minute
	created            time.Time
	answered, ended    time.Time
}

// duration is in whole seconds.
func (f *facts) duration() int {
	if f.answered.IsZero() || f.ended.IsZero() {
		return 0
	}
	return int(f.ended.Sub(f.answered).Round(time.Second) / time.Second)
}

// bill is what an ended leg cost. Amounts are strings; layout is that of times.
func (f *facts) bill(layout string) map[string]any {
	return map[string]any{
		"duration": strconv.Itoa(f.duration()), "rate": eur(f.rate), "price": eur(f.rate * f.duration() / 60),
		"network": f.network, "start_time": f.answered.UTC().Format(layout), "end_time": f.ended.UTC().Format(layout),
	}
}

func eur(n int) string { return fmt.Sprintf("%d.%08d", n/100_000_000, n%100_000_000) }

// Layouts of times: the API's has no zone, that of webhooks has one.
const (
	apiTime  = "2006-01-02 15:04:05"
	hookTime = "2006-01-02T15:04:05.000Z"
)

func now() string { return time.Now().UTC().Format(hookTime) }

// resource is the leg as the API shows it. What it cost is known once it is
// completed.
func (f *facts) resource() map[string]any {
	doc := map[string]any{
		"_links": map[string]any{"self": map[string]any{"href": "/v1/calls/" + f.uuid}},
		"uuid":   f.uuid, "conversation_uuid": f.conversation, "status": f.status, "direction": f.direction,
		"from": f.from, "to": f.to,
	}
	if f.status == statusCompleted && !f.answered.IsZero() {
		return with(doc, f.bill(apiTime))
	}
	return doc
}

// event is the body of an event webhook.
func (f *facts) event(status string, more map[string]any) map[string]any {
	doc := map[string]any{
		"uuid": f.uuid, "conversation_uuid": f.conversation, "from": f.from.name(), "to": f.to.name(),
		"status": status, "direction": f.direction, "timestamp": now(),
	}
	switch {
	case status == statusAnswered:
		doc["start_time"], doc["rate"], doc["network"] = nil, nil, nil
	case status == statusCompleted && !f.answered.IsZero():
		doc = with(doc, f.bill(hookTime))
	case status == statusCompleted:
		doc["duration"] = "0"
	}
	return with(doc, more)
}

// with adds more to doc and returns it.
func with(doc, more map[string]any) map[string]any {
	for name, value := range more {
		doc[name] = value
	}
	return doc
}
