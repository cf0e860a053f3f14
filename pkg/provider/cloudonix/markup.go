package cloudonix

import (
	"net/http"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/twiml"
)

const contentType = "application/xml"

// Render implements provider.WebhookReceiver.
func (d *driver) Render(in call.Instruction, n *provider.Notice) (provider.Response, error) {
	if len(in.Steps) == 0 {
		if !n.Reply {
			return provider.Response{Status: http.StatusNoContent}, nil
		}
		// A caller who waits must hear something of an answer without one.
		in.Steps = []call.Step{{Reject: &call.Reject{}}}
	}
	doc, err := d.markup(in, n.Kind == provider.InboundCall)
	if err != nil {
		return provider.Response{}, err
	}
	return provider.Response{Status: http.StatusOK, ContentType: contentType, Body: doc}, nil
}

// markup writes an instruction as CXML. A leg that is not ringing can no
// longer be rejected: it is hung up.
func (d *driver) markup(in call.Instruction, ringing bool) ([]byte, error) {
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
			return nil, provider.Errorf(provider.KindUnsupported, "step %d: send_digits: the markup of cloudonix presses no keys", i+1)
		case step.Stream != nil:
			if strings.Contains(step.Stream.URL, "?") {
				return nil, provider.Errorf(provider.KindInvalid, "step %d: stream: whether cloudonix keeps the query of a stream's url is not known", i+1)
			}
			w.Stream(step.Stream)
		case step.Dial != nil:
			d.dial(w, step.Dial)
		case step.Conference != nil:
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

// dial never answers the caller by itself, so there is nothing to say for
// AnswerOnBridge. The progress of a dialled leg cannot be ordered: it is in the
// updates of the session.
func (d *driver) dial(w *twiml.Writer, dial *call.Dial) {
	w.Open("Dial",
		twiml.Attr("callerId", dial.CallerID), twiml.Int("timeout", dial.RingSeconds), twiml.Int("timeLimit", dial.LimitSeconds),
		twiml.Attr("action", dial.ActionURL), twiml.Attr("trunks", d.trunk),
	)
	for _, target := range dial.Targets {
		w.Target(target)
	}
	w.Close()
}

// conference switches off what is on unless it is said: a beep, and music for
// who is alone.
func conference(w *twiml.Writer, c *call.Conference) {
	attrs := []twiml.Attribute{
		twiml.Bool("startConferenceOnEnter", c.StartOnEnter), twiml.Bool("endConferenceOnExit", c.EndOnExit),
		twiml.Bool("beep", false), twiml.Bool("holdMusic", false),
	}
	if c.StatusURL != "" {
		attrs = append(attrs, twiml.Attr("statusCallback", c.StatusURL), twiml.Attr("statusCallbackEvent", "start end join leave"))
	}
	w.Open("Dial")
	w.Element("Conference", c.Name, attrs...)
	w.Close()
}
