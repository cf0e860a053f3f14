// Package plivo is the provider for Plivo Voice.
//
// Calls are placed and steered over the REST API version 1, instructions are
// Plivo XML, webhooks are signed forms, and media streams are Plivo's own
// WebSocket protocol. Sources: https://www.plivo.com/docs/voice and the
// official libraries, which agree on the signature where the documents do not.
package plivo

import (
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivorest"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivosign"
)

// carrier is how the provider is called here, and its carrier in errors.
const carrier = "plivo"

// Names of the fields of a configuration.
const (
	fieldAuthID         = "auth_id"
	fieldAuthToken      = "auth_token"
	fieldMainToken      = "main_auth_token"
	fieldPreviousTokens = "previous_auth_tokens"
	fieldApplication    = "application_id"
	fieldFromNumbers    = "from_numbers"
	fieldByteOrder      = "l16_byte_order"
)

const bigEndian = "big"

// formats that a stream can be asked for. Telephone calls are mu-law, so it
// loses nothing.
var formats = []media.Format{
	{Encoding: media.ULaw, Rate: 8000}, {Encoding: media.L16, Rate: 8000}, {Encoding: media.L16, Rate: 16000},
}

var spec = provider.Spec{
	Name:             carrier,
	DisplayName:      "Plivo",
	DocsURL:          "https://www.plivo.com/docs/voice",
	Connectivity:     provider.API,
	AccountField:     fieldAuthID,
	RequiresCallerID: true,
	FindsByNumber:    true,
	Can: []provider.Ability{
		provider.CanReceive, provider.CanHandshake, provider.CanRedirect, provider.CanReadStatus,
		provider.CanReadCost, provider.CanListNumbers, provider.CanConfigure, provider.CanProvision,
		provider.CanSendDTMF, provider.CanReconcile, provider.CanTestLogin, provider.CanDetectAMD, provider.CanStream,
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
			Pattern: `^(MA|SA)[A-Z0-9]{18}$`, Placeholder: "MA...",
			Description: "Names the account (MA...) or subaccount (SA...); on the first page of the console. Not a secret.",
		},
		{
			Name: fieldAuthToken, Label: "Auth token", Type: provider.Password, Required: true, Secret: true,
			Description: "The token of that very account. It signs webhooks, and is the REST password.",
		},
		{
			Name: fieldMainToken, Label: "Auth token of the main account", Type: provider.Password, Secret: true,
			Description: "Of use for a subaccount only: a webhook is also accepted by the signature of the main account.",
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
			Pattern: `^\+[1-9][0-9]{1,14}$`, Placeholder: "+14155550101",
			Description: "Numbers that the account rents or has verified, in E.164 form.",
		},
		{
			Name: fieldByteOrder, Label: "Byte order of 16-bit audio", Type: provider.Select, Default: "little",
			Options:     []provider.Option{{Value: "little", Label: "Little-endian"}, {Value: bigEndian, Label: "Big-endian"}},
			Description: "Plivo's documents do not tell it. Change it if streams of 16-bit audio are nothing but noise.",
		},
	},
}

func init() { provider.Register(&spec) }

// driver drives one account. It is safe for concurrent use.
type driver struct {
	application string // where inbound calls of the trunk go, "" before Provision
	keys        plivosign.Keys
	api         *plivorest.API
}

var (
	_ provider.Driver            = (*driver)(nil)
	_ provider.WebhookReceiver   = (*driver)(nil)
	_ provider.HandshakeVerifier = (*driver)(nil)
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

func open(c provider.Config) (provider.Driver, error) {
	tokens := append([]string{c.String(fieldAuthToken), c.String(fieldMainToken)}, c.Strings(fieldPreviousTokens)...)
	return &driver{
		application: c.String(fieldApplication),
		keys:        plivosign.NewKeys(tokens...),
		api:         newAPI(c),
	}, nil
}

func checklist(c provider.Config) []provider.Check {
	var todo []provider.Check
	if c.String(fieldAuthID) == "" || c.String(fieldAuthToken) == "" {
		todo = append(todo, provider.Check{Text: "Copy the auth ID and its auth token from the Plivo console.", Blocking: true})
	}
	if len(c.Strings(fieldFromNumbers)) == 0 {
		todo = append(todo, provider.Check{Text: "Add the numbers that outbound calls may show; Plivo refuses a call without a caller id."})
	}
	if c.String(fieldApplication) == "" {
		todo = append(todo, provider.Check{Text: "Provision the trunk, which makes the application that inbound calls need."})
	}
	if len(c.Strings(fieldPreviousTokens)) > 0 {
		todo = append(todo, provider.Check{Text: "Remove the previous auth tokens once the rotation is over."})
	}
	return todo
}
