package providertest

import (
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// checkWebhook sends a webhook case through an account and compares the notice
// it becomes with what the case expects.
func (s *sheet) checkWebhook(c Case) (o outcome) {
	if c.Setting("recognise_only") == true {
		return s.checkRecognised(c)
	}
	n, err, failed := s.receive(c)
	if failed != nil {
		o.addf("open: %v", failed)
		return o
	}
	accept, ok := c.expect()["accept"].(bool)
	switch {
	case !ok:
		o.addf("expect.accept is %v, want true or false", c.expect()["accept"])
	case !accept && err == nil:
		o.addf("must be refused, and was accepted")
	case accept && err != nil:
		o.addf("must be accepted, and was refused: %v", err)
	case accept:
		o.join(s.compareNotice(c, &n))
	}
	return o
}

// receive gives a case to its account. The last error says that there is none.
func (s *sheet) receive(c Case) (n provider.Notice, err, failed error) {
	account, failed := s.account(c)
	if failed != nil {
		return n, nil, failed
	}
	n, err = account.Receive(c.request(s.adapter), history(c))
	return n, err, nil
}

// history hands out what the log is said to know of the call already.
func history(c Case) func() provider.History {
	return func() provider.History {
		known, _ := c.Value("context").(map[string]any)
		h := provider.History{
			Direction: call.Direction(scalar(known["direction"])),
			Status:    statusOf(known["status"]),
			LegID:     scalar(known["call_id"]),
			Ref:       scalar(known["ref"]),
		}
		if at, err := time.Parse(time.RFC3339Nano, scalar(known["answered_at"])); err == nil {
			h.AnsweredAt = at
		}
		if custom, ok := known["custom"].(map[string]any); ok {
			h.Variables = texts(custom)
		}
		return h
	}
}

// contextKeys are the keys of a context that history understands.
var contextKeys = map[string]bool{
	"direction": true, "status": true, "call_id": true, "ref": true, "answered_at": true, "custom": true,
}

// checkRecognised holds that a request on a shared URL is known for this
// provider's, or left to the one that it belongs to.
func (s *sheet) checkRecognised(c Case) (o outcome) {
	want := scalar(c.expect()["carrier"])
	req := c.request(s.adapter)
	asked := []*provider.Spec{s.spec}
	if other := provider.Lookup(want); other != nil && other != s.spec {
		asked = append(asked, other)
	}
	for _, spec := range asked {
		if spec.Identify == nil {
			o.skip("carrier")
			return o
		}
		if _, ok := spec.Identify(req); ok != (spec.Name == want) {
			o.addf("%s recognises the request: %v, want %v", spec.Name, ok, spec.Name == want)
		}
	}
	return o
}

// statusOf reads a status as vector files write it, no-answer.
func statusOf(v any) call.Status {
	if scalar(v) == "no-answer" {
		return call.NoAnswer
	}
	return call.Status(scalar(v))
}

// texts is an object of single values as a map of texts.
func texts(object map[string]any) map[string]string {
	m := make(map[string]string, len(object))
	for k, v := range object {
		m[k] = scalar(v)
	}
	return m
}
