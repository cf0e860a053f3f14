package providertest

import (
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Adapter says what a provider's vector file leaves to whoever runs it: how
// its accounts are configured, and where it speaks of things that the contract
// names otherwise. Only Config is needed.
type Adapter struct {
	// Config is the configuration of the account that a case is about. For
	// webhooks and media it must be valid. A signature case may ask for one
	// that is not (no secret at all), so there it is not validated.
	Config func(Case) provider.Config

	// Schemes verifies signature schemes that are functions of their own and
	// never let a webhook in by themselves, by their name in the file. All
	// other schemes go through the driver.
	Schemes map[string]func(*provider.Request, provider.Config) error

	// Hook tells the hook from a path; HookOf when nil.
	Hook func(path string) provider.Hook

	// PathVerified says whether the path of a case's request carries the
	// proof that stands for Trunkline's own MAC; never when nil.
	PathVerified func(Case, *provider.Request) bool

	// Notice replaces how a key of expect is read from a notice. What it
	// returns is a string, int, *int, bool, time.Time or map[string]string.
	Notice map[string]func(*provider.Notice) any

	// Optional names top-level members that a media message of ours may carry
	// beyond the recorded one.
	Optional []string

	// BigEndian says that the carrier's 16-bit samples are big-endian. A
	// command that follows from a message of ours has them turned.
	BigEndian bool

	// Own runs a file that has a form of its own. Nothing else of the adapter
	// is used then.
	Own func(t *testing.T, doc []byte)
}
