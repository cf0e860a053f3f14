package provider

import (
	"context"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// WebhookReceiver turns a carrier's webhooks into notices and instructions
// into its markup. It is one interface, so that whoever can parse must be able
// to verify. All three are pure: no I/O.
type WebhookReceiver interface {
	// Verify proves that the carrier sent the request. A missing signature is
	// refused with ErrUnsigned, a wrong one with ErrSignature, both wrapped in
	// an *Error of KindUnauthenticated.
	Verify(req *Request) error
	// Parse reads a verified request. known tells, lazily, what the log holds
	// of the call so far; it may be called at most once. A request that makes
	// no sense is an *Error of KindInvalid.
	Parse(req *Request, known func() History) (Notice, error)
	// Render writes an instruction as the answer to a webhook. An instruction
	// without steps acknowledges the notice.
	Render(in call.Instruction, n *Notice) (Response, error)
}

// HandshakeVerifier proves that the carrier opens the media WebSocket. The
// request's URL has the scheme wss or ws.
type HandshakeVerifier interface {
	VerifyHandshake(req *Request) error
}

// EventListener receives a carrier's events over a connection of its own.
// Listen blocks until ctx ends and reconnects by itself; exactly one node runs
// it for a trunk at any time.
type EventListener interface {
	Listen(ctx context.Context, sink EventSink) error
}

// EventSink takes what an EventListener hears. Notice and Live may block.
type EventSink interface {
	// Notice records what happened. An error means that it is not recorded.
	Notice(ctx context.Context, n Notice) error
	// Live lists the legs of the trunk that the log holds for alive, for
	// reconciliation after a reconnect.
	Live(ctx context.Context) ([]Leg, error)
	// Socket is told when the carrier's socket opens, nil, and why it was lost
	// or refused. It must not block.
	Socket(err error)
}

// Answerer answers an inbound leg over REST, at carriers whose webhooks are
// not answered in markup.
type Answerer interface {
	Answer(ctx context.Context, leg Leg, in call.Instruction) error
}

// Redirector gives a live leg another instruction.
type Redirector interface {
	Redirect(ctx context.Context, leg Leg, in call.Instruction) error
}

// StatusReader asks the carrier where a leg stands.
type StatusReader interface {
	Status(ctx context.Context, leg Leg) (LegStatus, error)
}

// CostReader asks what a leg cost. nil without an error: not priced yet.
type CostReader interface {
	Cost(ctx context.Context, leg Leg) (*call.Cost, error)
}

// NumberLister knows the numbers of the account.
type NumberLister interface {
	Numbers(ctx context.Context) ([]Number, error)
	// Owns reports whether the account has exactly this number (E.164).
	Owns(ctx context.Context, number string) (bool, error)
}

// InboundConfigurer points a number of the account at Trunkline, changing
// nothing else at the carrier.
type InboundConfigurer interface {
	SetInbound(ctx context.Context, number string, in Inbound) error
	// Inbound tells where calls to the number go now, "" for nowhere.
	Inbound(ctx context.Context, number string) (string, error)
	// ClearInbound undoes SetInbound, but only where the number still points
	// at answerURL.
	ClearInbound(ctx context.Context, number, answerURL string) error
}

// Provisioner makes what must exist at the carrier once per trunk (an
// application, a connection, a profile). It is idempotent and returns the
// configuration values to keep, by field name.
type Provisioner interface {
	Provision(ctx context.Context, trunk string, in Inbound) (map[string]string, error)
}

// DTMFSender presses keys on a live leg over REST.
type DTMFSender interface {
	SendDTMF(ctx context.Context, leg Leg, digits string) error
}

// Reconciler answers "did that dial happen?" after the outcome of a dial was
// lost.
type Reconciler interface {
	// FindDial looks for a leg made by req at or after since. A leg found is
	// a proof, but see Spec.FindsByNumber; nothing found proves nothing, as
	// carriers list calls late.
	FindDial(ctx context.Context, req DialRequest, since time.Time) (DialResult, bool, error)
}

// CredentialTester checks the account's credentials without a side effect.
type CredentialTester interface {
	TestCredentials(ctx context.Context) error
}

// Ability is the name of an optional interface, as Spec.Can declares it.
type Ability string

// The abilities.
const (
	CanReceive     Ability = "webhooks"
	CanHandshake   Ability = "handshake_signature"
	CanListen      Ability = "event_socket"
	CanAnswer      Ability = "rest_answer"
	CanRedirect    Ability = "redirect"
	CanReadStatus  Ability = "status"
	CanReadCost    Ability = "cost"
	CanListNumbers Ability = "numbers"
	CanConfigure   Ability = "configure_inbound"
	CanProvision   Ability = "provision"
	CanSendDTMF    Ability = "send_dtmf"
	CanReconcile   Ability = "reconcile"
	CanTestLogin   Ability = "credential_test"
	CanDetectAMD   Ability = "amd"    // declared only: an option of Dial
	CanStream      Ability = "stream" // declared only: Spec.NewCodec is set
)

// Implemented lists, in a fixed order, the abilities for which d has the interface.
func Implemented(d Driver) []Ability {
	var can []Ability
	add := func(a Ability, has bool) {
		if has {
			can = append(can, a)
		}
	}
	_, ok := d.(WebhookReceiver)
	add(CanReceive, ok)
	_, ok = d.(HandshakeVerifier)
	add(CanHandshake, ok)
	_, ok = d.(EventListener)
	add(CanListen, ok)
	_, ok = d.(Answerer)
	add(CanAnswer, ok)
	_, ok = d.(Redirector)
	add(CanRedirect, ok)
	_, ok = d.(StatusReader)
	add(CanReadStatus, ok)
	_, ok = d.(CostReader)
	add(CanReadCost, ok)
	_, ok = d.(NumberLister)
	add(CanListNumbers, ok)
	_, ok = d.(InboundConfigurer)
	add(CanConfigure, ok)
	_, ok = d.(Provisioner)
	add(CanProvision, ok)
	_, ok = d.(DTMFSender)
	add(CanSendDTMF, ok)
	_, ok = d.(Reconciler)
	add(CanReconcile, ok)
	_, ok = d.(CredentialTester)
	add(CanTestLogin, ok)
	return can
}
