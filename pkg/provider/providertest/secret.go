package providertest

import (
	"fmt"
	"maps"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// secretsOf lists the values of an account that no error may show.
func secretsOf(spec *provider.Spec, c provider.Config) []string {
	var list []string
	for _, f := range spec.Fields {
		if f.Secret {
			list = append(list, c.Strings(f.Name)...)
		}
	}
	return list
}

// otherSecrets returns the configuration with other passwords. Keys in text
// areas stay: a changed one cannot be read at all.
func otherSecrets(spec *provider.Spec, c provider.Config) provider.Config {
	c.Values = maps.Clone(c.Values)
	for _, f := range spec.Fields {
		text, ok := c.Values[f.Name].(string)
		if !f.Secret || f.Type == provider.TextArea || !ok || text == "" {
			continue
		}
		last := "0"
		if strings.HasSuffix(text, last) {
			last = "1"
		}
		c.Values[f.Name] = text[:len(text)-1] + last
	}
	return c
}

// withoutSecrets returns the configuration without what tells it from the
// other account.
func (e *env) withoutSecrets() provider.Config {
	c := e.Config
	c.Values = maps.Clone(c.Values)
	for name, v := range e.Config.Values {
		if fmt.Sprint(v) != fmt.Sprint(e.Other.Values[name]) {
			delete(c.Values, name)
		}
	}
	return c
}

// leak notes an error that shows a secret of the account.
func (e *env) leak(f *failures, doing string, err error, more ...string) {
	if err == nil {
		return
	}
	text := fmt.Sprintf("%v %+v", err, err)
	for _, secret := range append(more, e.secrets...) {
		if secret != "" && strings.Contains(text, secret) {
			f.addf("%s: the error shows a secret: %v", doing, err)
			return
		}
	}
}

// typed notes an error that is no *provider.Error.
func (e *env) typed(f *failures, doing string, err error) {
	if err == nil {
		return
	}
	e.leak(f, doing, err)
	if kind := provider.KindOf(err); kind == provider.KindInternal {
		f.addf("%s: want a *provider.Error that says what is wrong, got %v", doing, err)
	}
}
