package providertest

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// checkParse holds that a request's notice is made of nothing but the request
// and the log, and keeps nothing of the request's memory.
func checkParse(e *env) (f failures) {
	r := e.receiver()
	if r == nil {
		return nil
	}
	for _, req := range e.Requests {
		var calls int
		once := func() provider.History {
			calls++
			return history(Case{})()
		}
		first, err := r.Parse(req, once)
		if err != nil {
			f.addf("%s: %v", name(req), err)
			continue
		}
		if calls > 1 {
			f.addf("%s: asked the log %d times, want once at most", name(req), calls)
		}
		if first.Kind == "" {
			f.addf("%s: the notice has no kind", name(req))
		}
		if id := e.account.ID(); id != "" && first.AccountID != "" && first.AccountID != id {
			f.addf("%s: the notice is of account %q, want %q", name(req), first.AccountID, id)
		}
		e.parseAgain(&f, r, req, first)
	}
	return f
}

// parseAgain reads the request from memory that is overwritten afterwards, as
// the server's is.
func (e *env) parseAgain(f *failures, r provider.WebhookReceiver, req *provider.Request, first provider.Notice) {
	lent := *req
	lent.Body = bytes.Clone(req.Body)
	second, err := r.Parse(&lent, history(Case{}))
	if err != nil {
		f.addf("%s: parsed twice: %v", name(req), err)
		return
	}
	if !bytes.Equal(lent.Body, req.Body) {
		f.addf("%s: Parse changes the body", name(req))
	}
	for i := range lent.Body {
		lent.Body[i] = '#'
	}
	if diff := cmp.Diff(first, second); diff != "" {
		f.addf("%s: parsed twice from memory that changed since (-first +second):\n%s", name(req), diff)
	}
}

// checkMalformed gives the driver requests that no carrier sends. It must
// survive them all, and see that those without any content make no sense.
func checkMalformed(e *env) (f failures) {
	r := e.receiver()
	if r == nil {
		return nil
	}
	random := rand.New(rand.NewPCG(1, 2)) // the same requests in every run
	for _, req := range e.Requests {
		empty := unsigned(req)
		empty.Body = nil
		empty.URL, _, _ = strings.Cut(req.URL, "?")
		if n, err := r.Parse(empty, history(Case{})); err == nil {
			f.addf("%s: without a body and a query it is a notice of kind %q, want an error", name(empty), n.Kind)
		}
		for range 40 {
			e.survive(&f, r, noisy(random, req))
		}
	}
	e.survive(&f, r, &provider.Request{})
	return f
}

// survive lets the driver read a request, whether it verifies or not.
func (e *env) survive(f *failures, r provider.WebhookReceiver, req *provider.Request) {
	defer f.caught(name(req))
	e.typed(f, name(req), r.Verify(req))
	n, err := r.Parse(req, history(Case{}))
	e.typed(f, name(req), err)
	if err != nil {
		return
	}
	if _, err := r.Render(spoken, &n); err != nil {
		e.typed(f, name(req), err)
	}
}

// noisy returns a request that went wrong at one or more places.
func noisy(random *rand.Rand, req *provider.Request) *provider.Request {
	bad := *req
	bad.Header = slices.Clone(req.Header)
	bad.Body = garble(random, req.Body)
	switch random.IntN(5) {
	case 0:
		bad.URL = string(garble(random, []byte(req.URL)))
	case 1:
		bad.Hook = provider.Hooks()[random.IntN(len(provider.Hooks()))]
	case 2:
		if n := len(bad.Header); n > 0 {
			line := &bad.Header[random.IntN(n)]
			line.Value = string(garble(random, []byte(line.Value)))
		}
	case 3:
		bad.Method = []string{"", "GET", "PUT"}[random.IntN(3)]
	}
	return &bad
}

// garble returns a copy that is cut, overwritten, doubled, or all noise.
func garble(random *rand.Rand, text []byte) []byte {
	bad := bytes.Clone(text)
	if len(bad) == 0 || random.IntN(8) == 0 {
		bad = make([]byte, random.IntN(64))
		for i := range bad {
			bad[i] = byte(random.Uint32())
		}
		return bad
	}
	switch at := random.IntN(len(bad)); random.IntN(4) {
	case 0:
		return bad[:at]
	case 1:
		bad[at] = byte(random.Uint32())
	case 2:
		bad = append(bad, bad[at:]...)
	default: // another token of JSON or of a form
		token := []string{"null", "{", "]", "-1e999", `""`, "%", "&", "=", "\x00", "[[[["}[random.IntN(10)]
		bad = append(append(bad[:at:at], token...), text[at:]...)
	}
	return bad
}
