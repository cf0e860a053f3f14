package record

import (
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Provider is a kind of carrier as forms need it.
type Provider struct {
	Name         string                `json:"name"`
	DisplayName  string                `json:"display_name"`
	DocsURL      string                `json:"docs_url,omitempty"`
	Connectivity provider.Connectivity `json:"connectivity"`
	Fields       []provider.FieldSpec  `json:"fields"`
	Can          []provider.Ability    `json:"can"`
}

// Providers lists what is built in.
func Providers() []Provider {
	list := []Provider{}
	for _, s := range provider.Specs() {
		list = append(list, Provider{Name: s.Name, DisplayName: s.DisplayName, DocsURL: s.DocsURL,
			Connectivity: s.Connectivity, Fields: s.Fields, Can: s.Can})
	}
	return list
}
