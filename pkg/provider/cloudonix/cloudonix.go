// Package cloudonix is the provider for Cloudonix.
//
// The carrier took over Twilio's markup and its Media Streams, and has a REST
// API, webhooks and status words of its own. It signs nothing: a webhook is
// proved by the MAC in its path, or by a key that the domain sends along. A
// call is a session and is named by its token, which every webhook and the
// media socket carry beside other ids. The updates of a session tell that a
// call was not answered; how a conversation ended, how long it was and what it
// cost comes in the call detail record (CDR), which the domain posts to one
// address. Sources: https://developers.cloudonix.com and the OpenAPI
// description of its core API, https://github.com/cloudonix/api.core-openapi.
package cloudonix

import (
	"net/url"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/mediastream"
)

// Names of the fields of a configuration.
const (
	fieldBearer        = "bearer_token"
	fieldDomain        = "domain_id"
	fieldFromNumbers   = "from_numbers"
	fieldOutboundTrunk = "outbound_trunk"
	fieldWebhookKey    = "webhook_api_key"
	fieldAcceptedKeys  = "accepted_api_keys"
	fieldAppName       = "application_name"
	fieldAppID         = "application_id"
	fieldDomainUUID    = "domain_uuid"
)

var spec = provider.Spec{
	Name:             "cloudonix",
	DisplayName:      "Cloudonix",
	DocsURL:          "https://developers.cloudonix.com",
	Connectivity:     provider.API,
	AccountField:     fieldDomain,
	Account:          domainName,
	RequiresCallerID: true,
	Can: []provider.Ability{
		provider.CanReceive, provider.CanRedirect, provider.CanReadStatus, provider.CanListNumbers,
		provider.CanConfigure, provider.CanProvision, provider.CanReconcile, provider.CanTestLogin,
		provider.CanDetectAMD, provider.CanStream,
	},
	Format:    mediastream.Format,
	Formats:   []media.Format{mediastream.Format},
	Open:      open,
	NewCodec:  newCodec,
	Identify:  identify,
	Checklist: checklist,
	Fields: []provider.FieldSpec{
		{
			Name: fieldBearer, Label: "API key", Type: provider.Password, Required: true, Secret: true,
			Placeholder: "XI...",
			Description: "A key of the domain, from the Cockpit. It is for REST only and lets no webhook in.",
		},
		{
			Name: fieldDomain, Label: "Domain", Type: provider.Text, Required: true,
			Pattern: `^\s*[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?\.?\s*$`, Placeholder: "acme.cloudonix.net",
			Description: "Names the account. A name without a dot is one of .cloudonix.net.",
		},
		{
			Name: fieldFromNumbers, Label: "Caller ids", Type: provider.Strings,
			Pattern: `^\+[1-9][0-9]{1,14}$`, Placeholder: "+14155550101",
			Description: "Numbers that outbound calls may show, in E.164 form.",
		},
		{
			Name: fieldOutboundTrunk, Label: "Outbound trunk", Type: provider.Text,
			Pattern: `^[0-9A-Za-z-]+$`, Placeholder: "main",
			Description: "The trunk of the domain for outbound calls, by its name there. When empty, all active ones are tried in turn, even those whose carrier does not own the caller id.",
		},
		{
			Name: fieldWebhookKey, Label: "Webhook key", Type: provider.Password, Secret: true, Pattern: `^\s*\S{16,}\s*$`,
			Description: "The domain sends it with every webhook. Leave it empty: provisioning takes over the key that the domain has, or makes one. At least 16 characters.",
		},
		{
			Name: fieldAcceptedKeys, Label: "Further webhook keys", Type: provider.Strings, Secret: true,
			Description: "Also accepted: the previous key while it is being changed, keys of voice applications. At least 16 characters each.",
		},
		{
			Name: fieldAppName, Label: "Voice application", Type: provider.Text, Placeholder: "trunkline",
			Pattern:     `^[0-9A-Za-z_-]*[A-Za-z_-][0-9A-Za-z_-]*$`,
			Description: "By its name: the one that sends inbound calls here. It must be of use for nothing else. When empty, one is made that is called after the trunk.",
		},
		{
			Name: fieldAppID, Label: "Voice application ID", Type: provider.ReadOnly,
			Description: "Filled in when the trunk is provisioned.",
		},
		{
			Name: fieldDomainUUID, Label: "Domain UUID", Type: provider.ReadOnly,
			Description: "Filled in when the trunk is provisioned. Call detail records must carry it.",
		},
	},
}

