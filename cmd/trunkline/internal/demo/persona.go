package demo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/ari"
	"github.com/trunkline-io/trunkline/pkg/carriersim/cloudonix"
	"github.com/trunkline-io/trunkline/pkg/carriersim/plivo"
	"github.com/trunkline-io/trunkline/pkg/carriersim/telnyx"
	"github.com/trunkline-io/trunkline/pkg/carriersim/twilio"
	"github.com/trunkline-io/trunkline/pkg/carriersim/vobiz"
	"github.com/trunkline-io/trunkline/pkg/carriersim/vonage"
	"github.com/trunkline-io/trunkline/pkg/media"
)

// The people who call and are called, whatever the carrier.
const (
	caller = "+14155550177"
	callee = "+14155550188"
)

// persona is a simulated carrier as the demonstration uses it.
type persona struct {
	name   string
	format media.Format // of its media path, both ways
	open   func() (carriersim.Carrier, error)
}

var personas = []persona{
	{"twilio", media.Format{Encoding: media.ULaw, Rate: 8000}, func() (carriersim.Carrier, error) { return twilio.New(twilio.Options{}) }},
	{"vonage", media.Format{Encoding: media.L16, Rate: 16000}, func() (carriersim.Carrier, error) { return vonage.New(vonage.Options{}) }},
	{"plivo", media.Format{Encoding: media.L16, Rate: 16000}, func() (carriersim.Carrier, error) { return plivo.New(plivo.Options{}) }},
	{"vobiz", media.Format{Encoding: media.L16, Rate: 16000}, func() (carriersim.Carrier, error) { return vobiz.New(vobiz.Options{}) }},
	{"telnyx", media.Format{Encoding: media.ULaw, Rate: 8000}, func() (carriersim.Carrier, error) { return telnyx.New(telnyx.Options{}) }},
	{"cloudonix", media.Format{Encoding: media.ULaw, Rate: 8000}, func() (carriersim.Carrier, error) { return cloudonix.New(cloudonix.Options{}) }},
	{"ari", media.Format{Encoding: media.L16, Rate: 16000}, func() (carriersim.Carrier, error) { return ari.New(ari.Options{}) }},
}

// Names lists the carriers that can be demonstrated.
func Names() []string {
	names := make([]string, len(personas))
	for i, p := range personas {
		names[i] = p.name
	}
	return names
}

// choose returns the personas with the given names, all where none are given.
func choose(names []string) ([]persona, error) {
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("there is no simulated carrier %q; there are: %s", name, strings.Join(Names(), ", "))
		}
	}
	if len(names) == 0 {
		return personas, nil
	}
	var chosen []persona
	for _, p := range personas {
		if slices.Contains(names, p.name) {
			chosen = append(chosen, p)
		}
	}
	return chosen, nil
}
