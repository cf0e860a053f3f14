package twilio

import (
	"net/http"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/twiml"
)

// progress lists what the dialled leg of an instruction is to report. In
// markup it is one attribute; in REST the field is repeated.
const progress = "initiated ringing answered completed"

// maxConferenceName is in characters.
const maxConferenceName = 128

// Render implements provider.WebhookReceiver.
func (d *driver) Render(in call.Instruction, n *provider.Notice) (provider.Response, error) {
	if len(in.Steps) == 0 {
		if !n.Reply {
			return provider.Response{Status: http.StatusNoContent}, nil
		}
		// A caller who waits must hear something of an answer without one.
		in.Steps = []call.Step{{Reject: &call.Reject{}}}
	}
	doc, err := render(in, n.Kind == provider.InboundCall)
	if err != nil {
		return provider.Response{}, err
	}
	return provider.Response{Status: http.StatusOK, ContentType: twiml.ContentType, Body: doc}, nil
}

// render writes an instruction as TwiML. A leg that is not ringing can no
// longer be rejected: it is hung up.
func render(in call.Instruction, ringing bool) ([]byte, error) {
	if err := in.Validate(); err != nil {
		return nil, &provider.Error{Kind: provider.KindInvalid, Err: err}
	}
	w := twiml.New()
	for i, step := range in.Steps {
		switch {
		case step.Say != nil:
			w.Say(step.Say)
		case step.Play != nil:
			w.Play(step.Play)
		case step.Pause != nil:
			w.Pause(step.Pause)
		case step.SendDigits != nil:
			w.SendDigits(step.SendDigits)
		case step.Stream != nil:
			if strings.Contains(step.Stream.URL, "?") {
				return nil, provider.Errorf(provider.KindInvalid, "step %d: stream: twilio drops the query of a stream's url", i+1)
			}
			w.Stream(step.Stream)
		case step.Dial != nil:
			dial(w, step.Dial)
		case step.Conference != nil:
			if len([]rune(step.Conference.Name)) > maxConferenceName {
				return nil, provider.Errorf(provider.KindInvalid, "step %d: conference: name is longer than %d characters", i+1, maxConferenceName)
			}
			conference(w, step.Conference)
		case step.Redirect != nil:
			w.Redirect(step.Redirect)
		case step.Reject != nil && ringing && i == 0:
			w.Reject(step.Reject)
		case step.Reject != nil, step.Hangup != nil:
			w.Hangup()
		}
	}
	if in.Steps[len(in.Steps)-1].Stream != nil {
		w.Hangup() // the stream is over: say so instead of relying on the end of the document
	}
	return w.Document(), nil
}

func dial(w *twiml.Writer, d *call.Dial) {
	attrs := []twiml.Attribute{
		twiml.Attr("callerId", d.CallerID), twiml.Int("timeout", d.RingSeconds), twiml.Int("timeLimit", d.LimitSeconds),
	}
	if d.AnswerOnBridge {
		attrs = append(attrs, twiml.Bool("answerOnBridge", true))
	}
	if d.ActionURL != "" {
		attrs = append(attrs, twiml.Attr("action", d.ActionURL), twiml.Attr("method", "POST"))
	}
	var status []twiml.Attribute
	if d.StatusURL != "" {
		status = []twiml.Attribute{twiml.Attr("statusCallback", d.StatusURL), twiml.Attr("statusCallbackEvent", progress)}
	}
	w.Open("Dial", attrs...)
	for _, target := range d.Targets {
		w.Target(target, status...)
	}
	w.Close()
}

func conference(w *twiml.Writer, c *call.Conference) {
	attrs := []twiml.Attribute{
		twiml.Bool("startConferenceOnEnter", c.StartOnEnter), twiml.Bool("endConferenceOnExit", c.EndOnExit),
		twiml.Bool("beep", false), twiml.Attr("participantLabel", c.Label),
	}
	if c.StatusURL != "" {
		attrs = append(attrs, twiml.Attr("statusCallback", c.StatusURL), twiml.Attr("statusCallbackEvent", "start end join leave"))
	}
	w.Open("Dial")
	w.Element("Conference", c.Name, attrs...)
	w.Close()
}
