package telnyx

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// maxState bounds what is written into client_state, in bytes of base64. Telnyx
// documents no limit, and sends it with every webhook.
const maxState = 4096

// state is what Trunkline writes into client_state. Telnyx repeats it in every
// later webhook of the leg and in the announcement of its stream, until another
// command brings another one.
type state struct {
	Call string `json:"trunkline"` // Trunkline's id of the call
	// Parent is set on a leg that a dial step made: the leg that it is for.
	Parent string `json:"parent,omitempty"`
	// After says what must be over before Next is done.
	After after             `json:"after,omitempty"`
	Next  []call.Step       `json:"next,omitempty"`
	Param map[string]string `json:"params,omitempty"` // of a stream that cannot carry them itself
}

// after names what an instruction waits for.
type after string

const (
	afterAnswer   after = "answer"
	afterSpeech   after = "speech"
	afterPlayback after = "playback"
	afterStream   after = "stream"
	afterDial     after = "dial" // on the dialled leg
)

// live reports whether only an answered leg can be given this state.
func (s *state) live() bool { return s.After != "" && s.After != afterAnswer && s.After != afterDial }

// stateKey seals states: a browser that calls in through the account can write
// a client_state of its own, and must not steer calls with it. It comes from
// the API key; when that is changed, legs forget what they had left to do.
type stateKey [sha256.Size]byte

// sealLength is the length of a seal, in characters. It stands behind the JSON.
const sealLength = 16

func newStateKey(apiKey string) stateKey {
	return sha256.Sum256([]byte("trunkline client_state\x00" + apiKey))
}

func (k *stateKey) seal(doc []byte) string {
	mac := hmac.New(sha256.New, k[:])
	mac.Write(doc)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))[:sealLength]
}

func (k *stateKey) encode(s state) (string, error) {
	doc, err := json.Marshal(s)
	if err != nil {
		return "", &provider.Error{Kind: provider.KindInternal, Err: err}
	}
	text := base64.StdEncoding.EncodeToString(append(doc, k.seal(doc)...))
	if len(text) > maxState {
		return "", provider.Errorf(provider.KindUnsupported, "what the instruction has left to do is longer than client_state may be: %d characters of %d", len(text), maxState)
	}
	return text, nil
}

// decode reads client_state. What others wrote is given back as plain text.
func (k *stateKey) decode(text string) (s state, plain string) {
	if text == "" {
		return state{}, ""
	}
	all, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return state{}, ""
	}
	n := max(len(all)-sealLength, 0)
	if !hmac.Equal([]byte(k.seal(all[:n])), all[n:]) || json.Unmarshal(all[:n], &s) != nil {
		return state{}, string(all)
	}
	return s, ""
}

// ended tells of what a webhook is the end, "" where it is the end of nothing
// that an instruction waits for. An end that was brought about by a hang-up, or
// by a command that put something else in its place, leads nowhere.
func ended(p *payload, event string) after {
	switch event {
	case "call.answered":
		return afterAnswer
	case "streaming.stopped", "streaming.failed":
		return afterStream
	case "call.hangup":
		return afterDial
	}
	if p.Status == "call_hangup" || p.Status == "cancelled" {
		return ""
	}
	switch event {
	case "call.speak.ended":
		return afterSpeech
	case "call.playback.ended":
		return afterPlayback
	}
	return ""
}
