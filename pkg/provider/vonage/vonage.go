// Package vonage is the provider for the Vonage Voice API, formerly Nexmo.
//
// Calls are placed and steered over the REST API of /v1/calls, instructions
// are NCCOs (JSON arrays of actions), webhooks carry a JWT that signs their
// body, and the media stream is a WebSocket with raw linear audio. To Vonage
// that socket is a leg like a telephone: it has an id and a completed of its
// own. Answer and event URL belong to a Vonage application, which all numbers
// that are linked to it share.
//
// Sources: https://developer.vonage.com/en/voice/voice-api,
// https://developer.vonage.com/en/getting-started/concepts/webhooks and the
// OpenAPI descriptions of the Voice, Application and Numbers APIs.
package vonage

import (
	"crypto/rsa"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// Names of the fields of a configuration.
const (
	fieldApplicationID   = "application_id"
	fieldPrivateKey      = "private_key"
	fieldAPIKey          = "api_key"
	fieldAPISecret       = "api_secret"
	fieldSecret          = "signature_secret"
	fieldPreviousSecrets = "previous_signature_secrets"
	fieldFromNumbers     = "from_numbers"
	fieldRegion          = "region"
	fieldAMD             = "amd_enabled"
)

var spec = provider.Spec{
	Name:          "vonage",
	DisplayName:   "Vonage",
	DocsURL:       "https://developer.vonage.com/en/voice/voice-api/overview",
	Connectivity:  provider.API,
	FindsByNumber: true,
	AccountField:  fieldAPIKey,
	Can: []provider.Ability{
		provider.CanReceive, provider.CanHandshake, provider.CanRedirect, provider.CanReadStatus,
		provider.CanReadCost, provider.CanListNumbers, provider.CanConfigure, provider.CanSendDTMF,
		provider.CanReconcile, provider.CanTestLogin, provider.CanDetectAMD, provider.CanStream,
	},
	Format:    usual,
	Formats:   formats,
	Open:      open,
	NewCodec:  newCodec,
	Identify:  identify,
	Checklist: checklist,
	Fields: []provider.FieldSpec{
		{
			Name: fieldApplicationID, Label: "Application id", Type: provider.Text, Required: true,
			Pattern:     `^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`,
			Description: "The application with the voice capability that the numbers are linked to.",
		},
		{
			Name: fieldPrivateKey, Label: "Private key", Type: provider.TextArea, Required: true, Secret: true,
			Placeholder: "-----BEGIN PRIVATE KEY-----",
			Description: "Of the application, as it was downloaded: an RSA key in PEM form. It signs what places and steers calls.",
		},
		{
			Name: fieldAPIKey, Label: "API key", Type: provider.Text, Required: true, Pattern: `^[0-9A-Za-z]{4,64}$`, Placeholder: "a1b2c3d4",
			Description: "Names the account; in the dashboard under API settings. Not a secret.",
		},
		{
			Name: fieldAPISecret, Label: "API secret", Type: provider.Password, Required: true, Secret: true,
			Description: "The password to the API key. It reads and links numbers, and sets the application's webhooks.",
		},
		{
			Name: fieldSecret, Label: "Signature secret", Type: provider.Password, Required: true, Secret: true,
			Description: "Signs the webhooks of the whole account; in the dashboard under API settings. Not the API secret.",
		},
		{
			Name: fieldPreviousSecrets, Label: "Previous signature secrets", Type: provider.Strings, Secret: true,
			Description: "Also accepted in signatures while the secret is being rotated. Remove them afterwards.",
		},
		{
			Name: fieldFromNumbers, Label: "Caller ids", Type: provider.Strings, Placeholder: "+14155550101",
			Pattern:     `^\+?[1-9][0-9]{1,14}$`,
			Description: "Numbers of the account. An outbound call without one shows any number that is linked to the application.",
		},
		{
			Name: fieldRegion, Label: "Region", Type: provider.Select, Options: regions,
			Description: "Where calls are placed. A call is steered in the region that Vonage names for it, whatever this says.",
		},
		{
			Name: fieldAMD, Label: "Detect answering machines", Type: provider.Boolean, Default: false,
			Description: "On every outbound call that does not ask for something else. Vonage bills it per call.",
		},
	},
}

// regions are the hosts below vonage.com that serve the Voice API.
var regions = []provider.Option{
	{Value: "api-us-3", Label: "North America, east"},
	{Value: "api-us-4", Label: "North America, west"},
	{Value: "api-eu-4", Label: "Europe, east"},
	{Value: "api-eu-3", Label: "Europe, west"},
	{Value: "api-ap-3", Label: "Asia Pacific, Singapore"},
	{Value: "api-ap-4", Label: "Asia Pacific, Australia"},
}

func init() { provider.Register(&spec) }

// driver drives one account with one application. It is safe for concurrent use.
type driver struct {
	account     string // API key
	application string // id
	callerID    string // of a leg that an instruction dials and names none for, "" for any
	amd         bool   // detect machines unless a dial says otherwise
	secrets     secrets
	voice       *rest.Client // calls
	accounts    *rest.Client // applications
	numbers     *rest.Client
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
	_ provider.DTMFSender        = (*driver)(nil)
	_ provider.Reconciler        = (*driver)(nil)
	_ provider.CredentialTester  = (*driver)(nil)
)

func open(c provider.Config) (provider.Driver, error) {
	key, err := privateKey(c.String(fieldPrivateKey))
	if err != nil {
		return nil, err
	}
	d := &driver{
		account:     c.String(fieldAPIKey),
		application: c.String(fieldApplicationID),
		amd:         c.Bool(fieldAMD),
		secrets:     newSecrets(append([]string{c.String(fieldSecret)}, c.Strings(fieldPreviousSecrets)...)...),
	}
	if from := c.Strings(fieldFromNumbers); len(from) > 0 {
		d.callerID = from[0]
	}
	d.connect(c, &signer{application: d.application, key: key, now: time.Now})
	return d, nil
}

// privateKey reads a key in PEM form, also one whose line ends were written as
// backslash and n on the way through an environment variable.
func privateKey(text string) (*rsa.PrivateKey, error) {
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(strings.ReplaceAll(text, `\n`, "\n")))
	if err != nil {
		return nil, provider.Errorf(provider.KindInvalid, "%s cannot be read: want an RSA key in PEM form", fieldPrivateKey)
	}
	return key, nil
}

func checklist(c provider.Config) []provider.Check {
	var todo []provider.Check
	add := func(text string, blocking bool) { todo = append(todo, provider.Check{Text: text, Blocking: blocking}) }
	if c.String(fieldApplicationID) == "" || c.String(fieldPrivateKey) == "" {
		add("Make an application with the voice capability in the Vonage dashboard, and copy its id and private key.", true)
	}
	if c.String(fieldAPIKey) == "" || c.String(fieldAPISecret) == "" {
		add("Copy the API key and the API secret from the dashboard.", true)
	}
	if c.String(fieldSecret) == "" {
		add("Copy the signature secret from the API settings: without it no webhook is accepted.", true)
	}
	if len(c.Strings(fieldFromNumbers)) == 0 {
		add("Add the numbers that outbound calls may show; Vonage chooses one of the application's otherwise.", false)
	}
	if len(c.Strings(fieldPreviousSecrets)) > 0 {
		add("Remove the previous signature secrets once the rotation is over.", false)
	}
	return todo
}
