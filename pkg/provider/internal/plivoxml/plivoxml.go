// Package plivoxml writes the markup that answers the webhooks of Plivo and of
// carriers that took it over: https://www.plivo.com/docs/voice/xml and
// https://docs.vobiz.ai/xml.
package plivoxml

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/twiml"
)

// ContentType is the type of a finished document.
const ContentType = "application/xml"

const (
	maxDocument = 100 << 10 // bytes
	maxURL      = 2048      // of a media stream, in bytes
)

// Dialect is where the carriers differ.
type Dialect struct {
	Carrier string         // as errors name it
	Formats []media.Format // that a media stream can be asked for, the usual one first
	Plus    bool           // numbers have their plus
	Params  bool           // what is sent along with a stream's address reaches the socket
	Retries int            // times a lost media socket is opened again, where that can be said
}

// Answer writes an instruction as the answer to a webhook.
func (d *Dialect) Answer(in call.Instruction, n *provider.Notice) (provider.Response, error) {
	if len(in.Steps) == 0 {
		if !n.Reply {
			return provider.Response{Status: http.StatusOK}, nil
		}
		// An empty document is said to answer some calls, and to keep others up.
		in.Steps = []call.Step{{Reject: &call.Reject{}}}
	}
	doc, err := d.render(in, n.Kind == provider.InboundCall)
	if err != nil {
		return provider.Response{}, err
	}
	return provider.Response{Status: http.StatusOK, ContentType: ContentType, Body: doc}, nil
}

// render writes an instruction. A leg that is not ringing can no longer be
// rejected: it is hung up, as every leg is at the end of a document. The
// carriers' documents do not agree on that end, so it is spelt out.
func (d *Dialect) render(in call.Instruction, ringing bool) ([]byte, error) {
	if err := in.Validate(); err != nil {
		return nil, &provider.Error{Kind: provider.KindInvalid, Err: err}
	}
	w := twiml.New()
	for i, step := range in.Steps {
		if step.Reject != nil && ringing && i == 0 {
			w.Element("Hangup", "", twiml.Attr("reason", reason(step.Reject)))
			continue
		}
		if err := d.step(w, step); err != nil {
			err.Err = fmt.Errorf("step %d: %s: %w", i+1, step.Verb(), err.Err)
			return nil, err
		}
	}
	if last := in.Steps[len(in.Steps)-1]; last.Hangup == nil && last.Reject == nil && last.Redirect == nil {
		w.Hangup()
	}
	doc := w.Document()
	if len(doc) > maxDocument {
		return nil, provider.Errorf(provider.KindInvalid, "instruction is %d bytes of markup, %s takes %d", len(doc), d.Carrier, maxDocument)
	}
	return doc, nil
}

func (d *Dialect) step(w *twiml.Writer, step call.Step) *provider.Error {
	switch {
	case step.Say != nil:
		w.Element("Speak", step.Say.Text, twiml.Attr("voice", step.Say.Voice), twiml.Attr("language", step.Say.Language))
	case step.Play != nil:
		w.Play(step.Play)
	case step.Pause != nil:
		w.Element("Wait", "", twiml.Int("length", step.Pause.Seconds))
	case step.SendDigits != nil:
		w.Element("DTMF", step.SendDigits.Digits)
	case step.Stream != nil:
		return d.stream(w, step.Stream)
	case step.Dial != nil:
		d.dial(w, step.Dial)
	case step.Conference != nil:
		conference(w, step.Conference)
	case step.Redirect != nil:
		w.Redirect(step.Redirect)
	case step.Reject != nil, step.Hangup != nil:
		w.Hangup()
	}
	return nil
}

func reason(r *call.Reject) string {
	if r.Busy {
		return "busy"
	}
	return "rejected"
}

// stream opens the media socket and holds the leg while it lives.
func (d *Dialect) stream(w *twiml.Writer, s *call.Stream) *provider.Error {
	format, err := d.format(s)
	if err != nil {
		return err
	}
	params := ""
	if d.Params {
		if params, err = pairs(s.Params); err != nil {
			return err
		}
	}
	if len(s.URL) > maxURL {
		return provider.Errorf(provider.KindInvalid, "url is longer than %d bytes", maxURL)
	}
	attrs := []twiml.Attribute{
		twiml.Bool("bidirectional", true), twiml.Attr("audioTrack", "inbound"), twiml.Bool("keepCallAlive", true),
		twiml.Attr("contentType", contentType(format)), twiml.Int("maxRetries", d.Retries), twiml.Attr("extraHeaders", params),
	}
	w.Element("Stream", s.URL, append(attrs, callback("statusCallbackUrl", "statusCallbackMethod", s.StatusURL)...)...)
	return nil
}

func (d *Dialect) format(s *call.Stream) (media.Format, *provider.Error) {
	if s.Encoding == "" && s.Rate == 0 {
		return d.Formats[0], nil
	}
	f := media.Format{Encoding: media.Encoding(s.Encoding), Rate: s.Rate}
	if !slices.Contains(d.Formats, f) {
		return f, provider.Errorf(provider.KindUnsupported, "%s streams no %s", d.Carrier, f)
	}
	return f, nil
}

// contentType names a format. It rules what is heard; at the highest rate,
// which is only known to work for what is said, that is asked for one below.
func contentType(f media.Format) string {
	switch {
	case f.Encoding == media.ULaw:
		return "audio/x-mulaw;rate=8000"
	case f.Rate >= 16000:
		return "audio/x-l16;rate=16000"
	}
	return "audio/x-l16;rate=8000"
}

func (d *Dialect) dial(w *twiml.Writer, in *call.Dial) {
	attrs := []twiml.Attribute{
		twiml.Attr("callerId", d.number(in.CallerID)), twiml.Int("timeout", in.RingSeconds), twiml.Int("timeLimit", in.LimitSeconds),
	}
	if in.AnswerOnBridge { // the leg is answered all the same, and hears the other one ring
		attrs = append(attrs, twiml.Attr("dialMusic", "real"))
	}
	if in.ActionURL != "" {
		attrs = append(attrs, append(callback("action", "method", in.ActionURL), twiml.Bool("redirect", true))...)
	}
	w.Open("Dial", append(attrs, callback("callbackUrl", "callbackMethod", in.StatusURL)...)...)
	for _, target := range in.Targets {
		if strings.HasPrefix(target, "sip:") || strings.HasPrefix(target, "sips:") {
			w.Element("User", target)
		} else {
			w.Element("Number", d.number(target))
		}
	}
	w.Close()
}

// conference joins a room whose first member waits for the second: some
// carriers throw out whoever is alone unless told otherwise. Members have no
// labels.
func conference(w *twiml.Writer, c *call.Conference) {
	attrs := []twiml.Attribute{
		twiml.Bool("startConferenceOnEnter", c.StartOnEnter), twiml.Bool("endConferenceOnExit", c.EndOnExit),
		twiml.Bool("stayAlone", true),
	}
	w.Element("Conference", c.Name, append(attrs, callback("callbackUrl", "callbackMethod", c.StatusURL)...)...)
}

func (d *Dialect) number(number string) string {
	if d.Plus {
		return number
	}
	return strings.TrimPrefix(number, "+")
}

// callback is a pair of attributes, none for no address.
func callback(address, method, url string) []twiml.Attribute {
	if url == "" {
		return nil
	}
	return []twiml.Attribute{twiml.Attr(address, url), twiml.Attr(method, http.MethodPost)}
}
