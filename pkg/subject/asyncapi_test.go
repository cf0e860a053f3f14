package subject_test

import (
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/internal/schematest"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/schemas"
)

// asyncAPI is what this test reads of asyncapi.yaml.
type asyncAPI struct {
	Info struct {
		Tags []tag
	}
	Channels map[string]struct {
		Address    string // "" for a reply, whose subject the asker chooses
		Title      string
		Parameters map[string]ref
		Messages   map[string]ref
	}
	Operations map[string]struct {
		Action  string
		Channel ref
		Tags    []tag
	}
	Components struct {
		Parameters map[string]struct{ Description string }
		Messages   map[string]struct {
			ContentType string `yaml:"contentType"`
			Payload     ref
		}
	}
}

type tag struct{ Name, Description string }

type ref struct {
	Ref string `yaml:"$ref"`
}

func readAsyncAPI(t *testing.T) asyncAPI {
	t.Helper()
	doc, err := schemas.FS.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var api asyncAPI
	if err := yaml.Unmarshal(doc, &api); err != nil {
		t.Fatal(err)
	}
	return api
}

// addresses holds what this package builds for each channel, with the
// parameters' names in braces in place of values.
func addresses(t *testing.T) map[string]string {
	t.Helper()
	const org, call = "{org}", "{call}"
	want := map[string]string{
		"agent.offer":         subject.Offer(org, "{application}"),
		"agent.accept":        "",
		"media.caller.audio":  subject.CallerAudio(org, call),
		"media.caller.signal": subject.CallerSignal(org, call),
		"media.agent.audio":   subject.AgentAudio(org, call),
		"media.agent.control": subject.AgentControl(org, call),
		"service.request":     subject.Service("{service}", "{noun}", "{verb}"),
		"service.reply":       "",
		"dead.command":        subject.Dead(subject.StreamCommands, subject.Command(org, call, "{order}")),
		"dead.event":          subject.Dead(subject.StreamEvents, subject.Event(org, call, "{fact}", "")),
		"dead.webhook":        subject.DeadWebhook(org, "{trunk}"),
	}
	for _, typ := range event.Types() {
		key := ""
		var example event.Event
		if err := json.Unmarshal(schematest.Examples(t, "event/"+typ)[0], &example); err != nil {
			t.Fatal(err)
		}
		if example.Data.Key() != "" {
			key = "{key}"
		}
		want["event."+typ] = subject.Event(org, call, typ, key)
	}
	for _, typ := range command.Types() {
		want["command."+typ] = subject.Command(org, call, typ)
	}
	return want
}

func TestChannelsAreSubjects(t *testing.T) {
	api := readAsyncAPI(t)
	got := map[string]string{}
	for name, c := range api.Channels {
		got[name] = c.Address
		if c.Title == "" {
			t.Errorf("channel %s has no title", name)
		}
		var declared []string
		for p, r := range c.Parameters {
			declared = append(declared, p)
			if r.Ref != "#/components/parameters/"+p || api.Components.Parameters[p].Description == "" {
				t.Errorf("channel %s: parameter %s refers to %q, and is described as %q", name, p, r.Ref, api.Components.Parameters[p].Description)
			}
		}
		slices.Sort(declared)
		if diff := cmp.Diff(parameters(c.Address), declared); diff != "" {
			t.Errorf("channel %s: parameters (-in the address +declared):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(addresses(t), got); diff != "" {
		t.Errorf("channels (-package subject +asyncapi.yaml):\n%s", diff)
	}
}

// parameters lists the names in braces, sorted.
func parameters(address string) []string {
	var names []string
	for _, token := range strings.Split(address, ".") {
		if name, ok := strings.CutPrefix(token, "{"); ok {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
	}
	slices.Sort(names)
	return names
}

func TestEveryChannelNamesItsSendersAndReceivers(t *testing.T) {
	api := readAsyncAPI(t)
	parties := map[string]bool{}
	for _, p := range api.Info.Tags {
		parties[p.Name] = p.Description != ""
	}
	want := map[string]bool{}
	for name := range api.Channels {
		want["send."+name], want["receive."+name] = true, true
	}
	got := map[string]bool{}
	for name, op := range api.Operations {
		got[name] = true
		channel, _ := strings.CutPrefix(op.Channel.Ref, "#/channels/")
		if name != op.Action+"."+channel {
			t.Errorf("operation %s does %s on channel %s", name, op.Action, channel)
		}
		if len(op.Tags) == 0 {
			t.Errorf("operation %s names nobody", name)
		}
		for _, who := range op.Tags {
			if !parties[who.Name] {
				t.Errorf("operation %s names %q, who is not described in info.tags", name, who.Name)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("operations (-send and receive of each channel +asyncapi.yaml):\n%s", diff)
	}
}

func TestMessagesReferToSchemas(t *testing.T) {
	api := readAsyncAPI(t)
	for name, c := range api.Channels {
		if len(c.Messages) != 1 {
			t.Errorf("channel %s has %d messages, want one", name, len(c.Messages))
		}
		for m, r := range c.Messages {
			if _, ok := api.Components.Messages[m]; !ok || r.Ref != "#/components/messages/"+m {
				t.Errorf("channel %s: message %s refers to %q", name, m, r.Ref)
			}
		}
	}
	for name, m := range api.Components.Messages {
		kind, typ, _ := strings.Cut(name, ".")
		switch kind {
		case "event":
			checkMessage(t, name, m.ContentType, "application/cloudevents+json", m.Payload.Ref, "event/"+typ+".json")
		case "command":
			checkMessage(t, name, m.ContentType, "application/json", m.Payload.Ref, "command/"+typ+".json")
		case "offer", "accept", "signal", "control":
			checkMessage(t, name, m.ContentType, "application/json", m.Payload.Ref, "media/"+name+".json")
		case "audio", "request", "reply", "dead": // have no schema in a file
		default:
			t.Errorf("message %s is not known to this test", name)
		}
	}
}

func checkMessage(t *testing.T, name, contentType, wantType, payload, wantPayload string) {
	t.Helper()
	if contentType != wantType || payload != wantPayload {
		t.Errorf("message %s: %s of %q, want %s of %s", name, contentType, payload, wantType, wantPayload)
	}
	if _, err := fs.Stat(schemas.FS, payload); err != nil {
		t.Errorf("message %s: %v", name, err)
	}
}
