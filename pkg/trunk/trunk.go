// Package trunk holds what is configured: trunks (accounts at a provider),
// their numbers, and the applications that answer calls; how secrets are
// sealed at rest; the URLs that Trunkline mints; and the watched, read-only
// copy of all of it that every service keeps.
package trunk

import (
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Trunk is one configured account at a provider.
type Trunk struct {
	Org      string         `json:"org"`
	Name     string         `json:"name"`
	Provider string         `json:"provider"`
	Config   map[string]any `json:"config"` // by the provider's fields; secrets are sealed at rest
	// Country (ISO 3166, e.g. US) says how national numbers are read.
	Country string `json:"country,omitempty"`
	// APIURL replaces the base address of the carrier's REST API.
	APIURL string `json:"api_url,omitempty"`
	// AllowUnsigned lets unsigned webhooks in; for a laboratory.
	AllowUnsigned bool `json:"allow_unsigned,omitempty"`
	// CallsPerSecond bounds how fast calls are dialled, 0 for no bound.
	CallsPerSecond float64 `json:"calls_per_second,omitempty"`
	// MaxCalls bounds the calls in progress at once, 0 for no bound.
	MaxCalls  int       `json:"max_calls,omitempty"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// ProviderConfig is the trunk's configuration as its provider takes it. The
// secrets must be open.
func (t Trunk) ProviderConfig() provider.Config {
	return provider.Config{Values: t.Config, APIURL: t.APIURL, AllowUnsigned: t.AllowUnsigned, Country: t.Country}
}

// AnyNumber is the address that stands for every number of a trunk that has
// no record of its own.
const AnyNumber = "*"

// Number is an address of a trunk: an E.164 number, an extension, a SIP URI.
type Number struct {
	Org         string `json:"org"`
	Trunk       string `json:"trunk"`
	Address     string `json:"address"`
	Application string `json:"application,omitempty"` // what answers; empty for a caller id only
}

// Application is what answers calls.
type Application struct {
	Org   string `json:"org"`
	Name  string `json:"name"`
	Agent Agent  `json:"agent"`
	// Format of the audio the agent takes and gives: l16/8000, l16/16000,
	// l16/24000, or ulaw/8000 for the carrier's own.
	Format media.Format `json:"format"`
	// Greeting is the prompt that is played when the call is connected.
	Greeting string `json:"greeting,omitempty"`
	// Ambient is the prompt that is looped under the agent's voice.
	Ambient     string  `json:"ambient,omitempty"`
	AmbientGain float64 `json:"ambient_gain,omitempty"` // 0 to 1
	// Fallback is what callers get when nobody can take the call.
	Fallback call.Instruction `json:"fallback,omitzero"`
}

// Agent says how an application's agent is reached.
type Agent struct {
	Kind AgentKind `json:"kind"`
	URL  string    `json:"url,omitempty"` // of a websocket agent, ws:// or wss://
}

// AgentKind is a way to reach an agent.
type AgentKind string

// The kinds.
const (
	AgentNATS      AgentKind = "nats"      // offered on the application's queue group
	AgentWebSocket AgentKind = "websocket" // dialled by the media node
)

// DefaultFormat is the audio format of an application that names none.
var DefaultFormat = media.Format{Encoding: media.L16, Rate: 16000}

// DefaultFallback is for applications that name none.
var DefaultFallback = call.Spoken("We cannot take your call right now. Please try again later.")

// FallbackOf returns an application's fallback, or the default.
func (a Application) FallbackOf() call.Instruction {
	if len(a.Fallback.Steps) == 0 {
		return DefaultFallback
	}
	return a.Fallback
}
