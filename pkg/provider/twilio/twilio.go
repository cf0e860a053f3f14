// Package twilio is the provider for Twilio Programmable Voice.
//
// Calls are placed and steered over the REST API of 2010-04-01, instructions
// are TwiML, webhooks are signed forms, and media streams follow the Media
// Streams protocol. Sources: https://www.twilio.com/docs/voice,
// https://www.twilio.com/docs/usage/security and the OpenAPI description
// twilio_api_v2010.json.
package twilio

import (
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/mediastream"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// Names of the fields of a configuration.
const (
	fieldAccountSID     = "account_sid"
	fieldAuthToken      = "auth_token"
	fieldPreviousTokens = "previous_auth_tokens"
	fieldKeySID         = "api_key_sid"
	fieldKeySecret      = "api_key_secret"
	fieldRegion         = "region"
	fieldEdge           = "edge"
	fieldFromNumbers    = "from_numbers"
	fieldAMD            = "amd_enabled"
)

var spec = provider.Spec{
	Name:             "twilio",
	DisplayName:      "Twilio",
	DocsURL:          "https://www.twilio.com/docs/voice",
	Connectivity:     provider.API,
	AccountField:     fieldAccountSID,
	RequiresCallerID: true,
	FindsByNumber:    true,
	Can: []provider.Ability{
		provider.CanReceive, provider.CanHandshake, provider.CanRedirect, provider.CanReadStatus,
		provider.CanReadCost, provider.CanListNumbers, provider.CanConfigure, provider.CanReconcile,
		provider.CanTestLogin, provider.CanDetectAMD, provider.CanStream,
	},
	Format:    mediastream.Format,
	Formats:   []media.Format{mediastream.Format},
	Open:      open,
	NewCodec:  newCodec,
	Identify:  identify,
	Checklist: checklist,
	Fields: []provider.FieldSpec{
		{
			Name: fieldAccountSID, Label: "Account SID", Type: provider.Text, Required: true,
			Pattern: `^AC[0-9a-fA-F]{32}$`, Placeholder: "AC...",
			Description: "Names the account or subaccount; on the first page of the console. Not a secret.",
		},
		{
			Name: fieldAuthToken, Label: "Auth token", Type: provider.Password, Required: true, Secret: true,
			Description: "The primary token of that very account. It signs webhooks, and is the REST password unless an API key is given.",
		},
		{
			Name: fieldPreviousTokens, Label: "Previous auth tokens", Type: provider.Strings, Secret: true,
			Description: "Also accepted in signatures while the token is being rotated. Remove them afterwards.",
		},
		{
			Name: fieldKeySID, Label: "API key SID", Type: provider.Text,
			Pattern: `^SK[0-9a-fA-F]{32}$`, Placeholder: "SK...",
			Description: "User of the REST API instead of the account: a key can be revoked by itself. Must be of the same region.",
		},
		{
			Name: fieldKeySecret, Label: "API key secret", Type: provider.Password, Secret: true,
			Description: "Shown once, when the key is made.",
		},
		{
			Name: fieldRegion, Label: "Region", Type: provider.Text, Pattern: `^[a-z0-9-]+$`, Placeholder: "us1",
			Description: "Where Twilio processes the calls: us1, ie1 or au1, which all have media streams. US1 when empty.",
		},
		{
			Name: fieldEdge, Label: "Edge", Type: provider.Text, Pattern: `^[a-z0-9-]+$`, Placeholder: "ashburn",
			Description: "Where the REST API is entered. Twilio chooses when empty.",
		},
		{
			Name: fieldFromNumbers, Label: "Caller ids", Type: provider.Strings,
			Pattern: `^\+[1-9][0-9]{1,14}$`, Placeholder: "+14155550101",
			Description: "Numbers that the account owns or has verified, in E.164 form.",
		},
		{
			Name: fieldAMD, Label: "Detect answering machines", Type: provider.Boolean, Default: false,
			Description: "On every outbound call that does not ask for something else. Twilio bills it per call.",
		},
	},
}

func init() { provider.Register(&spec) }

// driver drives one account. It is safe for concurrent use.
type driver struct {
	account  string // account SID
	keyed    bool   // REST is used with an API key
	amd      bool   // detect machines unless a dial says otherwise
	verifier verifier
	rest     *rest.Client
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
	_ provider.Reconciler        = (*driver)(nil)
	_ provider.CredentialTester  = (*driver)(nil)
)

func open(c provider.Config) (provider.Driver, error) {
	if (c.String(fieldKeySID) == "") != (c.String(fieldKeySecret) == "") {
		return nil, provider.Errorf(provider.KindInvalid, "%s and %s come together or not at all", fieldKeySID, fieldKeySecret)
	}
	tokens := append([]string{c.String(fieldAuthToken)}, c.Strings(fieldPreviousTokens)...)
	return &driver{
		account:  c.String(fieldAccountSID),
		keyed:    c.String(fieldKeySID) != "",
		amd:      c.Bool(fieldAMD),
		verifier: newVerifier(tokens),
		rest:     newClient(c),
	}, nil
}

func checklist(c provider.Config) []provider.Check {
	var todo []provider.Check
	if c.String(fieldAccountSID) == "" || c.String(fieldAuthToken) == "" {
		todo = append(todo, provider.Check{Text: "Copy the account SID and its primary auth token from the Twilio console.", Blocking: true})
	}
	if len(c.Strings(fieldFromNumbers)) == 0 {
		todo = append(todo, provider.Check{Text: "Add the numbers that outbound calls may show; Twilio refuses a call without a caller id."})
	}
	if c.String(fieldKeySID) == "" {
		todo = append(todo, provider.Check{Text: "Make an API key for REST, so that it can be revoked without breaking webhook signatures."})
	}
	if len(c.Strings(fieldPreviousTokens)) > 0 {
		todo = append(todo, provider.Check{Text: "Remove the previous auth tokens once the rotation is over."})
	}
	return todo
}
