package vonage

import (
	"testing"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// completedBody is the end of a call as the carrier writes it.
const completedBody = `{"end_time":"2026-01-01T12:01:10.000Z","uuid":"63f61863-4a51-4f6b-86e1-46edebcf9356","network":"US-FIXED","duration":"62",` +
	`"start_time":"2026-01-01T12:00:08.000Z","rate":"0.01270000","price":"0.01312333","from":"14155550100","to":"14155550121",` +
	`"conversation_uuid":"CON-f972836a-550f-45fa-956c-12a2ab5b7d22","status":"completed","direction":"outbound",` +
	`"disconnected_by":"user","sip_code":200,"timestamp":"2026-01-01T12:01:10.100Z"}`

func BenchmarkReceive(b *testing.B) {
	d, req := testDriver(b, nil), signed(completedBody, nil)
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := d.Verify(req); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.Parse(req, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRender(b *testing.B) {
	d := testDriver(b, nil)
	in := call.Instruction{Steps: []call.Step{{Stream: &call.Stream{
		URL: "wss://media.trunkline.example/v1/media/01JABC/tok", StreamID: "01JSTREAM",
		StatusURL: "https://hooks.trunkline.example/v1/vonage/stream/01JABC", Params: map[string]string{"call": "01JABC"},
	}}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Render(in, &provider.Notice{Kind: provider.InboundCall, LegID: "63f61863-4a51-4f6b-86e1-46edebcf9356", Reply: true}); err != nil {
			b.Fatal(err)
		}
	}
}
