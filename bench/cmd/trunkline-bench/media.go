package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/bench/internal/load"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// maxDelay is the added delay, in the worst of a hundred frames, up to which a
// node counts as fit to carry its calls.
const maxDelay = 10 * time.Millisecond

// steps are the numbers of calls that are tried, until one is too many.
var steps = []int{100, 200, 250, 300, 350, 400, 450, 500, 600, 700, 800, 900, 1000}

// capacity is the largest step that a server carried.
type capacity struct {
	calls    int
	p50, p99 time.Duration
	cpu      time.Duration // a frame, there and back
	failed   string        // why the next step was too many
}

func (c capacity) String() string {
	return fmt.Sprintf("%4d calls   p50 %5.2f ms   p99 %5.2f ms   CPU %5.1f us a frame there and back; %s", c.calls, ms(c.p50), ms(c.p99), us(c.cpu), c.failed)
}

// benchMedia measures calls per core: mu-law at 8 kHz from the carrier, PCM16
// at 16 kHz over NATS to an echo agent, and back. The limit is a server that
// gives WebSocket messages back untouched.
func benchMedia(ctx context.Context, o options, p *peer) error {
	echo, err := role(coreMeasured, "echo")
	if err != nil {
		return err
	}
	limit, err := climb(ctx, o, echo, plainStreams(echo.Address))
	echo.stop()
	if err != nil {
		return err
	}
	node, err := mediaNode(ctx, o)
	if err != nil {
		return err
	}
	rows := [][2]string{
		{"limit: raw WebSocket echo", limit.String()},
		{"media node, over NATS", node.String()},
		{"share of the limit", fmt.Sprintf("%.2f", float64(node.calls)/float64(limit.calls))},
	}
	if p != nil {
		got, err := p.media(ctx, o)
		if err != nil {
			return err
		}
		rows = append(rows, [2]string{"peer: ws, mu-law to PCM and back, no NATS", got.String()},
			[2]string{"CPU a frame, of the peer's", fmt.Sprintf("%.2f", float64(node.cpu)/float64(max(got.cpu, 1)))})
	} else {
		rows = append(rows, [2]string{"peer", noPeer})
	}
	table("Media: calls on one core with added delay p99 < 10 ms, 50 frames a second each way", rows)
	return nil
}

func mediaNode(ctx context.Context, o options) (capacity, error) {
	s, err := openSite(ctx)
	if err != nil {
		return capacity{}, err
	}
	defer s.close()
	node, err := role(coreMeasured, "media", "BENCH_PROFILE="+o.profile)
	if err != nil {
		return capacity{}, err
	}
	defer node.stop()
	return climb(ctx, o, node, s.calls(ctx, node.Address))
}

// climb raises the number of streams until the delay is too long, frames are
// lost, or the steps end. With a number of calls asked for it measures that one.
func climb(ctx context.Context, o options, p *process, streams func(n int) ([]load.Stream, func(), error)) (capacity, error) {
	if o.calls > 0 {
		return try(ctx, o, p, o.calls, streams)
	}
	best := capacity{failed: "no step failed"}
	for _, n := range steps {
		got, err := try(ctx, o, p, n, streams)
		if err != nil {
			return best, err
		}
		if got.failed != "" {
			best.failed = fmt.Sprintf("%d: %s", n, got.failed)
			break
		}
		got.failed = best.failed
		best = got
	}
	return best, nil
}

// try measures one number of streams.
func try(ctx context.Context, o options, p *process, n int, streams func(n int) ([]load.Stream, func(), error)) (capacity, error) {
	list, leave, err := streams(n)
	if err != nil {
		return capacity{}, err
	}
	defer leave()
	var before, after time.Duration
	got, err := load.Echo(ctx, list, warmUp, o.measured(), func() { before = p.cpu() }, func() { after = p.cpu() })
	c := capacity{calls: n, p50: got.P50, p99: got.P99, cpu: (after - before) / time.Duration(max(got.Echoed, 1))}
	switch lost := got.Sent - got.Echoed; {
	case err != nil:
		c.failed = err.Error()
	case lost*1000 > got.Sent:
		c.failed = fmt.Sprintf("%d of %d frames did not come back", lost, got.Sent)
	case got.P99 >= maxDelay:
		c.failed = fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", ms(got.P50), ms(got.P99))
	}
	return c, nil
}

// plainStreams are streams to a server that asks for no token.
func plainStreams(addr string) func(int) ([]load.Stream, func(), error) {
	return func(n int) ([]load.Stream, func(), error) {
		list := make([]load.Stream, n)
		for i := range list {
			list[i] = load.Stream{URL: "ws://" + addr + "/media", ID: fmt.Sprintf("MZ%032x", i)}
		}
		return list, func() {}, nil
	}
}

// calls are streams of calls that are recorded, and an agent of all of them that
// gives back what it hears.
func (s *site) calls(ctx context.Context, addr string) func(int) ([]load.Stream, func(), error) {
	return func(n int) ([]load.Stream, func(), error) {
		list, answers := make([]load.Stream, n), make(map[string]string, n)
		for i := range list {
			stream, id, err := s.call(ctx, addr)
			if err != nil {
				return nil, nil, err
			}
			list[i], answers[subject.CallerAudio(org, id)] = stream, subject.AgentAudio(org, id)
		}
		line := s.bus.Line("agent")
		leave, err := line.Subscribe(subject.CallerAudio(org, "*"), func(subj string, data []byte) { _ = line.Publish(answers[subj], data) })
		if err != nil {
			return nil, nil, err
		}
		return list, leave, line.Flush(ctx)
	}
}

// call records an answered inbound call and returns its stream and its id.
func (s *site) call(ctx context.Context, addr string) (load.Stream, string, error) {
	id, streamID := call.NewID(), call.NewID()
	leg := fmt.Sprintf("CA%032x", id[:16])
	for _, fact := range []event.Fact{
		event.CallReceived{From: "+14155550199", To: number, Application: application}, event.CallAnswered{},
		event.AgentBound{Application: application, StreamID: streamID},
	} {
		e := event.New("/bench", org, id, fact)
		e.Trunk, e.Provider, e.Leg = trunkName, "twilio", leg
		if _, _, err := s.bus.Record(ctx, e); err != nil {
			return load.Stream{}, "", err
		}
	}
	target := links().Stream(trunk.StreamPath{Org: org, Trunk: trunkName, Call: id, Stream: streamID}, time.Now().Add(time.Hour))
	mz := fmt.Sprintf("MZ%032x", streamID[:16])
	return load.Stream{
		URL: "ws://" + addr + strings.TrimPrefix(target, mediaURL), ID: mz,
		Header: http.Header{"X-Twilio-Signature": {sign(target)}},
		Hello: []string{`{"event":"connected","protocol":"Call","version":"1.0.0"}`,
			fmt.Sprintf(`{"event":"start","sequenceNumber":"1","start":{"accountSid":"%s","streamSid":"%s","callSid":"%s","tracks":["inbound"],`+
				`"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{}},"streamSid":"%s"}`, accountSID, mz, leg, mz)},
	}, id, nil
}
