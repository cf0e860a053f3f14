package providertest

import (
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// seeded gives a fuzz target the suite's requests and messages to start from.
func seeded(f *testing.F, s Suite) *env {
	f.Helper()
	e, err := s.env()
	if err != nil {
		f.Fatal(err)
	}
	return e
}

// FuzzParse fuzzes what a provider makes of a webhook's URL, type and body.
func FuzzParse(f *testing.F, s Suite) {
	e := seeded(f, s)
	r := e.receiver()
	for _, req := range e.Requests {
		f.Add(string(req.Hook), req.Method, req.URL, req.Header.Get("Content-Type"), req.Body)
	}
	f.Fuzz(func(t *testing.T, hook, method, url, contentType string, body []byte) {
		req := &provider.Request{
			Method: method, URL: url, Hook: provider.Hook(hook), Body: body, Now: epoch, PathVerified: true,
			Header: provider.Header{{Name: "Content-Type", Value: contentType}},
		}
		var found failures
		n, err := r.Parse(req, history(Case{}))
		e.typed(&found, "parse", err)
		if err == nil {
			_, err = r.Render(spoken, &n)
			e.typed(&found, "render", err)
		}
		found.report(t)
	})
}

// FuzzVerify fuzzes the URL, the body and one header line of a webhook. A
// changed one may still be genuine (an escape in another case, a port that goes
// without saying), so all that is asked is a verdict.
func FuzzVerify(f *testing.F, s Suite) {
	e := seeded(f, s)
	r := e.receiver()
	for _, req := range e.Requests {
		for _, line := range req.Header {
			f.Add(req.Method, req.URL, line.Name, line.Value, req.Header.Get("Content-Type"), req.Body, req.Now.Unix())
		}
	}
	f.Fuzz(func(t *testing.T, method, url, name, value, contentType string, body []byte, now int64) {
		req := &provider.Request{
			Method: method, URL: url, Body: body, Now: time.Unix(now, 0),
			Header: provider.Header{{Name: name, Value: value}, {Name: "Content-Type", Value: contentType}},
		}
		var found failures
		e.typed(&found, "verify", r.Verify(req))
		req.Header = req.Header[1:]
		if err := r.Verify(req); err == nil {
			found.addf("a request without a signature was accepted: %s %s", url, body)
		}
		found.report(t)
	})
}

// FuzzCodec fuzzes what a codec makes of two messages of the carrier, after
// the stream has started, and of a command behind them.
func FuzzCodec(f *testing.F, s Suite) {
	e := seeded(f, s)
	for _, m := range e.Opening {
		f.Add(m.Binary, m.Data, []byte(`{"event":"stop"}`), byte(media.CommandAudio), make([]byte, 160))
	}
	f.Fuzz(func(t *testing.T, binary bool, first, second []byte, kind byte, audio []byte) {
		var found failures
		codec, start := e.opened(&found)
		if codec == nil {
			found.report(t)
			return
		}
		for _, data := range [][]byte{first, second} {
			_, err := codec.Decode(media.Message{Binary: binary, Data: data}, nil)
			e.leak(&found, "decode", err)
		}
		size := start.Out.SampleBytes()
		audio = audio[:len(audio)/size*size]
		_, err := codec.Encode(media.Command{Kind: media.CommandKind(kind), Audio: audio, Name: string(first), Digits: string(second)}, nil)
		e.leak(&found, "encode", err)
		found.report(t)
	})
}
