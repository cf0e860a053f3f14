package twilio

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/audio/compare"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

// BenchmarkCalls runs 200 calls at once, each of which speaks to a gateway that
// echoes it in this process, too. It reports the CPU
// time of both sides per second of one call, and the worst similarity of what
// was said and what was heard.
func BenchmarkCalls(b *testing.B) {
	const calls = 200
	_, g := begin(b, Options{})
	g.Media(func(ws *websocket.Conn) { echo(b)(ws) })
	g.on("/voice", g.stream())
	pcm, rate := gatewaytest.Speech(b)
	for b.Loop() {
		begin, cpu := time.Now(), cpuTime(b)
		var wg sync.WaitGroup
		worst, mu := 1.0, sync.Mutex{}
		list := make([]*carriersim.Call, calls)
		for i := range list {
			list[i] = g.RingUp(carriersim.Person{Acts: []carriersim.Act{
				carriersim.Speak{PCM: pcm, Rate: rate}, carriersim.Wait{For: 1500 * time.Millisecond}, carriersim.Hangup{},
			}})
		}
		for _, c := range list {
			g.Ended(c)
		}
		used := cpuTime(b) - cpu
		b.ReportMetric(float64(used.Microseconds())/time.Since(begin).Seconds()/calls, "cpu-us/call-s")
		for _, c := range list[:20] {
			wg.Go(func() {
				similarity, _ := compare.Find(c.Said(), c.Heard(), c.Rate())
				mu.Lock()
				defer mu.Unlock()
				worst = min(worst, similarity)
			})
		}
		wg.Wait()
		b.ReportMetric(worst, "similarity")
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