func init() { provider.Register(&spec) }

// driver drives one domain. It is safe for concurrent use.
type driver struct {
	domain string
	uuid   string // of the domain, "" before Provision
	trunk  string // for outbound calls, "" for any
	app    string // id of the voice application, "" before Provision
	name   string // of the voice application, "" for one after the trunk
	key    string // that the domain is to send with webhooks, "" for its own
	keys   keys   // all that are accepted
	api    *client
}

var (
	_ provider.Driver            = (*driver)(nil)
	_ provider.WebhookReceiver   = (*driver)(nil)
	_ provider.Redirector        = (*driver)(nil)
	_ provider.StatusReader      = (*driver)(nil)
	_ provider.NumberLister      = (*driver)(nil)
	_ provider.InboundConfigurer = (*driver)(nil)
	_ provider.Provisioner       = (*driver)(nil)
	_ provider.Reconciler        = (*driver)(nil)
	_ provider.CredentialTester  = (*driver)(nil)
)

func open(c provider.Config) (provider.Driver, error) {
	key := strings.TrimSpace(c.String(fieldWebhookKey))
	d := &driver{
		domain: domainName(c.String(fieldDomain)),
		uuid:   c.String(fieldDomainUUID),
		trunk:  c.String(fieldOutboundTrunk),
		app:    c.String(fieldAppID),
		name:   c.String(fieldAppName),
		key:    key,
		keys:   newKeys(append(c.Strings(fieldAcceptedKeys), key)),
	}
	d.api = newClient(c, d.domain)
	return d, nil
}

// domainName is the one form of a domain's name. The carrier itself writes
// names in full at one place and short at another.
func domainName(raw string) string {
	name := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(raw)), ".")
	if name != "" && !strings.Contains(name, ".") {
		name += domainSuffix
	}
	return name
}

const domainSuffix = ".cloudonix.net"

// domainPath is the path of something of the domain.
func (d *driver) domainPath(tail string) string {
	return "/customers/self/domains/" + url.PathEscape(d.domain) + tail
}

// callsPath is the path of what is done with the domain's calls.
func (d *driver) callsPath(tail string) string { return "/calls/" + url.PathEscape(d.domain) + tail }

func checklist(c provider.Config) []provider.Check {
	var todo []provider.Check
	if c.String(fieldBearer) == "" || c.String(fieldDomain) == "" {
		todo = append(todo, provider.Check{Text: "Make an API key of the domain in the Cloudonix Cockpit, and copy it and the domain's name.", Blocking: true})
	}
	if len(c.Strings(fieldFromNumbers)) == 0 {
		todo = append(todo, provider.Check{Text: "Add the numbers that outbound calls may show; a call without a caller id is refused."})
	}
	if c.String(fieldAppID) == "" {
		todo = append(todo, provider.Check{Text: "Provision the trunk, which makes the voice application that inbound calls need, and has the domain report how calls end and what they cost."})
	}
	if c.String(fieldOutboundTrunk) == "" {
		todo = append(todo, provider.Check{Text: "Name the outbound trunk, or every active one of the domain may be tried."})
	}
	for _, k := range append(c.Strings(fieldAcceptedKeys), c.String(fieldWebhookKey)) {
		if k != "" && !long(k) {
			todo = append(todo, provider.Check{Text: "Use webhook keys of at least 16 characters; shorter ones are not accepted."})
			break
		}
	}
	return todo
}
