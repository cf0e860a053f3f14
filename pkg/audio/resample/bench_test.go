package resample_test

import (
	"fmt"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
)

// BenchmarkProcess converts one frame of 20 ms. Run it with -tags purego for
// the way without assembly.
func BenchmarkProcess(b *testing.B) {
	for _, rate := range [][2]int{{8000, 16000}, {16000, 8000}, {8000, 24000}, {24000, 8000}, {16000, 24000}, {24000, 16000}, {8000, 48000}, {48000, 8000}} {
		b.Run(fmt.Sprintf("%dto%d", rate[0]/1000, rate[1]/1000), func(b *testing.B) {
			r, err := resample.New(rate[0], rate[1])
			if err != nil {
				b.Fatal(err)
			}
			src := make([]int16, audio.SamplesPerFrame(rate[0]))
			for i := range src {
				src[i] = int16(i * 7919)
			}
			dst := make([]int16, 0, audio.SamplesPerFrame(rate[1]))
			b.ReportAllocs()
			for b.Loop() {
				dst = r.Process(dst[:0], src)
			}
		})
	}
}
