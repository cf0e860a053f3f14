package cloudonix

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/markup"
)

type element = markup.Element

// source is where the next document comes from: inline, or an application.
type source struct {
	cxml   string
	app    application
	kind   carriersim.Kind
	fields doc // beside those of every voice request
}

// load gets a document.
func (s *session) load(ctx context.Context, from *source) (*element, error) {
	if from.cxml != "" {
		return markup.Parse([]byte(from.cxml))
	}
	reply, err := s.c.Send(ctx, s.question(from.kind, &from.app, from.fields))
	if err != nil {
		return nil, fmt.Errorf("application is not reached: %w", err)
	}
	if reply.Status != http.StatusOK {
		return nil, fmt.Errorf("application answered %d", reply.Status)
	}
	kind, _, err := mime.ParseMediaType(reply.Header.Get("Content-Type"))
	if err != nil || kind != "application/xml" && kind != "text/xml" {
		return nil, fmt.Errorf("application answered %q", reply.Header.Get("Content-Type"))
	}
	return markup.Parse(reply.Body)
}

// outcome is what a verb leaves behind: the document goes on, or it is over
// and something else follows, if anything.
type outcome struct {
	over bool
	next *source
}

var goOn = outcome{}

// verb is how an element at the top of a document is run.
type verb struct {
	run     func(s *session, ctx context.Context, e *element) outcome
	answers bool   // before it runs; the others leave a ringing call so
	attrs   string // those that it may have
}

var verbs map[string]verb

func init() { // not a literal: the verbs refer to documents, which refer to verbs
	verbs = map[string]verb{
		"Say":      {(*session).runSay, true, "voice language loop"},
		"Play":     {(*session).runPlay, true, "loop"},
		"Pause":    {(*session).runPause, false, "length"},
		"Connect":  {(*session).runConnect, true, "action"},
		"Dial":     {(*session).runDial, false, dialAttrs},
		"Redirect": {(*session).runRedirect, false, "method"},
		"Reject":   {(*session).runReject, false, "reason"},
		"Hangup":   {(*session).runHangup, false, ""},
	}
}

// runOne runs one document and returns what to run after it. Where nothing
// follows and the call still runs, it is hung up.
func (s *session) runOne(ctx context.Context, from *source) *source {
	root, err := s.load(ctx, from)
	if err != nil {
		if ctx.Err() == nil {
			s.stop(err.Error())
		}
		return nil
	}
	for i := range root.Children {
		e := &root.Children[i]
		v, ok := verbs[e.Name]
		if !ok {
			s.Warn("unknown or unsupported <%s>", e.Name)
			continue
		}
		s.check(e, v.attrs)
		if v.answers && !s.answer() {
			return nil
		}
		s.errand()
		if r := v.run(s, ctx, e); r.over || ctx.Err() != nil {
			if r.next == nil && ctx.Err() == nil {
				s.Hangup("markup")
			}
			return r.next
		}
	}
	if ctx.Err() == nil {
		s.Hangup("markup")
	}
	return nil
}

// stop ends a call whose application cannot be used. A caller who was not
// answered is never answered.
func (s *session) stop(why string) {
	s.Warn("%s", why)
	if s.Hangup("carrier") && !s.Answered() {
		s.end(wordError)
	}
}

// check warns of attributes that are not documented.
func (s *session) check(e *element, known string) {
	for _, name := range e.Unknown(known) {
		s.Warn("unknown attribute %s of <%s>", name, e.Name)
	}
}

// after is the outcome of a verb that asks an action URL what comes next, if it
// has one. status is what the verb came to.
func (s *session) after(ctx context.Context, e *element, status string) outcome {
	action := e.Attr("action", "")
	if action == "" || ctx.Err() != nil {
		return goOn
	}
	return outcome{over: true, next: s.at(action, http.MethodPost, doc{"CallStatus": status})}
}

// at is a document at a URL that markup names.
func (s *session) at(url, method string, fields doc) *source {
	app := application{URL: url, Method: method, key: s.order.app.key}
	return &source{app: app, kind: carriersim.KindAction, fields: fields}
}

func (s *session) runSay(ctx context.Context, e *element) outcome {
	s.Note("says %s", e.Text)
	s.repeat(ctx, carriersim.Spoken(e.Text, s.Rate()), e)
	return goOn
}

func (s *session) runPlay(ctx context.Context, e *element) outcome {
	s.Note("plays %s", e.Text)
	pcm, err := s.c.File(ctx, e.Text, s.Rate())
	if err != nil {
		s.Note("plays a tone instead: %v", err)
	}
	s.repeat(ctx, pcm, e)
	return goOn
}

func (s *session) repeat(ctx context.Context, pcm []int16, e *element) {
	times, err := strconv.Atoi(e.Attr("loop", "1"))
	if err != nil || times < 0 {
		s.Warn("loop %q of <%s>", e.Attr("loop", ""), e.Name)
		times = 1
	}
	for n := 0; n < times || times == 0; n++ { // 0 never ends
		if s.Play(ctx, pcm) != nil {
			return
		}
	}
}

// runPause waits. While the call is not answered it leaves it so.
func (s *session) runPause(ctx context.Context, e *element) outcome {
	if s.Answered() {
		s.Start()
	}
	carriersim.Sleep(ctx, s.seconds(e, "length", 1))
	return goOn
}

// seconds reads an attribute that is a number of seconds.
func (s *session) seconds(e *element, name string, fallback int) time.Duration {
	n, err := strconv.Atoi(e.Attr(name, strconv.Itoa(fallback)))
	if err != nil || n < 0 {
		s.Warn("%s %q of <%s>", name, e.Attr(name, ""), e.Name)
		n = fallback
	}
	return time.Duration(n) * time.Second
}

func (s *session) runRedirect(_ context.Context, e *element) outcome {
	if !isWebURL(e.Text) {
		s.stop(fmt.Sprintf("<Redirect> to %q", e.Text))
		return outcome{over: true}
	}
	return outcome{over: true, next: s.at(e.Text, e.Attr("method", http.MethodPost), nil)}
}

// runReject refuses a call that is not answered. Only busy is known to be told
// apart in the records.
func (s *session) runReject(_ context.Context, e *element) outcome {
	if s.Answered() || s.direction != dirInbound {
		s.Warn("<Reject> comes too late")
		return outcome{over: true}
	}
	s.Hangup("gateway")
	switch reason := e.Attr("reason", "rejected"); reason {
	case "busy":
		s.end(wordBusy)
	case "rejected", "congestion", "failed":
		s.end(wordFailed)
	default:
		s.Warn("reason %q of <Reject>", reason)
		s.end(wordFailed)
	}
	return outcome{over: true}
}

func (s *session) runHangup(context.Context, *element) outcome { return outcome{over: true} }
