package providertest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// checkVerify holds that the carrier's requests are accepted, and that those
// without a signature, of another account or of another time are not.
func checkVerify(e *env) (f failures) {
	r := e.receiver()
	if r == nil {
		return nil
	}
	if len(e.signed()) == 0 {
		f.addf("no request is accepted by its signature")
	}
	for _, req := range e.Requests {
		e.verifyValid(&f, r, req)
	}
	for _, req := range e.signed() {
		e.verifyUnsigned(&f, r, req)
		e.verifyOther(&f, req)
		e.verifyTime(&f, r, req)
	}
	e.verifyConcurrently(&f, r)
	return f
}

// signed are the requests that need nothing but their signature.
func (e *env) signed() []*provider.Request {
	r := e.receiver()
	if r == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(e.Requests), func(req *provider.Request) bool { return r.Verify(req) != nil })
}

func (e *env) verifyValid(f *failures, r provider.WebhookReceiver, req *provider.Request) {
	err := r.Verify(req)
	if err != nil && e.PathProof {
		proved := *req
		proved.PathVerified = true
		err = r.Verify(&proved)
	}
	if err != nil {
		f.addf("%s: is valid, and was refused: %v", name(req), err)
	}
}

// verifyUnsigned takes away all header lines that could be a signature.
func (e *env) verifyUnsigned(f *failures, r provider.WebhookReceiver, req *provider.Request) {
	bare := unsigned(req)
	e.refused(f, name(req)+" unsigned", r.Verify(bare), provider.ErrUnsigned)
	proved := *bare
	proved.PathVerified = true
	err := r.Verify(&proved)
	switch {
	case e.PathProof && err != nil:
		f.addf("%s: unsigned on a verified path, and was refused: %v", name(req), err)
	case !e.PathProof:
		e.refused(f, name(req)+" unsigned on a verified path", err, provider.ErrUnsigned)
	}
	lab := e.Config
	lab.AllowUnsigned = true
	account, err := provider.Open(e.Provider, lab)
	if err != nil {
		f.addf("open with AllowUnsigned: %v", err)
		return
	}
	if _, err := account.Receive(bare, history(Case{})); errors.Is(err, provider.ErrUnsigned) {
		f.addf("%s: AllowUnsigned, and was refused: %v", name(req), err)
	}
}

func unsigned(req *provider.Request) *provider.Request {
	bare := *req
	bare.Header = nil
	for _, line := range req.Header {
		if strings.EqualFold(line.Name, "Content-Type") || strings.EqualFold(line.Name, "User-Agent") {
			bare.Header = append(bare.Header, line)
		}
	}
	return &bare
}

// verifyOther gives the request to another account, to the same account in a
// laboratory that lets unsigned requests in, and to one without secrets.
func (e *env) verifyOther(f *failures, req *provider.Request) {
	lab := e.Other
	lab.AllowUnsigned = true
	for _, of := range []struct {
		what   string
		config provider.Config
	}{
		{"for another account", e.Other},
		{"for another account that allows unsigned requests", lab},
		{"for an account without a secret", e.withoutSecrets()},
	} {
		driver, err := e.spec.Open(of.config)
		if err != nil { // no secret, no account
			e.leak(f, of.what, err)
			continue
		}
		e.refused(f, name(req)+" "+of.what, driver.(provider.WebhookReceiver).Verify(req), nil)
	}
}

// verifyTime moves the clock out of the tolerance to both sides; a year where
// the scheme is said to have no time.
func (e *env) verifyTime(f *failures, r provider.WebhookReceiver, req *provider.Request) {
	far := e.Tolerance + time.Minute
	if e.Tolerance == 0 {
		far = 365 * 24 * time.Hour
	}
	for _, by := range []time.Duration{far, -far} {
		moved := *req
		moved.Now = req.Now.Add(by)
		err := r.Verify(&moved)
		switch {
		case e.Tolerance > 0:
			e.refused(f, name(req)+" read "+by.String()+" later", err, provider.ErrStale)
		case err != nil:
			f.addf("%s: read %s later, and was refused: has the scheme a Tolerance? %v", name(req), by, err)
		}
	}
}

// verifyConcurrently uses the driver from several goroutines, as ingress does.
func (e *env) verifyConcurrently(f *failures, r provider.WebhookReceiver) {
	signed := e.signed()
	var wait sync.WaitGroup
	var lock sync.Mutex
	for range 4 {
		wait.Go(func() {
			var own failures
			defer func() {
				own.caught("concurrently")
				lock.Lock()
				defer lock.Unlock()
				*f = append(*f, own...)
			}()
			for _, req := range signed {
				if err := r.Verify(req); err != nil {
					own.addf("%s: concurrently, and was refused: %v", name(req), err)
				}
			}
		})
	}
	wait.Wait()
}

// refused holds that a request was refused, for the reason why if there is one.
func (e *env) refused(f *failures, what string, err, why error) {
	e.leak(f, what, err)
	switch {
	case err == nil:
		f.addf("%s: was accepted", what)
	case provider.KindOf(err) != provider.KindUnauthenticated:
		f.addf("%s: want kind unauthenticated, got %v", what, err)
	case why != nil && !errors.Is(err, why):
		f.addf("%s: want %q, got %v", what, why, err)
	}
}

// checkTampered changes the carrier's requests, one byte at a time.
func checkTampered(e *env) (f failures) {
	r := e.receiver()
	if r == nil {
		return nil
	}
	open := map[Part]bool{}
	for _, req := range e.signed() {
		for _, body := range altered(string(req.Body)) {
			e.tampered(&f, open, req, Body, &provider.Request{URL: req.URL, Body: []byte(body)})
		}
		path, query, _ := strings.Cut(req.URL, "?")
		for _, other := range append(altered(query), query+"&x=1") {
			e.tampered(&f, open, req, Query, &provider.Request{URL: path + "?" + other, Body: req.Body})
		}
		url := path + "x"
		if query != "" {
			url += "?" + query
		}
		e.tampered(&f, open, req, Path, &provider.Request{URL: url, Body: req.Body})
	}
	for _, part := range e.Uncovered {
		if !open[part] {
			f.addf("the suite says that the %s is uncovered, and no other one is accepted", part)
		}
	}
	return f
}

// tampered gives the driver a request with another URL or body, and notes in
// open the parts of which that was accepted.
func (e *env) tampered(f *failures, open map[Part]bool, req *provider.Request, part Part, forged *provider.Request) {
	forged.Method, forged.Header, forged.Now = req.Method, req.Header, req.Now
	forged.Hook, forged.CallID = req.Hook, req.CallID
	err := e.receiver().Verify(forged)
	if slices.Contains(e.Uncovered, part) {
		open[part] = open[part] || err == nil
		return
	}
	e.refused(f, name(req)+" with another "+string(part)+" "+forged.URL+" "+string(forged.Body), err, nil)
}

// maxAltered bounds how many variants of a text are tried.
const maxAltered = 64

// altered returns variants of a text with one letter or digit changed. Those
// of percent escapes stay: another case of theirs is the same text.
func altered(text string) []string {
	var at []int
	for i := range len(text) {
		escaped := i > 0 && text[i-1] == '%' || i > 1 && text[i-2] == '%'
		if c := text[i]; !escaped && (c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			at = append(at, i)
		}
	}
	var list []string
	for n := 0; n < len(at); n += max(1, len(at)/maxAltered) {
		i, other := at[n], byte('0')
		if text[i] == other {
			other = '1'
		}
		list = append(list, text[:i]+string(other)+text[i+1:])
	}
	return list
}
