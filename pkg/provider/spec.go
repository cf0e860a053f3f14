package provider

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/media"
)

// Spec is everything a provider contributes.
type Spec struct {
	Name         string // lower case, the folder's name
	DisplayName  string
	DocsURL      string
	Connectivity Connectivity
	Fields       []FieldSpec
	AccountField string // the field that names the account in the carrier's webhooks
	// Account brings what that field holds into the form in which notices and
	// Identify name the account; nil where there is only one form.
	Account func(string) string
	// RequiresCallerID: a dial without a caller id is refused before it is tried.
	RequiresCallerID bool
	// FindsByNumber says that FindDial goes by numbers and time: of two dials to
	// one number it may name the other's leg.
	FindsByNumber bool
	Can           []Ability
	// Live lists the abilities that were seen to work at the carrier itself,
	// "" for dialling and hanging up; the others are tested against a simulated one.
	Live    []Ability
	Format  media.Format // what its media streams carry unless asked otherwise
	Formats []media.Format
	// DigitsFrom names the one source of DTMF that counts where a carrier
	// reports a digit twice; "" where it does not.
	DigitsFrom DigitSource
	// Sparse says that the carrier sends audio only while there is some: of a
	// pause nothing comes.
	Sparse bool
	// Steps are the verbs that an instruction for a leg may have, all where it is
	// empty. A caller whose fallback has others is turned away.
	Steps []string

	// Open makes a driver of a valid configuration. It does no I/O.
	Open func(Config) (Driver, error)
	// NewCodec makes the media codec of one socket.
	NewCodec func(CodecConfig) Codec
	// Identify finds, for the shared inbound URL, the account that a request
	// is for. It only routes: the signature decides.
	Identify func(*Request) (account string, ok bool)
	// Checklist tells what is missing before the trunk can work.
	Checklist func(Config) []Check
}

// Connectivity says how a provider reaches the telephone network.
type Connectivity string

// The kinds of connectivity.
const (
	API Connectivity = "api" // a company's programmable voice
	SIP Connectivity = "sip" // a PBX of the user's own
)

// DigitSource is where a provider's DTMF comes from.
type DigitSource string

// The sources of digits.
const (
	DigitsFromMedia   DigitSource = "media"
	DigitsFromWebhook DigitSource = "webhook"
)

// Check is one line of a trunk's checklist.
type Check struct {
	Text     string `json:"text"`     // what to do
	Blocking bool   `json:"blocking"` // no call can be made before
}

// FieldType is the kind of input a configuration field takes.
type FieldType string

// The field types.
const (
	Text     FieldType = "text"
	Password FieldType = "password"
	TextArea FieldType = "textarea"
	Strings  FieldType = "string-array"
	NumberOf FieldType = "number"
	Boolean  FieldType = "boolean"
	Select   FieldType = "select"
	ReadOnly FieldType = "readonly" // filled in by Provision
)

// FieldSpec describes one field of a trunk's configuration. Form, JSON Schema,
// validation, masking, sealing and log redaction all follow from it.
type FieldSpec struct {
	Name        string       `json:"name"`
	Label       string       `json:"label"`
	Type        FieldType    `json:"type"`
	Required    bool         `json:"required,omitempty"`
	Secret      bool         `json:"secret,omitempty"`
	Description string       `json:"description,omitempty"`
	Placeholder string       `json:"placeholder,omitempty"`
	Pattern     string       `json:"pattern,omitempty"` // regular expression that a text must match
	Options     []Option     `json:"options,omitempty"` // of a select
	Default     any          `json:"default,omitempty"`
	VisibleWhen *VisibleWhen `json:"visible_when,omitempty"`
}

// Option is one choice of a select.
type Option struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

// VisibleWhen shows a field only while another one has a value.
type VisibleWhen struct {
	Field string `json:"field"`
	Value any    `json:"value"`
}

// Has reports whether the provider declares an ability.
func (s *Spec) Has(a Ability) bool { return slices.Contains(s.Can, a) }

// Takes reports whether an instruction has no step but those that the provider
// knows.
func (s *Spec) Takes(in call.Instruction) bool {
	return len(s.Steps) == 0 || !slices.ContainsFunc(in.Steps, func(step call.Step) bool { return !slices.Contains(s.Steps, step.Verb()) })
}

// Field returns the field of a name.
func (s *Spec) Field(name string) (FieldSpec, bool) {
	for _, f := range s.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return FieldSpec{}, false
}

// check returns an error when a provider declares nonsense.
func (s *Spec) check() error {
	switch {
	case s.Name == "" || s.Name != strings.ToLower(s.Name):
		return fmt.Errorf("provider name %q: want lower case", s.Name)
	case s.Open == nil:
		return fmt.Errorf("provider %s: Open is nil", s.Name)
	case s.DisplayName == "":
		return fmt.Errorf("provider %s: DisplayName is empty", s.Name)
	case s.Has(CanStream) != (s.NewCodec != nil):
		return fmt.Errorf("provider %s: declares stream and has no codec, or the other way round", s.Name)
	}
	seen := map[string]bool{}
	for _, f := range s.Fields {
		if f.Name == "" || f.Label == "" || f.Type == "" || seen[f.Name] {
			return fmt.Errorf("provider %s: field %q is incomplete or twice", s.Name, f.Name)
		}
		seen[f.Name] = true
	}
	if s.AccountField != "" && !seen[s.AccountField] {
		return fmt.Errorf("provider %s: account field %q does not exist", s.Name, s.AccountField)
	}
	return nil
}
