package providertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// fault is a way in which a dial goes wrong at the carrier.
type fault struct {
	name   string
	answer http.HandlerFunc
	kind   provider.Kind // of the error, "" for any
	// taken says that the carrier answered with success: a provider that
	// names the leg by itself need not read more.
	taken bool
}

// faults lists what a carrier may do to a dial whose request it has read.
func (e *env) faults() []fault {
	list := []fault{
		{name: "cuts the connection", answer: cut(""), kind: provider.KindUncertain},
		{name: "cuts its answer", answer: cut("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"), kind: provider.KindUncertain, taken: true},
		{name: "answers no HTTP", answer: cut("\x00\x01\x02\r\n\r\n"), kind: provider.KindUncertain},
		{name: "answers with a page", answer: Reply{e.Dialed.Status, "<html>welcome</html>"}.reply, kind: provider.KindUncertain, taken: true},
		{name: "answers with an empty object", answer: Reply{e.Dialed.Status, "{}"}.reply, kind: provider.KindUncertain, taken: true},
		{name: "sends elsewhere", answer: elsewhere},
	}
	for _, status := range []int{500, 502, 504} {
		list = append(list, e.status(status, provider.KindUncertain))
	}
	return append(list,
		e.status(401, provider.KindUnauthenticated), e.status(403, provider.KindForbidden),
		e.status(404, provider.KindNotFound), e.status(429, provider.KindRateLimited))
}

func (e *env) status(status int, kind provider.Kind) fault {
	if other, ok := e.Kinds[status]; ok {
		kind = other
	}
	return fault{name: fmt.Sprintf("answers %d", status), answer: Reply{status, "{}"}.reply, kind: kind}
}

// elsewhere redirects so that a client which follows sends the dial again.
func elsewhere(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Location", r.URL.Path+"/again")
	w.WriteHeader(http.StatusTemporaryRedirect)
}

// checkDial holds that a dial is written once whatever becomes of it, and that
// the kind of its error tells whether somebody may have been rung.
func checkDial(e *env) (f failures) {
	if e.Dialed == (Reply{}) {
		f.addf("the suite has no Dialed, the carrier's answer to a dial that it takes")
		return f
	}
	e.dialRefused(&f)
	for _, fault := range e.faults() {
		for _, warm := range []bool{false, true} {
			e.dialFault(&f, fault, warm)
		}
	}
	for _, err := range []error{context.DeadlineExceeded, context.Canceled} {
		e.dialPatience(&f, err)
	}
	e.dialEcho(&f)
	return f
}

// dialRefused dials at an address where nobody listens.
func (e *env) dialRefused(f *failures) {
	url, err := refusing()
	if err != nil {
		f.addf("listen: %v", err)
		return
	}
	c := e.Config
	c.APIURL = url
	account, err := provider.Open(e.Provider, c)
	if err != nil {
		f.addf("open: %v", err)
		return
	}
	_, err = account.Dial(context.Background(), dialRequest())
	e.leak(f, "dial", err)
	if provider.KindOf(err) != provider.KindUnavailable {
		f.addf("dial: nobody listens: want kind unavailable, got %v", err)
	}
}

// dialFault dials at a carrier that fails. warm dials once before, so that the
// connection is a used one: HTTP clients repeat requests that are lost on those.
func (e *env) dialFault(f *failures, fault fault, warm bool) {
	c := e.newCarrier(e.Dialed.reply)
	defer c.srv.Close()
	account, err := c.account(e)
	if err != nil {
		f.addf("open: %v", err)
		return
	}
	doing := "dial: the carrier " + fault.name
	if warm {
		doing += " on a used connection"
		e.dialGood(f, account)
	}
	c.next(fault.answer)
	res, err := account.Dial(context.Background(), dialRequest())
	e.leak(f, doing, err, c.credentials())
	if n := c.rang.Load(); n != 1 {
		f.addf("%s: %d requests were made, want one", doing, n)
	}
	switch {
	case err == nil && fault.taken && res.LegID != "":
	case err == nil:
		f.addf("%s: want an error", doing)
	case fault.kind != "" && provider.KindOf(err) != fault.kind:
		f.addf("%s: want kind %s, got %v", doing, fault.kind, err)
	}
}

