package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// Endpoint is one request that a service answers, at
// trunkline.svc.<service>.<noun>.<verb>. An *command.Error that Handle returns
// reaches the asker with its code and message; the text of any other error
// stays here.
//
// The ctx of Handle outlives the service's own, so that what is in hand is
// finished; it ends after a minute.
type Endpoint struct {
	Noun, Verb string
	Handle     func(ctx context.Context, request []byte) (any, error)
}

// Serve answers requests until ctx ends, then waits for those in hand. All
// instances of a service share its requests.
func (b *Bus) Serve(ctx context.Context, service, version string, endpoints []Endpoint) error {
	svc, err := micro.AddService(b.nc, micro.Config{Name: "trunkline-" + service, Version: version,
		Description: "Trunkline " + service})
	if err != nil {
		return fmt.Errorf("serve %s: %w", service, err)
	}
	var inside hall
	defer inside.empty()
	defer func() { _ = svc.Stop() }()
	for _, e := range endpoints {
		handler := micro.HandlerFunc(func(req micro.Request) {
			if !inside.enter(func() { b.answer(ctx, e, req) }) {
				_ = req.Error("unavailable", "the service is stopping; ask again", nil)
			}
		})
		err := svc.AddEndpoint(e.Noun+"-"+e.Verb, handler, micro.WithEndpointSubject(subject.Service(service, e.Noun, e.Verb)))
		if err != nil {
			return fmt.Errorf("serve %s %s.%s: %w", service, e.Noun, e.Verb, err)
		}
	}
	<-ctx.Done()
	return nil
}

// hall is where requests are handled. The service's subscriptions may still
// hand over some while it is being emptied.
type hall struct {
	mu     sync.Mutex
	closed bool
	inHand sync.WaitGroup
}

// enter starts work, unless the hall is closed.
func (h *hall) enter(work func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.inHand.Go(work)
	}
	return !h.closed
}

// empty lets nobody in any more and waits for those inside.
func (h *hall) empty() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.inHand.Wait()
}

func (b *Bus) answer(ctx context.Context, e Endpoint, req micro.Request) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestLimit)
	defer cancel()
	result, err := e.Handle(ctx, req.Data())
	var refused *command.Error
	switch {
	case err == nil:
		err = b.respond(req, result)
	case errors.As(err, &refused):
		err = b.refuse(req, refused.Code, refused.Message)
	default:
		b.log.WithError(err).WithField("subject", req.Subject()).Error("request failed")
		err = b.refuse(req, "internal", "the service could not do it; its log tells why")
	}
	if err != nil {
		b.log.WithError(err).WithField("subject", req.Subject()).Warn("answer is lost")
	}
}

func (b *Bus) respond(req micro.Request, result any) error {
	doc, err := json.Marshal(result)
	switch {
	case err != nil:
		return err
	case int64(len(doc)) > b.nc.MaxPayload():
		return b.refuse(req, "too_large", "the answer is larger than a NATS message may be; ask for less")
	}
	return b.nc.Publish(req.Reply(), doc)
}

// refuse answers as [micro.Request.Error] does. That one, and Respond, write to
// the request, which micro reads as soon as the handler has returned: neither
// may be called from another goroutine.
func (b *Bus) refuse(req micro.Request, code, message string) error {
	return b.nc.PublishMsg(&nats.Msg{Subject: req.Reply(), Header: nats.Header{
		micro.ErrorCodeHeader: {code}, micro.ErrorHeader: {oneLine(message)}}})
}

// oneLine keeps a text legal in a header.
func oneLine(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) }

// Ask sends a request to a service and decodes its answer into reply. A
// refusal is a *command.Error; ErrNoResponders means that no such service runs.
func (b *Bus) Ask(ctx context.Context, service, noun, verb string, request, reply any) error {
	ctx, cancel := within(ctx, requestLimit)
	defer cancel()
	doc, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("ask %s %s.%s: %w", service, noun, verb, err)
	}
	msg, err := b.nc.RequestWithContext(ctx, subject.Service(service, noun, verb), doc)
	if errors.Is(err, nats.ErrNoResponders) {
		err = ErrNoResponders
	}
	if err != nil {
		return fmt.Errorf("ask %s %s.%s: %w", service, noun, verb, err)
	}
	if code := msg.Header.Get(micro.ErrorCodeHeader); code != "" {
		return &command.Error{Code: code, Message: msg.Header.Get(micro.ErrorHeader)}
	}
	if reply == nil {
		return nil
	}
	if err := json.Unmarshal(msg.Data, reply); err != nil {
		return fmt.Errorf("ask %s %s.%s: %w", service, noun, verb, err)
	}
	return nil
}
