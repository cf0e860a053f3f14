package telnyx

import (
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

func BenchmarkReceive(b *testing.B) {
	d := testDriver(b, nil)
	req := signed(ownKey, testNow, answeredBody)
	known := func() provider.History { return provider.History{} }
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
			if _, err := d.Parse(req, known); err != nil {
				b.Fatal(err)
			}
		}
	})
}