func (e *env) dialGood(f *failures, account *provider.Account) {
	if _, err := account.Dial(context.Background(), dialRequest()); err != nil {
		f.addf("dial: the carrier takes it with %d %s: %v", e.Dialed.Status, e.Dialed.Body, err)
	}
}

// dialPatience gives up on a carrier that has read the request and is silent.
func (e *env) dialPatience(f *failures, why error) {
	ctx := patience{Context: context.Background(), done: make(chan struct{}), err: why}
	end := sync.OnceFunc(func() { close(ctx.done) })
	c := e.newCarrier(func(_ http.ResponseWriter, r *http.Request) {
		end()
		<-r.Context().Done()
	})
	defer c.srv.Close()
	account, err := c.account(e)
	if err != nil {
		f.addf("open: %v", err)
		return
	}
	_, err = account.Dial(ctx, dialRequest())
	e.leak(f, "dial", err, c.credentials())
	if n := c.rang.Load(); n != 1 {
		f.addf("dial: the carrier is silent: %d requests were made, want one", n)
	}
	if provider.KindOf(err) != provider.KindUncertain {
		f.addf("dial: the carrier is silent until %v: want kind uncertain, got %v", why, err)
	}
}

// dialEcho dials at a carrier that repeats what it was sent in its error.
func (e *env) dialEcho(f *failures) {
	for _, status := range []int{400, 401, 500} {
		c := e.newCarrier(func(w http.ResponseWriter, r *http.Request) {
			text := fmt.Sprintf("cannot: %v with %q", r.Header, e.secrets)
			doc, err := json.Marshal(map[string]any{
				"code": 20003, "error": text, "message": text, "detail": text, "title": text,
				"errors": []any{map[string]any{"code": "10015", "title": text, "detail": text}},
			})
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			Reply{status, string(doc)}.reply(w, r)
		})
		account, err := c.account(e)
		if err == nil {
			_, err = account.Dial(context.Background(), dialRequest())
			e.leak(f, fmt.Sprintf("dial: the carrier answers %d and repeats the request", status), err, c.credentials())
		}
		c.srv.Close()
	}
}

// dialRequest is a dial that asks for nothing special.
func dialRequest() provider.DialRequest {
	return provider.DialRequest{
		CallID: "01JCONFORMANCE", To: "+14155550177", From: "+14155550101", RingSeconds: 30,
		URL: func(h provider.Hook) string {
			return "https://hooks.trunkline.example/v1/" + string(h) + "/01JCONFORMANCE"
		},
	}
}

// checkHangup holds that a leg can be hung up, whether it lives or not.
func checkHangup(e *env) (f failures) {
	live, ended := e.HungUp, e.Ended
	if live == (Reply{}) {
		live.Body = "{}"
	}
	if ended == nil {
		ended = []Reply{{404, "{}"}}
	}
	e.hangup(&f, "a live leg", live, "")
	for _, reply := range ended {
		e.hangup(&f, fmt.Sprintf("a leg that is over, answered with %d %s", reply.Status, reply.Body), reply, "")
	}
	e.hangup(&f, "with wrong credentials", Reply{401, "{}"}, provider.KindUnauthenticated)
	return f
}

func (e *env) hangup(f *failures, what string, reply Reply, kind provider.Kind) {
	c := e.newCarrier(reply.reply)
	defer c.srv.Close()
	account, err := c.account(e)
	if err != nil {
		f.addf("open: %v", err)
		return
	}
	err = account.Hangup(context.Background(), provider.Leg{ID: "leg-1", CallID: "01JCONFORMANCE"})
	e.leak(f, "hang up "+what, err, c.credentials())
	switch {
	case kind == "" && err != nil:
		f.addf("hang up %s: %v", what, err)
	case kind != "" && provider.KindOf(err) != kind:
		f.addf("hang up %s: want kind %s, got %v", what, kind, err)
	}
}
