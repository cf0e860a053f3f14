package acme

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/providertest"
)

var config = provider.Config{Values: map[string]any{
	fieldAccount: "ac-1", fieldKey: "unmistakable-api-key", fieldSecret: "unmistakable-webhook-secret",
}}

// suite is all that the conformance suite has to be told about Acme.
var suite = providertest.Suite{
	Provider: "acme", Config: config, Tolerance: tolerance,
	Requests: []*provider.Request{
		signed(provider.HookInbound, `{"id":"e1","account":"ac-1","leg":"l1","direction":"in","from":"+14155550199","to":"+14155550101","state":"ringing"}`),
		signed(provider.HookStatus, `{"id":"e2","account":"ac-1","leg":"l1","direction":"in","state":"done","seconds":9}`),
	},
	Opening:      []media.Message{{Data: []byte(`{"type":"start","account":"ac-1","leg":"l1","stream":"s1"}`)}},
	Dialed:       providertest.Reply{Status: 201, Body: `{"leg":"l1"}`},
	Unrenderable: []string{"play", "pause", "send_digits", "dial", "conference", "redirect"},
}

func TestProvider(t *testing.T) { providertest.Run(t, suite) }

func FuzzParse(f *testing.F)  { providertest.FuzzParse(f, suite) }
func FuzzVerify(f *testing.F) { providertest.FuzzVerify(f, suite) }
func FuzzCodec(f *testing.F)  { providertest.FuzzCodec(f, suite) }

// signed makes a webhook as Acme sends it.
func signed(hook provider.Hook, body string) *provider.Request {
	now := time.Unix(1_800_000_000, 0)
	req := &provider.Request{Method: http.MethodPost, URL: "https://hooks.example.com/" + string(hook), Body: []byte(body), Hook: hook, Now: now}
	d, err := open(config)
	if err != nil {
		panic(err)
	}
	sent := strconv.FormatInt(now.Unix(), 10)
	req.Header = provider.Header{
		{Name: "Content-Type", Value: "application/json"}, {Name: headerTime, Value: sent},
		{Name: headerSignature, Value: hex.EncodeToString(d.(*driver).sign(sent, req))},
	}
	return req
}
