package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	_ "github.com/trunkline-io/trunkline/pkg/provider/twilio"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/registry"
)

// desk asks a running registry.
type desk struct {
	*testing.T
	bus *bus.Bus
}

// start runs a registry and waits until it answers.
func start(t *testing.T) desk {
	t.Helper()
	b := bustest.New(t)
	keys, err := trunk.NewKeys(strings.Repeat("k", trunk.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- registry.Run(ctx, registry.Config{Links: trunk.Links{Keys: keys, Hooks: "https://hooks.example.com"}}, b, bustest.Log(t))
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	d := desk{t, b}
	for {
		if err := b.Ask(ctx, "registry", "trunk", "list", map[string]string{"org": "default"}, nil); !errors.Is(err, bus.ErrNoResponders) {
			return d
		}
		select {
		case err := <-done:
			t.Fatalf("registry ended: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// ok asks and fails the test when it is refused.
func (d desk) ok(noun, verb string, request any) map[string]any {
	d.Helper()
	var reply map[string]any
	if err := d.bus.Ask(d.Context(), "registry", noun, verb, request, &reply); err != nil {
		d.Fatalf("%s.%s: %v", noun, verb, err)
	}
	return reply
}

// refused asks and wants a refusal with a code.
func (d desk) refused(code, noun, verb string, request any) {
	d.Helper()
	var refusal *command.Error
	err := d.bus.Ask(d.Context(), "registry", noun, verb, request, nil)
	if !errors.As(err, &refusal) || refusal.Code != code {
		d.Errorf("%s.%s %v: got %v, want code %s", noun, verb, request, err, code)
	}
}

func mainTrunk() map[string]any {
	return map[string]any{"org": "default", "name": "main", "provider": "twilio", "country": "US", "config": map[string]any{
		"account_sid": "AC" + strings.Repeat("a", 32), "auth_token": "hunter2hunter2hunter2hunter2hunt",
	}}
}

func TestTrunkIsSealedMaskedAndChanged(t *testing.T) {
	d := start(t)
	shown := d.ok("trunk", "put", mainTrunk())
	config := shown["config"].(map[string]any)
	if config["auth_token"] != trunk.Mask {
		t.Errorf("auth_token reads %v, want the mask", config["auth_token"])
	}
	if url, _ := shown["inbound_url"].(string); !strings.HasPrefix(url, "https://hooks.example.com/v1/twilio/default/main/inbound/-/") {
		t.Errorf("inbound url is %q", url)
	}
	kv, err := d.bus.Bucket(t.Context(), "TRUNKS")
	if err != nil {
		t.Fatal(err)
	}
	atRest, _, err := kv.Get(t.Context(), "default.main")
	if err != nil || strings.Contains(string(atRest), "hunter2") {
		t.Errorf("at rest: %s, %v; want it sealed", atRest, err)
	}
	changed := mainTrunk()
	changed["config"].(map[string]any)["auth_token"] = trunk.Mask
	changed["max_calls"] = 5
	if got := d.ok("trunk", "put", changed); got["max_calls"] != 5.0 {
		t.Errorf("max_calls is %v after the change", got["max_calls"])
	}
}

func TestTrunkRefusals(t *testing.T) {
	d := start(t)
	d.ok("trunk", "put", mainTrunk())
	with := func(change func(map[string]any)) map[string]any {
		m := mainTrunk()
		change(m)
		return m
	}
	d.refused("unknown_provider", "trunk", "put", with(func(m map[string]any) { m["name"], m["provider"] = "x", "bell" }))
	d.refused("invalid_name", "trunk", "put", with(func(m map[string]any) { m["name"] = "a.b" }))
	d.refused("invalid_trunk", "trunk", "put", with(func(m map[string]any) { m["config"] = map[string]any{"auth_token": "x"} }))
	d.refused("invalid_trunk", "trunk", "put", with(func(m map[string]any) { m["name"], m["config"].(map[string]any)["auth_token"] = "new", trunk.Mask }))
	d.refused("invalid_request", "trunk", "put", with(func(m map[string]any) { m["colour"] = "red" }))
	d.refused("not_found", "trunk", "get", map[string]string{"org": "default", "name": "none"})
	d.refused("not_found", "trunk", "get", map[string]string{"org": "default", "name": "a b"})
	for _, noun := range []string{"trunk", "number", "application"} {
		d.refused("invalid_name", noun, "list", map[string]string{"org": "*"})
	}
	d.refused("invalid_name", "number", "list", map[string]string{"org": "default", "trunk": ">"})
	d.refused("unavailable", "trunk", "test", map[string]string{"org": "default", "name": "main"})
}

func TestNumbersAndApplications(t *testing.T) {
	d := start(t)
	d.ok("trunk", "put", mainTrunk())
	app := d.ok("application", "put", map[string]any{"org": "default", "name": "echo", "agent": map[string]any{"kind": ""}, "format": map[string]any{"encoding": "", "rate": 0}})
	if diff := cmp.Diff(map[string]any{"kind": "nats"}, app["agent"]); diff != "" {
		t.Error(diff)
	}
	number := map[string]any{"org": "default", "trunk": "main", "address": "(415) 555-0101", "application": "echo"}
	if got := d.ok("number", "put", number); got["address"] != "+14155550101" {
		t.Errorf("address is kept as %v, want E.164", got["address"])
	}
	if got := d.ok("number", "get", number); got["application"] != "echo" {
		t.Errorf("number is %v", got)
	}
	d.refused("invalid_number", "number", "put", map[string]any{"org": "default", "trunk": "main", "address": "call me"})
	d.refused("not_found", "number", "put", map[string]any{"org": "default", "trunk": "main", "address": "*", "application": "none"})
	rest := map[string]any{"org": "default", "trunk": "main", "address": "*", "application": "echo"}
	if got := d.ok("number", "put", rest); got["address"] != trunk.AnyNumber {
		t.Errorf("what stands for every other number is kept as %v", got)
	}
	d.refused("in_use", "trunk", "delete", map[string]string{"org": "default", "name": "main"})
	d.refused("in_use", "application", "delete", map[string]string{"org": "default", "name": "echo"})
	d.refused("invalid_agent", "application", "put", map[string]any{"org": "default", "name": "w", "agent": map[string]any{"kind": "websocket", "url": "http://x"}})
	d.refused("invalid_fallback", "application", "put", map[string]any{"org": "default", "name": "f",
		"fallback": map[string]any{"steps": []any{map[string]any{"redirect": map[string]any{"url": "https://x.example"}}}}})
	d.ok("number", "delete", number)
	d.refused("in_use", "application", "delete", map[string]string{"org": "default", "name": "echo"})
	d.ok("trunk", "delete", map[string]string{"org": "default", "name": "main"})
	d.ok("application", "delete", map[string]string{"org": "default", "name": "echo"})
}

func TestLiveCallsComeFromTheLog(t *testing.T) {
	d := start(t)
	record := func(id string, facts ...event.Fact) {
		for _, f := range facts {
			if _, _, err := d.bus.Record(t.Context(), event.New("/test", "default", id, f)); err != nil {
				t.Fatal(err)
			}
		}
	}
	record("live", event.CallRequested{To: "+14155550177", Application: "echo"}, event.CallAnswered{})
	record("over", event.CallReceived{From: "+14155550199"}, event.CallEnded{Status: call.Completed, Cause: call.CauseNormal})
	var live, all []map[string]any
	for len(all) < 2 || all[1]["status"] != "completed" && all[0]["status"] != "completed" {
		if err := d.bus.Ask(t.Context(), "registry", "call", "list", map[string]any{"org": "default", "ended": true}, &all); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.bus.Ask(t.Context(), "registry", "call", "list", map[string]any{"org": "default"}, &live); err != nil {
		t.Fatal(err)
	}
	if len(live) != 1 || live[0]["call_id"] != "live" || live[0]["status"] != "answered" || live[0]["direction"] != "outbound" {
		t.Errorf("live calls: %v", live)
	}
	if got := d.ok("call", "get", map[string]any{"org": "default", "call_id": "over"}); got["cause"] != "normal" {
		t.Errorf("the ended call: %v", got)
	}
	d.refused("not_found", "call", "get", map[string]any{"org": "default", "call_id": "nobody"})
}
