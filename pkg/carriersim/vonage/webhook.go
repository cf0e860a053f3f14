package vonage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// webhook makes a request, signed unless the application is not to be. Every
// try has a token of its own: no identifier tells that two are the same event.
func (s *session) webhook(kind carriersim.Kind, event string, to hook, doc map[string]any) *carriersim.Webhook {
	w := &carriersim.Webhook{
		Call: s.Call, Kind: kind, Event: event, Method: to.method, URL: to.url,
		Header: http.Header{"User-Agent": {"Vonage"}, "Accept": {"*/*"}},
		Policy: carriersim.Policy{Connect: to.connect, Read: to.read, Retries: 1, Retry: retryEvent},
	}
	if to.method == http.MethodGet {
		separator := "?"
		if strings.Contains(w.URL, "?") {
			separator = "&"
		}
		w.URL += separator + query(doc).Encode()
	} else {
		w.Body, _ = json.Marshal(doc) // plain values
		w.Header.Set("Content-Type", "application/json")
	}
	if !s.c.application(s.order.app).unsigned {
		w.SignedBy = []string{signatureHeader}
		w.Sign = func(h http.Header) { h.Set(signatureHeader, s.c.authorization(s.order.app, w.Body)) }
	}
	return w
}

func query(doc map[string]any) url.Values {
	q := url.Values{}
	for name, value := range doc {
		switch v := value.(type) {
		case nil:
		case map[string]any:
			text, _ := json.Marshal(v)
			q.Set(name, string(text))
		default:
			q.Set(name, fmt.Sprint(v))
		}
	}
	return q
}

// retryEvent: an event that was not answered 2xx is sent once more.
func retryEvent(status int, err error) bool { return err != nil || status/100 != 2 }

// retryAnswer: only some failures are worth asking the same URL again.
func retryAnswer(status int, err error) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return err != nil
}

// events is where the leg's events go.
func (s *session) events() hook {
	if s.order.events.url != "" {
		return s.order.events
	}
	return s.c.application(s.order.app).event
}

// notify queues an event.
func (s *session) notify(kind carriersim.Kind, event string, doc map[string]any) {
	s.notifyAt(s.events(), kind, event, doc)
}

func (s *session) notifyAt(to hook, kind carriersim.Kind, event string, doc map[string]any) {
	if to.url != "" {
		s.Notify(s.webhook(kind, event, to, doc))
	}
}

// consult sends an event whose answer may be an NCCO, and returns that.
func (s *session) consult(ctx context.Context, kind carriersim.Kind, event string, doc map[string]any) *script {
	return s.consultAt(ctx, s.events(), kind, event, doc)
}

func (s *session) consultAt(ctx context.Context, to hook, kind carriersim.Kind, event string, doc map[string]any) *script {
	if to.url == "" {
		return nil
	}
	answer := make(chan *script, 1)
	s.c.Go(func(ctx context.Context) { answer <- s.ask(ctx, s.webhook(kind, event, to, doc)) })
	select {
	case next := <-answer:
		return next
	case <-ctx.Done(): // nobody is there to go on; the gateway gets the event all the same
		return nil
	}
}

func (s *session) ask(ctx context.Context, w *carriersim.Webhook) *script {
	reply, err := s.c.Send(ctx, w)
	if err != nil || reply.Status != http.StatusOK || len(bytes.TrimSpace(reply.Body)) == 0 {
		return nil
	}
	actions, warnings, err := parseNCCO(reply.Body)
	if err != nil {
		s.complain(err)
		return nil
	}
	if len(actions) == 0 {
		return nil
	}
	return &script{actions: actions, warnings: warnings}
}

// complain tells the gateway that its NCCO is wrong.
func (s *session) complain(err error) {
	s.Warn("%v", err)
	f := s.facts()
	s.notify(carriersim.KindOther, "error", map[string]any{
		"reason":            "Syntax error in NCCO. Invalid value type or action. " + err.Error(),
		"conversation_uuid": f.conversation, "timestamp": now(),
	})
}

// load returns the actions of a script, and asks the gateway for them where it
// must: at the fallback URL, too, if there is one.
func (s *session) load(ctx context.Context, from *script) (*script, error) {
	if from.hook.url == "" {
		return from, nil
	}
	doc := s.answerFields()
	loaded, err := s.fetch(ctx, from.kind, "answer", from.hook, doc)
	if err == nil || from.fallback.url == "" || ctx.Err() != nil {
		return loaded, err
	}
	s.Warn("%v", err)
	return s.fetch(ctx, from.kind, "fallback", from.fallback, with(doc, map[string]any{
		"reason": "Connection closed.", "original_request": map[string]any{"url": from.hook.url, "type": "answer"},
	}))
}

// answerFields say neither a status nor a direction.
func (s *session) answerFields() map[string]any {
	f := s.facts()
	return map[string]any{
		"from": f.from.name(), "to": f.to.name(), "uuid": f.uuid, "conversation_uuid": f.conversation,
		"region_url": "http://" + f.host, "endpoint_type": f.from.Type,
	}
}

func (s *session) fetch(ctx context.Context, kind carriersim.Kind, event string, from hook, doc map[string]any) (*script, error) {
	w := s.webhook(kind, event, from, doc)
	w.Policy.Retry = retryAnswer
	reply, err := s.c.Send(ctx, w)
	switch {
	case err != nil:
		return nil, fmt.Errorf("answer webhook: %w", err)
	case !reply.OK():
		return nil, fmt.Errorf("answer webhook was answered %d", reply.Status)
	case !strings.HasPrefix(reply.Header.Get("Content-Type"), "application/json"):
		s.Warn("content type %q of an NCCO", reply.Header.Get("Content-Type"))
	}
	actions, warnings, err := parseNCCO(reply.Body)
	if err != nil {
		s.complain(err)
		return nil, err
	}
	return &script{actions: actions, warnings: warnings}, nil
}
