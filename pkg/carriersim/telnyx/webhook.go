package telnyx

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// The headers that sign a webhook.
const (
	signatureHeader = "Telnyx-Signature-Ed25519"
	timestampHeader = "Telnyx-Timestamp"
	oldSignature    = "X-Telnyx-Signature" // of version 1
)

// Telnyx does not say how often and how fast it tries. The time that a reply may
// take is that of its page on fundamentals.
const (
	tries      = 3 // at each of the two URLs
	replyTime  = 2 * time.Second
	retryAfter = 500 * time.Millisecond // before the second try, then twice that
)

// hookFields say where the webhooks of one leg go.
type hookFields struct {
	WebhookURL       string               `json:"webhook_url"`
	WebhookURLMethod string               `json:"webhook_url_method"`
	WebhookURLs      map[string][]string  `json:"webhook_urls"`
	WebhookURLsBy    string               `json:"webhook_urls_method"`
	WebhookRetries   map[string]retryPlan `json:"webhook_retries_policies"`
}

// retryPlan names the pauses before the retries of an event.
type retryPlan struct {
	RetriesMS []int `json:"retries_ms"`
}

func (h *hookFields) check() error {
	if h.WebhookURL != "" && !isWebURL(h.WebhookURL) {
		return invalid(codeBadRequest, "webhook_url", "%q is not a URL", h.WebhookURL)
	}
	for _, method := range []string{h.WebhookURLMethod, h.WebhookURLsBy} {
		if method != "" && method != http.MethodPost { // what is signed of a GET is not documented
			return invalid(codeEnum, "webhook_url_method", "only POST is simulated")
		}
	}
	for event, urls := range h.WebhookURLs {
		switch {
		case !strings.HasPrefix(event, "call.") && !strings.HasPrefix(event, "streaming.") && !strings.HasPrefix(event, "conference."):
			return invalid(codeEventName, "webhook_urls", "unknown event %s", event)
		case len(urls) == 0 || !isWebURL(urls[0]):
			return invalid(codeBadRequest, "webhook_urls", "%s has no URL", event)
		}
	}
	for _, plan := range h.WebhookRetries {
		if len(plan.RetriesMS) > 5 {
			return invalid(codeRange, "webhook_retries_policies", "at most 5 retries")
		}
		for _, ms := range plan.RetriesMS {
			if ms < 0 || ms > 60000 {
				return invalid(codeRange, "webhook_retries_policies", "at most 60000 ms")
			}
		}
	}
	return nil
}

// signed is what is signed of a body, at a moment in Unix seconds.
func signed(timestamp string, body []byte) []byte { return append([]byte(timestamp+"|"), body...) }

// ids are in the payload of nearly every event.
func (s *session) ids() map[string]any {
	return map[string]any{
		"call_control_id": s.hookID, "call_leg_id": s.legID, "call_session_id": s.sessionID,
		"connection_id": s.order.connection, "client_state": s.clientState(),
	}
}

// parties are the ids and who talks.
func (s *session) parties() map[string]any {
	return with(s.ids(), map[string]any{"from": s.From(), "to": s.To()})
}

// initiated is the payload of the one event that tells the direction.
func (s *session) initiated(direction string) map[string]any {
	doc := with(s.parties(), map[string]any{
		"direction": direction, "state": stateParked, "start_time": stamp(s.created),
		"connection_codecs": "PCMA,PCMU", "offered_codecs": "PCMU,PCMA,G722",
		"custom_headers": []any{}, "sip_headers": []any{}, "tags": []any{},
	})
	if s.order.bridgeOnAnswer {
		doc["state"] = stateBridging
	}
	if direction == "incoming" {
		doc["caller_id_name"], doc["call_screening_result"] = "", ""
		doc["shaken_stir_attestation"], doc["shaken_stir_validated"] = "A", true
	}
	return doc
}

// tell sends an event.
func (s *session) tell(kind carriersim.Kind, event string, payload map[string]any) {
	w := s.webhook(kind, event, payload)
	if w == nil {
		return
	}
	if s.c.opt.Concurrent {
		s.c.Go(func(ctx context.Context) { s.c.Send(ctx, w) })
		return
	}
	s.Notify(w)
}

// webhook makes a request that is the same event at each try, but for the number
// of the try, the address and the signature. After the last try at one URL the
// application's other URL has its turn.
func (s *session) webhook(kind carriersim.Kind, event string, payload map[string]any) *carriersim.Webhook {
	app := s.c.application(s.order.connection)
	s.mu.Lock()
	target, plan := s.hooks.WebhookURL, s.hooks.WebhookRetries[event].RetriesMS
	if urls := s.hooks.WebhookURLs[event]; len(urls) > 0 {
		target = urls[0]
	}
	s.mu.Unlock()
	if target == "" {
		target = app.WebhookURL
	}
	if target == "" {
		return nil
	}
	first, all := tries, tries
	if plan != nil {
		first, all = 1+len(plan), 1+len(plan)
	}
	failover := ""
	if app.FailoverURL != nil && *app.FailoverURL != "" {
		failover = *app.FailoverURL
		all += tries
	}
	id, at := uuid.NewString(), stamp(time.Now())
	return &carriersim.Webhook{
		Call: s.Call, Kind: kind, Event: event, Method: http.MethodPost, URL: target, SignedBy: []string{signatureHeader},
		Header: http.Header{"Content-Type": {"application/json"}, "User-Agent": {"telnyx-webhooks"}},
		Policy: carriersim.Policy{Connect: replyTime, Read: replyTimeOf(&app), Retries: all - 1, Retry: worthRetry, Backoff: func(n int) time.Duration {
			if n <= len(plan) {
				return time.Duration(plan[n-1]) * time.Millisecond
			}
			return time.Duration(n) * retryAfter
		}},
		Compose: func(try int, h http.Header) (string, []byte) {
			to := target
			if try > first {
				to = failover
			}
			if app.APIVersion == "1" {
				return to, s.c.composeOld(h, map[string]any{
					"record_type": "event", "event_type": strings.ReplaceAll(event, ".", "_"), "id": id, "created_at": at, "payload": payload,
				})
			}
			return to, s.c.compose(h, map[string]any{
				"data": map[string]any{"record_type": "event", "event_type": event, "id": id, "occurred_at": at, "payload": payload},
				"meta": map[string]any{"attempt": try, "delivered_to": to},
			})
		},
	}
}

func replyTimeOf(app *application) time.Duration {
	if app.TimeoutSecs != nil && *app.TimeoutSecs > 0 {
		return time.Duration(*app.TimeoutSecs) * time.Second
	}
	return replyTime
}

// worthRetry: time-outs, limits and faults of the gateway; what else it refuses
// is final.
func worthRetry(status int, err error) bool {
	return errors.Is(err, carriersim.ErrConnect) || errors.Is(err, carriersim.ErrNoReply) ||
		status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status/100 == 5
}

// compose writes a body and signs it.
func (c *Carrier) compose(h http.Header, doc map[string]any) []byte {
	body, _ := json.Marshal(doc) // plain values
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	h.Set(timestampHeader, timestamp)
	h.Set(signatureHeader, base64.StdEncoding.EncodeToString(ed25519.Sign(c.private, signed(timestamp, body))))
	return body
}

// composeOld is compose for version 1, which has another signature.
func (c *Carrier) composeOld(h http.Header, doc map[string]any) []byte {
	body, _ := json.Marshal(doc)
	mac := hmac.New(sha256.New, []byte(c.secret))
	mac.Write(body)
	h.Set(oldSignature, hex.EncodeToString(mac.Sum(nil)))
	return body
}
