package providertest

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// sheet is one vector file of a provider.
type sheet struct {
	spec    *provider.Spec
	adapter Adapter
	cases   map[string][]Case
	opening []media.Message // how the carrier opens a stream, from the first transcript that shows it
}

// readSheet reads a vector file. A section or a form that it does not know is
// an error: what is not understood must not pass for tested.
func readSheet(spec *provider.Spec, doc []byte, a Adapter) (*sheet, error) {
	var top map[string]json.RawMessage
	if err := decodeJSON(doc, &top); err != nil {
		return nil, err
	}
	s := &sheet{spec: spec, adapter: a, cases: map[string][]Case{}}
	meta, err := decodeMeta(top["meta"])
	if err != nil {
		return nil, err
	}
	for _, name := range sortedKeys(top) {
		if name == "meta" {
			continue
		}
		if err := s.readSection(name, top[name], meta); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(s.cases) == 0 {
		return nil, errors.New("no cases")
	}
	s.opening = s.findOpening()
	return s, nil
}

// decodeMeta returns the values that the file gives for all webhooks.
func decodeMeta(doc json.RawMessage) (map[string]any, error) {
	if len(doc) == 0 {
		return nil, nil
	}
	var meta struct {
		Webhooks map[string]any `json:"webhooks"`
	}
	if err := decodeJSON(doc, &meta); err != nil {
		return nil, fmt.Errorf("meta: %w", err)
	}
	return meta.Webhooks, nil
}

func (s *sheet) readSection(name string, doc json.RawMessage, meta map[string]any) error {
	if name != sectionSignatures && name != sectionWebhooks && name != sectionMedia {
		return errors.New("no such section is known")
	}
	var list []json.RawMessage
	if err := json.Unmarshal(doc, &list); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i, raw := range list {
		c := Case{Section: name}
		if name != sectionSignatures {
			c.shared = meta
		}
		if err := decodeJSON(raw, &c.fields); err != nil {
			return fmt.Errorf("case %d: %w", i+1, err)
		}
		var lines struct {
			Headers json.RawMessage `json:"headers"`
		}
		err := json.Unmarshal(raw, &lines)
		if err == nil {
			c.headers, err = decodeHeader(lines.Headers)
		}
		if err != nil {
			return fmt.Errorf("case %d: %w", i+1, err)
		}
		c.Name = c.String("name")
		if c.Name == "" || seen[c.Name] {
			return fmt.Errorf("case %d: name %q is empty or twice", i+1, c.Name)
		}
		seen[c.Name] = true
		s.cases[name] = append(s.cases[name], c)
	}
	return nil
}

// check runs one case.
func (s *sheet) check(c Case) (o outcome) {
	defer o.caught(c.Section)
	switch c.Section {
	case sectionSignatures:
		return s.checkSignature(c)
	case sectionWebhooks:
		return s.checkWebhook(c)
	default:
		return s.checkTranscript(c)
	}
}

// account opens the account that a case is about.
func (s *sheet) account(c Case) (*provider.Account, error) {
	return provider.Open(s.spec.Name, s.adapter.Config(c))
}
