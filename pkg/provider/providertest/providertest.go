// Package providertest is the conformance suite of providers.
//
// Run is a whole test of a provider: what every provider must hold is checked
// without a case written by hand, from the provider's spec, a handful of facts
// about its carrier (Suite) and its vector file. RunVectors runs vector files
// alone. FuzzParse, FuzzVerify and FuzzCodec are fuzz targets in one line each.
//
// A provider's own cases are txtar files, one case a file, in
//
//	testdata/webhook   request, and the notice or the error that it becomes
//	testdata/render    instruction, and the response that it becomes
//	testdata/rest      operation, the HTTP requests it makes, and its result
//	testdata/stream    what carrier and codec say on a media socket
//
// See golden.go for their sections. They are read where the folder exists.
package providertest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Suite is what the conformance suite has to be told about a provider.
type Suite struct {
	// Provider is the name under which it is registered.
	Provider string
	// Config is a valid account. Its secrets must be unmistakable: they are
	// looked for in every error. The account of the vector file does.
	Config provider.Config
	// Other is another account of the same carrier. Without values it is
	// Config with other secrets, which does where they verify webhooks.
	Other provider.Config

	// Vectors is the vector file, testdata/vectors/<provider>.json when "".
	// Requests and Opening come from it unless they are given.
	Vectors string
	// Requests are webhooks as the carrier sends them to the account Config,
	// signed.
	Requests []*provider.Request
	// Opening are the carrier's messages on a media socket up to the
	// announcement of the stream.
	Opening []media.Message

	// Uncovered are the parts of a request that the carrier's signature leaves
	// open. The suite holds that all others are covered, and that these are not.
	Uncovered []Part
	// Tolerance is how old or early a signature may be, 0 for a scheme
	// without a time.
	Tolerance time.Duration
	// PathProof says that a verified path lets an unsigned request in.
	PathProof bool

	// Dialed is the carrier's answer to a dial that it takes.
	Dialed Reply
	// HungUp is its answer to the hang-up of a live leg; 200 with {} when zero.
	HungUp Reply
	// Ended are its answers to the hang-up of a leg that is over; 404 when none.
	Ended []Reply
	// Rings tells the requests that can ring a phone; all but GET when nil.
	Rings func(*http.Request) bool
	// API answers all other requests; with 404 when nil.
	API http.Handler
	// Kinds are the kinds of a dial's error by HTTP status, where they differ
	// from the usual ones.
	Kinds map[int]provider.Kind

	// Unrenderable are the verbs of instructions that the carrier cannot carry
	// out (see call.Step.Verb).
	Unrenderable []string
}

// Part is a part of a request.
type Part string

// The parts that a signature may leave open.
const (
	Body  Part = "body"
	Path  Part = "path"
	Query Part = "query"
)

// Reply is an HTTP response of the carrier.
type Reply struct {
	Status int // 200 when zero
	Body   string
}

// checks are what every provider must hold.
var checks = []struct {
	name  string
	check func(*env) failures
}{
	{"spec", checkSpec},
	{"abilities", checkAbilities},
	{"identify", checkIdentify},
	{"verify", checkVerify},
	{"tampered", checkTampered},
	{"parse", checkParse},
	{"malformed", checkMalformed},
	{"render", checkRender},
	{"dial", checkDial},
	{"hangup", checkHangup},
	{"codec", checkCodec},
	{"noise", checkNoise},
}

// Run holds a provider to its contract.
func Run(t *testing.T, s Suite) {
	t.Helper()
	e, err := s.env()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { e.run(c.check).report(t) })
	}
	runGolden(t, e, "testdata")
}

// env is a suite at work.
type env struct {
	Suite
	spec    *provider.Spec
	account *provider.Account
	driver  provider.Driver
	other   provider.Driver // of the other account
	secrets []string
}

func (s Suite) env() (*env, error) {
	e := &env{Suite: s, spec: provider.Lookup(s.Provider)}
	if e.spec == nil {
		return nil, fmt.Errorf("provider %q is not registered", s.Provider)
	}
	if e.Other.Values == nil {
		e.Other = otherSecrets(e.spec, s.Config)
	}
	for _, c := range []provider.Config{e.Config, e.Other} {
		if err := e.spec.Validate(c); err != nil {
			return nil, err
		}
	}
	var err error
	if e.account, err = provider.Open(s.Provider, e.Config); err != nil {
		return nil, err
	}
	if e.driver, err = e.spec.Open(e.Config); err != nil {
		return nil, err
	}
	if e.other, err = e.spec.Open(e.Other); err != nil {
		return nil, fmt.Errorf("other account: %w", err)
	}
	e.secrets = secretsOf(e.spec, e.Config)
	return e, e.readVectors()
}

// readVectors fills in what the suite was not given.
func (e *env) readVectors() error {
	_, receives := e.driver.(provider.WebhookReceiver)
	if (!receives || e.Requests != nil) && (e.spec.NewCodec == nil || e.Opening != nil) {
		return nil
	}
	file := e.Vectors
	if file == "" {
		file = filepath.Join("testdata", "vectors", e.Provider+".json")
	}
	doc, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("suite has no Requests or no Opening, and no vector file: %w", err)
	}
	s, err := readSheet(e.spec, doc, Adapter{})
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if e.Requests == nil {
		e.Requests = s.accepted()
	}
	if e.Opening == nil {
		e.Opening = s.opening
	}
	return nil
}

// accepted are the webhooks of a vector file that the carrier itself sent.
func (s *sheet) accepted() []*provider.Request {
	var list []*provider.Request
	for _, c := range s.cases[sectionWebhooks] {
		if c.expect()["accept"] == true {
			list = append(list, c.request(s.adapter))
		}
	}
	return list
}

func (e *env) run(check func(*env) failures) (f failures) {
	defer f.caught("check")
	return check(e)
}

// receiver returns the driver as a receiver of webhooks, nil when it is none.
func (e *env) receiver() provider.WebhookReceiver {
	r, _ := e.driver.(provider.WebhookReceiver)
	return r
}
