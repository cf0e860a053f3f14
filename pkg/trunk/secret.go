package trunk

import (
	"fmt"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Mask is what a secret looks like when it is read. Written back, it means
// "unchanged".
const Mask = "********"

// SealSecrets returns the trunk with every secret field sealed under the
// current key. A field that holds the mask keeps its value of old.
func (k *Keys) SealSecrets(t, old Trunk) (Trunk, error) {
	return t.mapSecrets(func(field string, i int, text string) (string, error) {
		switch {
		case text == Mask:
			kept := textAt(old.Config[field], i)
			if kept == "" {
				return "", fmt.Errorf("field %q is masked, and there is no earlier value to keep", field)
			}
			return k.reseal(place(t, field), kept)
		case text == "":
			return "", nil
		case Sealed(text):
			return k.reseal(place(t, field), text)
		}
		return k.Seal(place(t, field), text), nil
	})
}

// OpenSecrets returns the trunk with every secret field in clear.
func (k *Keys) OpenSecrets(t Trunk) (Trunk, error) {
	return t.mapSecrets(func(field string, _ int, text string) (string, error) {
		if text == "" {
			return "", nil
		}
		plain, err := k.Open(place(t, field), text)
		if err != nil {
			return "", fmt.Errorf("field %q: %w", field, err)
		}
		return plain, nil
	})
}

// MaskSecrets returns the trunk as it may be shown.
func MaskSecrets(t Trunk) Trunk {
	masked, _ := t.mapSecrets(func(_ string, _ int, text string) (string, error) {
		if text == "" {
			return "", nil
		}
		return Mask, nil
	})
	return masked
}

// place is what a sealed text is bound to.
func place(t Trunk, field string) string { return t.Org + "/" + t.Name + "/" + field }

// mapSecrets copies a trunk and changes each text of its secret fields. A
// field that the provider does not know counts as secret.
func (t Trunk) mapSecrets(change func(field string, i int, text string) (string, error)) (Trunk, error) {
	spec := provider.Lookup(t.Provider)
	config := make(map[string]any, len(t.Config))
	for name, value := range t.Config {
		config[name] = value
		if spec != nil {
			if f, ok := spec.Field(name); ok && !f.Secret {
				continue
			}
		}
		changed, err := mapTexts(value, func(i int, text string) (string, error) { return change(name, i, text) })
		if err != nil {
			return Trunk{}, fmt.Errorf("trunk %s: %w", t.Name, err)
		}
		config[name] = changed
	}
	t.Config = config
	return t, nil
}

func mapTexts(value any, change func(i int, text string) (string, error)) (any, error) {
	switch v := value.(type) {
	case string:
		return change(0, v)
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return mapTexts(list, change)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, fmt.Errorf("a secret is not a text")
			}
			changed, err := change(i, s)
			if err != nil {
				return nil, err
			}
			list[i] = changed
		}
		return list, nil
	}
	return value, nil
}

func textAt(value any, i int) string {
	switch v := value.(type) {
	case string:
		if i == 0 {
			return v
		}
	case []any:
		if i < len(v) {
			s, _ := v[i].(string)
			return s
		}
	}
	return ""
}
