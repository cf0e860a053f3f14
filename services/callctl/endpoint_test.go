package callctl_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl/internal/toy"
)

// ask sends a request, as soon as somebody listens.
func ask(r *toy.Rig, endpoint, request string, reply any) error {
	r.Helper()
	noun, verb, _ := strings.Cut(endpoint, ".")
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		err := r.Bus.Ask(r.Context(), "callctl", noun, verb, json.RawMessage(request), reply)
		if !errors.Is(err, bus.ErrNoResponders) || r.Context().Err() != nil {
			return err
		}
	}
}

func TestRequests(t *testing.T) {
	r := toy.New(t)
	running(r, "c1", true, toy.Leg{Status: call.Answered, Seconds: 7})
	r.Carrier.SetCost(&call.Cost{Amount: "0.01", Currency: "EUR"})
	start(r)
	inbound := r.Links.Hook(trunk.HookPath{Provider: toy.Name, Org: toy.Org, Trunk: toy.Main, Hook: "inbound"})
	number := `{"org":"default","trunk":"main","number":"+14155550101"}`
	for _, c := range []struct{ endpoint, request, want string }{ // in this order
		{"trunk.test", `{"org":"default","name":"main"}`, `{"org":"default","name":"main"}`},
		{"number.owns", number, `{"owns":false}`},
		{"number.set_inbound", number, `{"url":"` + inbound + `"}`},
		{"number.owns", number, `{"owns":true}`},
		{"number.inbound", number, `{"url":"` + inbound + `","ours":true}`},
		{"trunk.numbers", `{"org":"default","name":"main"}`, `{"numbers":[{"number":"+14155550101"}]}`},
		{"number.clear_inbound", number, `{}`},
		{"number.inbound", number, `{"url":"","ours":false}`},
		{"number.set_inbound", strings.TrimSuffix(number, "}") + `,"inbound":{"AnswerURL":"https://else.example.net/"}}`, `{"url":"https://else.example.net/"}`},
		{"trunk.provision", `{"org":"default","name":"main"}`, `{"values":{"application":"main at ` + inbound + `"}}`},
		{"call.status", `{"org":"default","call_id":"c1"}`, `{"status":"answered","raw":"toy answered","seconds":7}`},
		{"call.cost", `{"org":"default","call_id":"c1"}`, `{"cost":{"amount":"0.01","currency":"EUR"}}`},
	} {
		var got, want any
		if err := ask(r, c.endpoint, c.request, &got); err != nil {
			t.Errorf("%s: %v", c.endpoint, err)
			continue
		}
		r.Must(json.Unmarshal([]byte(c.want), &want))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", c.endpoint, diff)
		}
	}
}

func TestRefusedRequests(t *testing.T) {
	r := toy.New(t)
	start(r)
	for _, c := range []struct{ endpoint, request, code string }{
		{"trunk.test", `{"org":"default","name":"nowhere"}`, "unknown_trunk"},
		{"trunk.test", `{"org":"default","trunk":"main"}`, "invalid_request"},
		{"trunk.test", `{"org":"default","name":"plain"}`, "carrier_unsupported"},
		{"call.status", `{"org":"default","call_id":"nobody"}`, "unknown_call"},
	} {
		err := ask(r, c.endpoint, c.request, nil)
		var refused *command.Error
		if !errors.As(err, &refused) || refused.Code != c.code || refused.Message == "" {
			t.Errorf("%s %s: %v, want code %s", c.endpoint, c.request, err, c.code)
		}
	}
	r.Carrier.SetDown(true)
	err := ask(r, "trunk.test", `{"org":"default","name":"main"}`, nil)
	var refused *command.Error
	if !errors.As(err, &refused) || refused.Code != "carrier_unavailable" {
		t.Errorf("while the carrier is away: %v", err)
	}
}
