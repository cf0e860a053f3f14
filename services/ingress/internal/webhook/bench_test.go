package webhook_test

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"github.com/valyala/fasthttp"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/natsd"
	"github.com/trunkline-io/trunkline/pkg/provider"
	_ "github.com/trunkline-io/trunkline/pkg/provider/twilio"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/ingress/internal/webhook"
)

const (
	account = "AC0123456789abcdef0123456789abcdef"
	token   = "0123456789abcdef0123456789abcdef"
	base    = "https://hooks.example.com"
)

// TestMain runs the tests; or, where it is told a folder, a NATS server whose
// CPU time is not that of the benchmark.
func TestMain(m *testing.M) {
	dir := os.Getenv("INGRESS_TEST_NATS_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	s, err := natsd.Start(natsd.Config{Dir: dir, Name: "bench"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.ClientURL())
	done := make(chan os.Signal, 1)
	signal.Notify(done, syscall.SIGTERM)
	<-done
	s.Stop()
}

// BenchmarkTwilio handles signed Twilio callbacks, 32 at once, without the
// HTTP server around: "recorded" writes a fact of a call of its own each time,
// "unrecorded" does all but that (a queued call is no fact), "inbound" is a
// call whose agent is dialled later. cpu-us/op is the CPU time of this
// process, without that of NATS.
func BenchmarkTwilio(b *testing.B) {
	log := logrus.New()
	log.SetOutput(io.Discard)
	log.SetFormatter(&logrus.JSONFormatter{})
	bs := connect(b, log)
	keys, err := trunk.NewKeys(strings.Repeat("k", 32))
	if err != nil {
		b.Fatal(err)
	}
	links := trunk.Links{Keys: keys, Hooks: base, Media: "wss://media.example.com"}
	handler := receiver(b, bs, links, log)
	var calls atomic.Int64
	for _, c := range []struct {
		name, status string
		hook         provider.Hook
	}{{"recorded", "ringing", provider.HookStatus}, {"unrecorded", "queued", provider.HookStatus}, {"inbound", "ringing", provider.HookInbound}} {
		b.Run(c.name, func(b *testing.B) {
			requests := make([]*fasthttp.Request, b.N)
			for i := range requests {
				requests[i] = signed(links, c.hook, c.status, calls.Add(1))
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

func connect(b *testing.B, log *logrus.Logger) *bus.Bus {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "INGRESS_TEST_NATS_DIR="+b.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	bs, err := bus.Connect(context.Background(), bus.Config{URL: strings.TrimSpace(address), Replicas: 1}, "bench", log)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(bs.Close)
	return bs
}

func receiver(b *testing.B, bs *bus.Bus, links trunk.Links, log *logrus.Logger) fasthttp.RequestHandler {
	b.Helper()
	put := func(bucket, key string, v any) {
		kv, err := bs.Bucket(context.Background(), bucket)
		if err != nil {
			b.Fatal(err)
		}
		doc, _ := json.Marshal(v)
		if err := kv.Put(context.Background(), key, doc); err != nil {
			b.Fatal(err)
		}
	}
	sealed, err := links.Keys.SealSecrets(trunk.Trunk{Org: "default", Name: "main", Provider: "twilio",
		Config: map[string]any{"account_sid": account, "auth_token": token}}, trunk.Trunk{})
	if err != nil {
		b.Fatal(err)
	}
	put(subject.BucketTrunks, subject.TrunkKey("default", "main"), sealed)
	put(subject.BucketNumbers, subject.NumberKey("default", "main", trunk.AnyNumber), trunk.Number{Org: "default", Trunk: "main", Address: trunk.AnyNumber, Application: "echo"})
	put(subject.BucketApplications, subject.ApplicationKey("default", "echo"), trunk.Application{Org: "default", Name: "echo", Agent: trunk.Agent{Kind: trunk.AgentWebSocket}})
	cache := trunk.NewCache(links.Keys, log)
	ctx, cancel := context.WithCancel(context.Background())
	loaded, watched := make(chan struct{}), make(chan error, 1)
	go func() { watched <- cache.Watch(ctx, bs, func() { close(loaded) }) }()
	b.Cleanup(func() { cancel(); <-watched })
	<-loaded
	public, err := webhook.NewPublic(base, nil)
	if err != nil {
		b.Fatal(err)
	}
	r, err := webhook.New(ctx, links, public, cache, bs, prometheus.NewRegistry(), log)
	if err != nil {
		b.Fatal(err)
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, StrictRouting: true, CaseSensitive: true})
	r.Mount(app)
	return app.Handler()
}

// signed is a callback of the size of a real one.
func signed(links trunk.Links, hook provider.Hook, status string, n int64) *fasthttp.Request {
	form := url.Values{"CallSid": {fmt.Sprintf("CA%032d", n)}, "AccountSid": {account}, "ApiVersion": {"2010-04-01"}, "CallStatus": {status},
		"Direction": {"inbound"}, "From": {"+14155550199"}, "Caller": {"+14155550199"}, "To": {"+14155550101"}, "Called": {"+14155550101"},
		"FromCity": {"OAKLAND"}, "FromState": {"CA"}, "FromZip": {"94601"}, "FromCountry": {"US"}, "ToCity": {"SAN FRANCISCO"}, "ToState": {"CA"},
		"ToZip": {"94103"}, "ToCountry": {"US"}, "CallerCity": {"OAKLAND"}, "CallerState": {"CA"}, "CallerZip": {"94601"}, "CallerCountry": {"US"},
		"CalledCity": {"SAN FRANCISCO"}, "CalledState": {"CA"}, "CalledZip": {"94103"}, "CalledCountry": {"US"}, "SequenceNumber": {"1"}}
	callID := ""
	if hook == provider.HookStatus {
		callID = "c" + strconv.FormatInt(n, 10)
	}
	target := links.Hook(trunk.HookPath{Provider: "twilio", Org: "default", Trunk: "main", Hook: hook, Call: callID})
	mac := hmac.New(sha1.New, []byte(token))
	io.WriteString(mac, target)
	for _, name := range slices.Sorted(maps.Keys(form)) {
		io.WriteString(mac, name+form.Get(name))
	}
	req := new(fasthttp.Request)
	req.Header.SetMethod("POST")
	req.SetRequestURI(strings.TrimPrefix(target, base))
	req.Header.SetHost("hooks.example.com")
	req.Header.SetContentType("application/x-www-form-urlencoded; charset=UTF-8")
	req.Header.SetUserAgent("TwilioProxy/1.1")
	req.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	req.Header.Set("I-Twilio-Idempotency-Token", "5c1f4c3e-8f0e-4f3f-8f7b-"+fmt.Sprintf("%012d", n))
	req.SetBodyString(form.Encode())
	return req
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
