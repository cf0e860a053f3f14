package twiml

import (
	"maps"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// Say writes text for the carrier to speak.
func (w *Writer) Say(s *call.Say) {
	w.Element("Say", s.Text, Attr("voice", s.Voice), Attr("language", s.Language))
}

// Play writes a file for the carrier to play: once when no number is given, as
// in the markup, where a loop that is written as 0 never ends.
func (w *Writer) Play(p *call.Play) { w.Element("Play", p.URL, Int("loop", p.Loop)) }

// Pause writes a wait.
func (w *Writer) Pause(p *call.Pause) { w.Element("Pause", "", Int("length", p.Seconds)) }

// SendDigits writes keys to press.
func (w *Writer) SendDigits(s *call.SendDigits) { w.Element("Play", "", Attr("digits", s.Digits)) }

// Stream writes a media stream both ways. The carrier goes on to what follows
// when Trunkline closes the socket.
func (w *Writer) Stream(s *call.Stream) {
	w.Open("Connect")
	attrs := []Attribute{Attr("url", s.URL), Attr("name", s.StreamID)}
	if s.StatusURL != "" {
		attrs = append(attrs, Attr("statusCallback", s.StatusURL), Attr("statusCallbackMethod", "POST"))
	}
	w.Open("Stream", attrs...)
	for _, name := range slices.Sorted(maps.Keys(s.Params)) {
		w.Element("Parameter", "", Attribute{"name", name}, Attribute{"value", s.Params[name]})
	}
	w.Close()
	w.Close()
}

// Target writes one of those whom an open Dial calls: a number or a SIP URI.
func (w *Writer) Target(target string, attrs ...Attribute) {
	noun := "Number"
	if strings.HasPrefix(target, "sip:") || strings.HasPrefix(target, "sips:") {
		noun = "Sip"
	}
	w.Element(noun, target, attrs...)
}

// Reject writes that a ringing call is refused.
func (w *Writer) Reject(r *call.Reject) {
	reason := ""
	if r.Busy {
		reason = "busy"
	}
	w.Element("Reject", "", Attr("reason", reason))
}

// Redirect writes the address of the next document.
func (w *Writer) Redirect(r *call.Redirect) { w.Element("Redirect", r.URL, Attr("method", "POST")) }

// Hangup writes the end of the call.
func (w *Writer) Hangup() { w.Element("Hangup", "") }
