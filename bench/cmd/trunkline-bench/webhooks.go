package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/trunkline-io/trunkline/bench/internal/load"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

const warmUp = 1500 * time.Millisecond

// rate is what a run of webhooks measured.
type rate struct {
	load.Result
	cpu    time.Duration // of the process, a webhook
	allocs float64       // a webhook
}

func (r rate) String() string {
	s := fmt.Sprintf("%6.0f /s   p50 %5.2f ms   p99 %6.2f ms   CPU %5.1f us", r.Rate, ms(r.P50), ms(r.P99), us(r.cpu))
	if r.allocs > 0 {
		s += fmt.Sprintf("   %4.0f allocs", r.allocs)
	}
	return s
}

// benchWebhooks measures signed Twilio status callbacks: verified, recorded
// and answered; the limit is the same handler with a callback that is no fact.
func benchWebhooks(ctx context.Context, o options, p *peer) error {
	s, err := openSite(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	ingress, err := role(coreMeasured, "ingress")
	if err != nil {
		return err
	}
	defer ingress.stop()
	limit, err := measure(ingress, o, requests("queued"))
	if err != nil {
		return err
	}
	recorded, err := measure(ingress, o, requests("ringing"))
	if err != nil {
		return err
	}
	rows := [][2]string{
		{"limit: verified and answered, no fact", limit.String()},
		{"verified, recorded, answered", recorded.String()},
		{"share of the limit", fmt.Sprintf("%.2f (target 0.35)", recorded.Rate/limit.Rate)},
	}
	if p != nil {
		node, err := p.webhooks(s, o)
		if err != nil {
			return err
		}
		rows = append(rows, [2]string{"peer: Express, twilio, nats", node.String()},
			[2]string{"ratio to the peer", fmt.Sprintf("%.1f x (target 5 x)", recorded.Rate/node.Rate)})
	} else {
		rows = append(rows, [2]string{"peer", noPeer})
	}
	table("Webhooks: signed Twilio status callbacks, closed loop over "+fmt.Sprint(o.connections)+" connections", rows)
	return nil
}

// measure drives one server.
func measure(p *process, o options, next func() []byte) (rate, error) {
	var r rate
	var before, after time.Duration
	var allocated float64
	var err error
	r.Result, err = load.HTTP(p.Address, o.connections, warmUp, o.measured(), next,
		func() { allocated, before = -p.mallocs(), p.cpu() },
		func() { after = p.cpu(); allocated += p.mallocs() })
	if err != nil {
		return r, err
	}
	r.cpu = (after - before) / time.Duration(r.Requests)
	r.allocs = allocated / float64(r.Requests)
	return r, nil
}

// requests makes signed callbacks, each of a call of its own.
func requests(status string) func() []byte {
	l := links()
	var n atomic.Int64
	run := call.NewID()
	return func() []byte {
		i := n.Add(1)
		id := fmt.Sprintf("%s-%d", run, i)
		target := l.Hook(trunk.HookPath{Provider: "twilio", Org: org, Trunk: trunkName, Hook: provider.HookStatus, Call: id})
		return signed(target, form(status, i))
	}
}

// form is a callback's fields as Twilio sends them, about 650 bytes.
func form(status string, i int64) url.Values {
	return url.Values{
		"AccountSid": {accountSID}, "ApiVersion": {"2010-04-01"}, "CallSid": {fmt.Sprintf("CA%032x", i)}, "CallStatus": {status},
		"CallbackSource": {"call-progress-events"}, "Called": {"+14155550177"}, "CalledCity": {"OAKLAND"}, "CalledCountry": {"US"},
		"CalledState": {"CA"}, "CalledZip": {"94601"}, "Caller": {number}, "CallerCity": {"SAN FRANCISCO"}, "CallerCountry": {"US"},
		"CallerState": {"CA"}, "CallerZip": {"94105"}, "Direction": {"outbound-api"}, "From": {number}, "FromCity": {"SAN FRANCISCO"},
		"FromCountry": {"US"}, "FromState": {"CA"}, "FromZip": {"94105"}, "SequenceNumber": {"1"},
		"Timestamp": {"Tue, 03 Mar 2026 09:15:22 +0000"}, "To": {"+14155550177"}, "ToCity": {"OAKLAND"}, "ToCountry": {"US"},
		"ToState": {"CA"}, "ToZip": {"94601"},
	}
}

// signed writes a whole HTTP request with Twilio's signature.
func signed(target string, fields url.Values) []byte {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	var text strings.Builder
	text.WriteString(target)
	for _, name := range names {
		text.WriteString(name + fields.Get(name))
	}
	body := fields.Encode()
	u, err := url.Parse(target)
	if err != nil {
		panic(err) // minted above
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\nX-Home-Region: us1\r\n"+
		"I-Twilio-Idempotency-Token: %s\r\nX-Twilio-Signature: %s\r\nContent-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"+
		"Content-Length: %d\r\n\r\n%s", u.Path, u.Host, fields.Get("CallSid"), sign(text.String()), len(body), body)
}

func sign(text string) string {
	h := hmac.New(sha1.New, []byte(authToken))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
