package plivo

import (
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivoxml"
)

var markup = plivoxml.Dialect{Carrier: carrier, Formats: formats, Params: true}

// Render implements provider.WebhookReceiver.
func (d *driver) Render(in call.Instruction, n *provider.Notice) (provider.Response, error) {
	return markup.Answer(in, n)
}
