// Package subject is the only place that builds and parses NATS subjects, and
// the only place that names streams and buckets.
package subject

import (
	"encoding/base32"
	"fmt"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// Streams.
const (
	StreamEvents   = "EVENTS"
	StreamCommands = "COMMANDS"
	StreamDead     = "DEAD"
)

// Buckets.
const (
	BucketTrunks       = "TRUNKS"       // <org>.<trunk>
	BucketNumbers      = "NUMBERS"      // <org>.<trunk>.<address>; see NumberKey
	BucketApplications = "APPLICATIONS" // <org>.<application>
	BucketLegs         = "LEGS"         // hash of org, trunk and leg; see LegKey
	BucketLive         = "LIVE"         // <org>.<call>
	BucketLeases       = "LEASES"       // <service>.<what>
)

const (
	events   = "trunkline.evt."
	commands = "trunkline.cmd."
	dead     = "trunkline.dead."
)

// Event is where a fact is recorded: trunkline.evt.<org>.<call>.<noun>.<verb>
// and, for a fact that a call may have several times, .<key>.
func Event(org, callID, typ, key string) string {
	s := events + org + "." + callID + "." + typ
	if key != "" {
		s += "." + key
	}
	return s
}

// Events is the filter for facts of one call, or of all calls where callID is
// empty, or of all orgs where org is empty.
func Events(org, callID string) string {
	return events + any1(org) + "." + any1(callID) + ".>"
}

// EventsOfType is the filter for one type of fact, keyed or not.
func EventsOfType(org, callID, typ string) []string {
	base := events + any1(org) + "." + any1(callID) + "." + typ
	return []string{base, base + ".*"}
}

// AllEvents is the subject of the stream EVENTS.
const AllEvents = events + ">"

// ParseEvent splits the subject of a fact.
func ParseEvent(s string) (org, callID, typ, key string, err error) {
	rest, ok := strings.CutPrefix(s, events)
	parts := strings.Split(rest, ".")
	if !ok || len(parts) < 4 || len(parts) > 5 || slices.Contains(parts, "") {
		return "", "", "", "", fmt.Errorf("subject %q: want %s<org>.<call>.<noun>.<verb>[.<key>]", s, events)
	}
	if len(parts) == 5 {
		key = parts[4]
	}
	return parts[0], parts[1], parts[2] + "." + parts[3], key, nil
}

// Command is where an order is published: trunkline.cmd.<org>.<call>.<noun>.<verb>.
func Command(org, callID, typ string) string { return commands + org + "." + callID + "." + typ }

// Commands is the filter for one type of order of any call.
func Commands(typ string) string { return commands + "*.*." + typ }

// CommandsOfNoun is the filter for all orders of a noun.
func CommandsOfNoun(noun string) string { return commands + "*.*." + noun + ".*" }

// ParseCommand splits the subject of an order.
func ParseCommand(s string) (org, callID, typ string, err error) {
	rest, ok := strings.CutPrefix(s, commands)
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 4 || slices.Contains(parts, "") {
		return "", "", "", fmt.Errorf("subject %q: want %s<org>.<call>.<noun>.<verb>", s, commands)
	}
	return parts[0], parts[1], parts[2] + "." + parts[3], nil
}

// Dead is where a message that could not be used is kept:
// trunkline.dead.<stream>.<its subject without "trunkline.">.
func Dead(stream, subject string) string {
	return dead + strings.ToLower(stream) + "." + strings.TrimPrefix(subject, "trunkline.")
}

// DeadWebhook is where a callback about a leg that is not Trunkline's is kept.
func DeadWebhook(org, trunk string) string { return dead + "webhook." + org + "." + trunk }

// AllDead is the subject of the stream DEAD.
const AllDead = dead + ">"

// Offer is where an application's agents are asked whether they take a call.
func Offer(org, application string) string {
	return "trunkline.agent." + org + "." + application + ".offer"
}

// CallerAudio carries the other side's voice to the agent.
func CallerAudio(org, callID string) string { return mediaOf(org, callID) + ".caller.audio" }

// CallerSignal carries media.Signal to the agent.
func CallerSignal(org, callID string) string { return mediaOf(org, callID) + ".caller.signal" }

// Caller is the filter for both, in one subscription so that they keep their order.
func Caller(org, callID string) string { return mediaOf(org, callID) + ".caller.*" }

// AgentAudio carries the agent's voice to the call.
func AgentAudio(org, callID string) string { return mediaOf(org, callID) + ".agent.audio" }

// AgentControl carries media.Control to the call.
func AgentControl(org, callID string) string { return mediaOf(org, callID) + ".agent.control" }

// Agent is the filter for both, in one subscription so that a mark keeps its
// place in the audio.
func Agent(org, callID string) string { return mediaOf(org, callID) + ".agent.*" }

func mediaOf(org, callID string) string { return "trunkline.media." + org + "." + callID }

// Service is the subject of a service's endpoint.
func Service(service, noun, verb string) string {
	return "trunkline.svc." + service + "." + noun + "." + verb
}

// TrunkKey is the key of a trunk in TRUNKS, and of its lease.
func TrunkKey(org, trunk string) string { return org + "." + trunk }

// ApplicationKey is the key of an application in APPLICATIONS.
func ApplicationKey(org, application string) string { return org + "." + application }

// NumberKey is the key of a number, extension or SIP URI of a trunk in
// NUMBERS. An address may hold what a key may not, so it is written in base32.
func NumberKey(org, trunk, address string) string {
	return org + "." + trunk + "." + Token(address)
}

// LegKey is the key of a leg in LEGS.
func LegKey(org, trunk, legID string) string { return call.InboundID(org, trunk, legID) }

// LiveKey is the key of a call in LIVE.
func LiveKey(org, callID string) string { return org + "." + callID }

// Token makes one safe token of any text: the text itself where it is a valid
// id that begins with no x, else "x" and its base32, or a hash where that would
// be too long.
func Token(text string) string {
	if call.ValidID(text) && text[0] != 'x' {
		return text
	}
	if len(text) > 36 {
		return call.InboundID("", "", text)
	}
	return "x" + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(text)))
}

func any1(token string) string {
	if token == "" {
		return "*"
	}
	return token
}
