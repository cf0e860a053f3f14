// Package telnyx is the provider for the Telnyx Voice API (Call Control).
//
// Calls are placed, answered and steered over the REST API v2; webhooks are
// signed JSON and their replies are ignored, so that an instruction becomes
// commands. A command only starts something: what an instruction has left to do
// rides in client_state, which Telnyx repeats in the webhook that tells of the
// end of it. Media streams carry RTP payloads in JSON. Sources:
// https://developers.telnyx.com/docs/voice/programmable-voice and the OpenAPI
// description from which the official libraries are made.
package telnyx

import (
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// Names of the fields of a configuration.
const (
	fieldAPIKey       = "api_key"
	fieldPublicKey    = "webhook_public_key"
	fieldConnection   = "connection_id"
	fieldProfile      = "outbound_voice_profile_id"
	fieldFromNumbers  = "from_numbers"
	fieldPremiumAMD   = "premium_amd"
	fieldStreamFormat = "stream_format"
	fieldByteOrder    = "l16_byte_order"
)

// The choices of the field l16_byte_order.
const (
	bigEndian    = "big"
	littleEndian = "little"
)

var (
	ulaw = media.Format{Encoding: media.ULaw, Rate: 8000}
	alaw = media.Format{Encoding: media.ALaw, Rate: 8000}
	wide = media.Format{Encoding: media.L16, Rate: 16000}
)

var spec = provider.Spec{
	Name:             "telnyx",
	DisplayName:      "Telnyx",
	DocsURL:          "https://developers.telnyx.com/docs/voice/programmable-voice",
	Connectivity:     provider.API,
	AccountField:     fieldConnection,
	RequiresCallerID: true,
	Can: []provider.Ability{
		provider.CanReceive, provider.CanAnswer, provider.CanRedirect, provider.CanReadStatus, provider.CanReadCost,
		provider.CanListNumbers, provider.CanConfigure, provider.CanProvision, provider.CanSendDTMF,
		provider.CanReconcile, provider.CanTestLogin, provider.CanDetectAMD, provider.CanStream,
	},
	Format:  ulaw,
	Formats: []media.Format{ulaw, alaw}, // wide is a trunk's own choice: in which order its bytes come is not documented
	// A webhook tells every digit, and names it by an id; the stream does
	// neither promise.
	DigitsFrom: provider.DigitsFromWebhook,
	Open:       open,
	NewCodec:   newCodec,
	Identify:   identify,
	Checklist:  checklist,
	Fields: []provider.FieldSpec{
		{
			Name: fieldAPIKey, Label: "API key", Type: provider.Password, Required: true, Secret: true,
			Pattern: `^KEY\S+$`, Placeholder: "KEY...",
			Description: "A v2 key from the portal, under Account Settings, Keys & Credentials.",
		},
		{
			Name: fieldPublicKey, Label: "Webhook public key", Type: provider.TextArea, Required: true,
			Description: "Keys & Credentials, Public Key: base64, one for the whole account. While it is being changed, both on a line each.",
		},
		{
			Name: fieldConnection, Label: "Call Control application", Type: provider.Text,
			Pattern: `^[0-9]+$`, Placeholder: "1293384261075731499",
			Description: "The application's id, which webhooks carry. Leave it empty to have one made when the trunk is provisioned.",
		},
		{
			Name: fieldProfile, Label: "Outbound voice profile", Type: provider.Text,
			Pattern: `^[0-9]+$`, Placeholder: "1293384261075731461",
			Description: "Its id. Telnyx refuses outbound calls of an application without one; one is made when the trunk is provisioned.",
		},
		{
			Name: fieldFromNumbers, Label: "Caller ids", Type: provider.Strings,
			Pattern: `^\+[1-9][0-9]{1,14}$`, Placeholder: "+14155550101",
			Description: "Numbers that the account owns or has verified, in E.164 form.",
		},
		{
			Name: fieldPremiumAMD, Label: "Premium machine detection", Type: provider.Boolean, Default: false,
			Description: "For calls that ask to be told: it knows fax machines too, and costs more.",
		},
		{
			Name: fieldStreamFormat, Label: "Audio", Type: provider.Select, Default: ulaw.String(),
			Options: []provider.Option{
				{Value: ulaw.String(), Label: "mu-law, 8 kHz"},
				{Value: alaw.String(), Label: "A-law, 8 kHz"},
				{Value: wide.String(), Label: "16-bit linear, 16 kHz"},
			},
			Description: "What media streams carry, unless a call asks for something else.",
		},
		{
			Name: fieldByteOrder, Label: "Byte order", Type: provider.Select, Default: bigEndian,
			Options: []provider.Option{
				{Value: bigEndian, Label: "big-endian, as in RTP"},
				{Value: littleEndian, Label: "little-endian"},
			},
			VisibleWhen: &provider.VisibleWhen{Field: fieldStreamFormat, Value: wide.String()},
			Description: "Of linear samples. Telnyx does not document it: change it when callers hear noise.",
		},
	},
}

func init() { provider.Register(&spec) }

// driver drives one account. It is safe for concurrent use.
type driver struct {
	connection string // id of the Call Control application, "" before it is provisioned
	profile    string // id of the outbound voice profile
	premium    bool   // detect machines the dear way
	stream     media.Format
	verifier   verifier
	states     stateKey
	rest       *rest.Client
}

var (
	_ provider.Driver            = (*driver)(nil)
	_ provider.WebhookReceiver   = (*driver)(nil)
	_ provider.Answerer          = (*driver)(nil)
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
	v, err := newVerifier(c.String(fieldPublicKey), c.String(fieldConnection))
	if err != nil {
		return nil, err
	}
	return &driver{
		connection: c.String(fieldConnection),
		profile:    c.String(fieldProfile),
		premium:    c.Bool(fieldPremiumAMD),
		stream:     streamFormat(c),
		verifier:   v,
		states:     newStateKey(c.String(fieldAPIKey)),
		rest:       newClient(c),
	}, nil
}

func checklist(c provider.Config) []provider.Check {
	var todo []provider.Check
	if c.String(fieldAPIKey) == "" || c.String(fieldPublicKey) == "" {
		todo = append(todo, provider.Check{Text: "Copy an API key and the public key from the Telnyx portal.", Blocking: true})
	}
	if c.String(fieldConnection) == "" {
		todo = append(todo, provider.Check{Text: "Provision the trunk: that makes its Call Control application, with webhooks of version 2.", Blocking: true})
	}
	if c.String(fieldProfile) == "" {
		todo = append(todo, provider.Check{Text: "Give the application an outbound voice profile, or provision the trunk: Telnyx refuses outbound calls without one."})
	}
	if len(c.Strings(fieldFromNumbers)) == 0 {
		todo = append(todo, provider.Check{Text: "Add the numbers that outbound calls may show; Telnyx refuses a call without a caller id."})
	}
	return todo
}
