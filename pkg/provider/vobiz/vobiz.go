// Package vobiz is the provider for Vobiz, an Indian carrier.
//
// Its REST API, markup, webhooks and media protocol are close copies of
// Plivo's; what differs is here: credentials in headers, numbers and call
// records of its own, hang-ups that always say completed, and signatures that
// cover the URL alone and come only for callback URLs with credentials. The
// proof in the path of every callback URL is what its webhooks stand on.
// Sources: https://docs.vobiz.ai and the agent skills that Vobiz publishes.
package vobiz

import (
	"cmp"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivohook"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivorest"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivosign"
)

// carrier is how the provider is called here, and its carrier in errors.
const carrier = "vobiz"

// Names of the fields of a configuration.
const (
	fieldAuthID         = "auth_id"
	fieldAuthToken      = "auth_token"
	fieldMainToken      = "main_auth_token"
	fieldPreviousTokens = "previous_auth_tokens"
	fieldApplication    = "application_id"
	fieldFromNumbers    = "from_numbers"
	fieldSigned         = "require_signature"
	fieldByteOrder      = "l16_in_byte_order"
)

const bigEndian = "big"

// formats that a stream can be asked for. Telephone calls are mu-law, so it
// loses nothing. The highest rate is known to work for what is said only.
var formats = []media.Format{
	{Encoding: media.ULaw, Rate: 8000}, {Encoding: media.L16, Rate: 8000},
	{Encoding: media.L16, Rate: 16000}, {Encoding: media.L16, Rate: 24000},
}

var spec = provider.Spec{
	Name:             carrier,
	DisplayName:      "Vobiz",
	DocsURL:          "https://docs.vobiz.ai",
	Connectivity:     provider.API,
	AccountField:     fieldAuthID,
	RequiresCallerID: true,
	FindsByNumber:    true,
	Can: []provider.Ability{
		provider.CanReceive, provider.CanRedirect, provider.CanReadStatus, provider.CanReadCost,
		provider.CanListNumbers, provider.CanConfigure, provider.CanProvision, provider.CanSendDTMF,
		provider.CanReconcile, provider.CanTestLogin, provider.CanDetectAMD, provider.CanStream,
	},
	Format:    formats[0],
	Formats:   formats,
	Open:      open,
	NewCodec:  newCodec,
	Identify:  identify,
	Checklist: checklist,
	Fields: []provider.FieldSpec{
		{
			Name: fieldAuthID, Label: "Auth ID", Type: provider.Text, Required: true,
			Pattern: `^(MA|SA)_[0-9A-Za-z]+$`, Placeholder: "MA_...",
			Description: "Names the account (MA_...) or sub-account (SA_...). Not a secret.",
		},
		{
			Name: fieldAuthToken, Label: "Auth token", Type: provider.Password, Required: true, Secret: true,
			Description: "The token of that very account, for REST and for signatures.",
		},
		{
			Name: fieldMainToken, Label: "Auth token of the main account", Type: provider.Password, Secret: true,
			Description: "Of use for a sub-account only: a webhook is also accepted by the signature of the main account.",
		},
		{
			Name: fieldPreviousTokens, Label: "Previous auth tokens", Type: provider.Strings, Secret: true,
			Description: "Also accepted in signatures while the token is being rotated. Remove them afterwards.",
		},
		{
			Name: fieldApplication, Label: "Application ID", Type: provider.Text, Pattern: `^[0-9]+$`, Placeholder: "20468599130939380",
			Description: "The application that sends inbound calls here. Leave it empty to have one made.",
		},
		{
			Name: fieldFromNumbers, Label: "Caller ids", Type: provider.Strings,
			Pattern: `^\+[1-9][0-9]{1,14}$`, Placeholder: "+912200000101",
			Description: "Numbers of the account, in E.164 form.",
		},
		{
			Name: fieldSigned, Label: "Require signatures", Type: provider.Boolean, Default: true,
			Description: "Vobiz signs only callback URLs for which credentials are set up. Without signatures the proof in the path stands alone; one that is there and wrong is refused either way.",
		},
		{
			Name: fieldByteOrder, Label: "Byte order of 16-bit audio from Vobiz", Type: provider.Select, Default: "little",
			Options:     []provider.Option{{Value: "little", Label: "Little-endian"}, {Value: bigEndian, Label: "Big-endian"}},
			Description: "Vobiz' documents contradict each other. Change it if what callers say in 16-bit audio is nothing but noise.",
		},
	},
}

func init() { provider.Register(&spec) }

// driver drives one account. It is safe for concurrent use.
type driver struct {
	application string // where inbound calls of the trunk go, "" before Provision
	signed      bool   // a webhook without a signature is refused
	keys        plivosign.Keys
	normal      func(string) string // of numbers
	api         *plivorest.API
}

var (
	_ provider.Driver            = (*driver)(nil)
	_ provider.WebhookReceiver   = (*driver)(nil)
	_ provider.Redirector        = (*driver)(nil)
	_ provider.StatusReader      = (*driver)(nil)
	_ provider.CostReader        = (*driver)(nil)
	_ provider.NumberLister      = (*driver)(nil)
	_ provider.InboundConfigurer = (*driver)(nil)
	_ provider.Provisioner       = (*driver)(nil)
	_ provider.DTMFSender        = (*driver)(nil)
	_ provider.Reconciler        = (*driver)(nil)
	_ provider.CredentialTester  = (*driver)(nil)
)

// india is where the carrier is, and the country of a trunk that names none.
const india = "IN"

func open(c provider.Config) (provider.Driver, error) {
	tokens := append([]string{c.String(fieldAuthToken), c.String(fieldMainToken)}, c.Strings(fieldPreviousTokens)...)
	d := &driver{
		application: c.String(fieldApplication),
		signed:      signed(c),
		keys:        plivosign.NewKeys(tokens...),
		normal:      plivohook.E164,
		api:         newAPI(c),
	}
	if cmp.Or(c.Country, india) == india {
		d.normal = plivohook.India
	}
	return d, nil
}

// signed reports whether webhooks must be signed: yes, unless told otherwise.
func signed(c provider.Config) bool {
	return c.Values[fieldSigned] == nil || c.Bool(fieldSigned)
}

func checklist(c provider.Config) []provider.Check {
	var todo []provider.Check
	if c.String(fieldAuthID) == "" || c.String(fieldAuthToken) == "" {
		todo = append(todo, provider.Check{Text: "Copy the auth ID and its auth token from the Vobiz console.", Blocking: true})
	}
	if len(c.Strings(fieldFromNumbers)) == 0 {
		todo = append(todo, provider.Check{Text: "Add the numbers that outbound calls may show; Vobiz refuses a call without a caller id."})
	}
	if c.String(fieldApplication) == "" {
		todo = append(todo, provider.Check{Text: "Provision the trunk, which makes the application that inbound calls need."})
	}
	if signed(c) {
		todo = append(todo, provider.Check{Text: "Set up credentials for callback URLs at Vobiz, or it signs no webhook and all are refused; where that cannot be done, do not require signatures."})
	}
	if len(c.Strings(fieldPreviousTokens)) > 0 {
		todo = append(todo, provider.Check{Text: "Remove the previous auth tokens once the rotation is over."})
	}
	return todo
}
