package vobiz

import (
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivoxml"
)

// markup has no parameters of a stream: they never reach the socket.
var markup = plivoxml.Dialect{Carrier: carrier, Formats: formats, Plus: true, Retries: 3}

// Render implements provider.WebhookReceiver.
func (d *driver) Render(in call.Instruction, n *provider.Notice) (provider.Response, error) {
	return markup.Answer(in, n)
}
