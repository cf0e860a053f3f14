package carriersim

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// Kind says what a webhook is about, in the same words for every carrier.
type Kind string

// The kinds of webhooks.
const (
	KindInbound    Kind = "inbound"    // a call came in: what now?
	KindAnswer     Kind = "answer"     // a dialled call was answered: what now?
	KindAction     Kind = "action"     // an instruction is over: what now?
	KindStatus     Kind = "status"     // progress and end of a call
	KindStream     Kind = "stream"     // the media stream's status
	KindAMD        Kind = "amd"        // answering-machine detection
	KindConference Kind = "conference" // rooms
	KindDTMF       Kind = "dtmf"       // a key was pressed
	KindCost       Kind = "cost"       // the price is known
	KindRecord     Kind = "record"     // a call detail record
	KindOther      Kind = "other"
)

// Webhook is one request to the gateway. It may be sent several times.
type Webhook struct {
	Call   *Call // nil where it is not about a call
	Kind   Kind
	Event  string // the carrier's word for what happened
	Method string
	URL    string // as the gateway gave it; a fragment is not sent
	Header http.Header
	Body   []byte
	// User answers a challenge for basic authentication; it is not sent before.
	User *url.Userinfo
	// Sign adds the signature to the headers of one try. It may be nil.
	Sign func(http.Header)
	// Compose makes what differs from try to try, which it counts from 1: where
	// it goes, what it says, and headers of its own. It stands in for URL and
	// Body where it is not nil, and is called by several copies at once.
	Compose func(try int, h http.Header) (url string, body []byte)
	// SignedBy names the headers that a corrupt signature is corrupt in.
	SignedBy []string
	Policy   Policy
}

// Reply is what the gateway answered.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// OK reports whether the status is 2xx.
func (r *Reply) OK() bool { return r.Status/100 == 2 }

func (w *Webhook) note(result string) {
	if w.Call != nil {
		w.Call.note(fmt.Sprintf("webhook %s %s -> %s", w.Kind, w.Event, result))
	}
}

// letter is a webhook with what goes wrong with it.
type letter struct {
	hook  *Webhook
	fault WebhookFault
}

// Send delivers a webhook as its policy and the faults say, and returns the
// last reply of the first copy. An error wraps ErrConnect or ErrNoReply.
func (x *Exchange) Send(ctx context.Context, w *Webhook) (*Reply, error) {
	return x.post(ctx, letter{w, x.faults.webhook(w)})
}

// Notify queues a callback that needs no reply. The callbacks of a leg go out
// one after the other, but for the faults.
func (l *Leg) Notify(w *Webhook) {
	next := letter{w, l.exchange.faults.webhook(w)}
	l.mu.Lock()
	if next.fault.Reorder && !l.finished {
		l.held = append(l.held, next)
		l.mu.Unlock()
		return
	}
	late := l.held
	l.held = nil
	l.mu.Unlock()
	l.queue(append([]letter{next}, late...))
}

// queue posts letters when the queue before them is empty. What a callback is
// answered is noted and moves nothing.
func (l *Leg) queue(letters []letter) {
	sent := make(chan struct{})
	l.mu.Lock()
	before := l.tail
	l.tail = sent
	l.mu.Unlock()
	l.exchange.Go(func(ctx context.Context) {
		defer close(sent)
		select {
		case <-before:
		case <-ctx.Done():
			return
		}
		for _, next := range letters {
			if next.fault.Delay > 0 { // those behind it overtake it
				l.exchange.Go(func(ctx context.Context) { l.exchange.post(ctx, next) })
				continue
			}
			l.exchange.post(ctx, next)
		}
	})
}
