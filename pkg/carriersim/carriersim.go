// Package carriersim simulates telephone carriers: their REST APIs, their
// signed webhooks, their media sockets, and the people who call and are called.
//
// Each carrier is a persona in a folder of its own. It is written from the
// carrier's side and shares no code with pkg/provider, so that a fault on one
// side is not cancelled by the same fault on the other. What all personas
// share is here: an Exchange is the switch on which a persona runs, a Leg is
// one side of a call as the persona drives it, a Call is the same thing as a
// test sees it, a Person sits at the other end of the line, and Faults are what
// a test orders to go wrong.
//
// Time is always real: audio runs at 20 ms a frame from one clock per exchange.
// Everything listens on loopback, and Close ends and joins all of it.
//
// The timeline of a call uses the same words for every carrier; a test may wait
// for them with Call.Await:
//
//	placed, initiated, ringing, answered, ended <status>
//	webhook <kind> <event> -> <status or error>
//	stream started <url>, stream stopped <why>, stream failed <why>
//	mark <name>, mark <name> cleared, clear
//	pressed <digit>, digits <received>
//	says ..., plays ...                 what the carrier itself announces
//	hung up by <person, gateway, api, markup, carrier, ...>
//	warning <what a strict carrier would complain about>
package carriersim

import "context"

// Carrier is one simulated account at one carrier. All methods are safe for
// concurrent use.
type Carrier interface {
	// Name is the provider's name: "twilio".
	Name() string
	// APIURL is the base address of the REST API, in place of the carrier's host.
	APIURL() string
	// Config returns the configuration values that a trunk needs for this account.
	Config() map[string]any
	// Numbers lists the numbers of the account, as the carrier writes them.
	Numbers() []string
	// Ring makes a person call one of the account's numbers. It returns as soon
	// as the call exists. The person hangs up when ctx ends.
	Ring(ctx context.Context, from, to string, p Person) (*Call, error)
	// Expect says who is at a number, or at a SIP URI without its parameters,
	// whenever it is rung. Where nobody is expected, nobody can be reached.
	Expect(to string, p Person)
	// Calls lists all calls so far, in the order in which they began.
	Calls() []*Call
	// AwaitCall returns the first call that matches, waiting for it if need be.
	AwaitCall(ctx context.Context, match func(*Call) bool) (*Call, error)
	// Faults is what goes wrong.
	Faults() *Faults
	// Close hangs up everything and returns when nothing runs any more.
	Close() error
}
