package twilio

import (
	"testing"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// inboundForm is an inbound call as the carrier writes it, 650 bytes.
const inboundForm = "AccountSid=" + testAccount + "&ApiVersion=2010-04-01&CallSid=CA00000000000000000000000000000001" +
	"&CallStatus=ringing&CallToken=%257B%2522parentCallInfoToken%2522%253A%2522eyJ0eXAiOiJKV1QiLCJh%2522%257D" +
	"&Called=%2B14155550101&CalledCity=OAKLAND&CalledState=CA&CalledZip=94601&CalledCountry=US" +
	"&Caller=%2B14155550199&CallerCity=&CallerState=CA&CallerZip=&CallerCountry=US&Direction=inbound" +
	"&From=%2B14155550199&FromCity=&FromState=CA&FromZip=&FromCountry=US&StirVerstat=TN-Validation-Passed-A" +
	"&To=%2B14155550101&ToCity=OAKLAND&ToState=CA&ToZip=94601&ToCountry=US"

func BenchmarkReceive(b *testing.B) {
	account := testDriver(b, nil)
	req := signedForm("/v1/twilio/voice/inbound", provider.HookInbound, inboundForm)
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := account.Verify(req); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := account.Parse(req, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRender(b *testing.B) {
	d := testDriver(b, nil)
	in := call.Instruction{Steps: []call.Step{{Stream: &call.Stream{
		URL: "wss://media.trunkline.example/v1/media/01JABC/tok", StreamID: "01JSTREAM",
		StatusURL: "https://hooks.trunkline.example/v1/twilio/stream/01JABC", Params: map[string]string{"call": "01JABC"},
	}}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Render(in, &provider.Notice{Kind: provider.InboundCall, Reply: true}); err != nil {
			b.Fatal(err)
		}
	}
}
