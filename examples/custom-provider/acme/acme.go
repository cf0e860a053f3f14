// Package acme is a provider for the carrier Acme, which does not exist. It is
// the smallest provider that takes calls both ways: dial and hang up over
// REST, signed webhooks, an answer in JSON, and audio on a WebSocket.
package acme

import (
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Names of the fields.
const (
	fieldAccount = "account"
	fieldKey     = "api_key"
	fieldSecret  = "webhook_secret"
)

var spec = &provider.Spec{
	Name: "acme", DisplayName: "Acme", DocsURL: "https://acme.example/docs", Connectivity: provider.API,
	Fields: []provider.FieldSpec{
		{Name: fieldAccount, Label: "Account", Type: provider.Text, Required: true, Pattern: `^ac-[0-9]+$`, Placeholder: "ac-1234"},
		{Name: fieldKey, Label: "API key", Type: provider.Password, Required: true, Secret: true},
		{Name: fieldSecret, Label: "Webhook secret", Type: provider.Password, Required: true, Secret: true,
			Description: "Signs webhooks. Acme shows it under Settings, Webhooks."},
	},
	AccountField:     fieldAccount,
	RequiresCallerID: true,
	Can:              []provider.Ability{provider.CanReceive, provider.CanStream},
	Format:           media.Format{Encoding: media.L16, Rate: 16000},
	Formats:          []media.Format{{Encoding: media.L16, Rate: 16000}},
	Open:             open,
	NewCodec:         func(provider.CodecConfig) provider.Codec { return &codec{} },
	Identify:         identify,
}

func init() { provider.Register(spec) }

// driver is one account at Acme.
type driver struct {
	base, account, key string
	secret             []byte
}

// These lines fail to compile when an ability is lost.
var (
	_ provider.Driver          = (*driver)(nil)
	_ provider.WebhookReceiver = (*driver)(nil)
)

func open(c provider.Config) (provider.Driver, error) {
	d := &driver{base: "https://api.acme.example", account: c.String(fieldAccount), key: c.String(fieldKey), secret: []byte(c.String(fieldSecret))}
	if c.APIURL != "" {
		d.base = c.APIURL
	}
	return d, nil
}
