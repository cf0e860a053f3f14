package ingress_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"github.com/valyala/fasthttp"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/ingress/internal/webhook"
)

// BenchmarkTwilio handles signed Twilio callbacks, 32 at once, without the
// HTTP server around: "recorded" writes a fact of a call of its own each time,
// "unrecorded" does all but that (a queued call is no fact), "inbound" is a
// call whose agent is dialled later: two facts and a log line. cpu-us/op is the
// CPU time of this process; NATS runs in another.
func BenchmarkTwilio(b *testing.B) {
	address, _, _ := natsProcess(b)
	s := newSite(b, connect(b, address))
	s.addTwilio()
	s.addApplication(trunk.Agent{Kind: trunk.AgentWebSocket})
	handler := s.handler()
	var calls atomic.Int64
	for _, c := range []struct {
		name, status string
		hook         provider.Hook
	}{{"recorded", "ringing", provider.HookStatus}, {"unrecorded", "queued", provider.HookStatus}, {"inbound", "ringing", provider.HookInbound}} {
		b.Run(c.name, func(b *testing.B) {
			requests := make([]*fasthttp.Request, b.N)
			for i := range requests {
				requests[i] = s.signed(c.hook, c.status, calls.Add(1))
			}
			var next atomic.Int64
			b.SetParallelism(16)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpu()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					var ctx fasthttp.RequestCtx
					ctx.Init2(nil, nil, true)
					requests[next.Add(1)-1].CopyTo(&ctx.Request)
					handler(&ctx)
					if status := ctx.Response.StatusCode(); status/100 != 2 {
						b.Errorf("status %d: %s", status, ctx.Response.Body())
						return
					}
				}
			})
			b.ReportMetric(float64(cpu()-before)/float64(time.Microsecond)/float64(b.N), "cpu-us/op")
		})
	}
}

// handler is the service's handler of webhooks alone.
func (s *site) handler() fasthttp.RequestHandler {
	s.t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	log.SetFormatter(&logrus.JSONFormatter{})
	cache := trunk.NewCache(s.links.Keys, log)
	ctx, cancel := context.WithCancel(context.Background())
	loaded, watched := make(chan struct{}), make(chan error, 1)
	go func() { watched <- cache.Watch(ctx, s.bus, func() { close(loaded) }) }()
	s.t.Cleanup(func() { cancel(); <-watched })
	<-loaded
	public, err := webhook.NewPublic(publicURL, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := webhook.New(ctx, s.links, public, cache, s.bus, prometheus.NewRegistry(), log)
	if err != nil {
		s.t.Fatal(err)
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, StrictRouting: true, CaseSensitive: true})
	r.Mount(app)
	return app.Handler()
}

// signed is a callback about call n.
func (s *site) signed(hook provider.Hook, status string, n int64) *fasthttp.Request {
	callID := ""
	if hook == provider.HookStatus {
		callID = "c" + strconv.FormatInt(n, 10)
	}
	path := s.hook("phone", "twilio", hook, callID)
	form := url.Values{}
	for name, values := range twilioCall(status, "inbound") {
		form[name] = values
	}
	form.Set("CallSid", fmt.Sprintf("CA%032d", n))
	req := new(fasthttp.Request)
	req.Header.SetMethod(http.MethodPost)
	req.SetRequestURI(path)
	req.Header.SetHost("hooks.example.com")
	for name, values := range twilioHeader(path, form) {
		req.Header.Set(name, values[0])
	}
	req.SetBodyString(form.Encode())
	return req
}

// cpu is the CPU time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
