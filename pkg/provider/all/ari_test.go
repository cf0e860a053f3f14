package all_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/ari"
)

// ariApp is the application that was captured.
const ariApp = "trunkline"

// ariFile is the vector file of Asterisk: what was said on its sockets.
type ariFile struct {
	Events    []ariEvent    `json:"events"`
	Sequences []ariSequence `json:"sequences"`
	Media     []ariSocket   `json:"media"`
}

type ariEvent struct {
	Name string          `json:"name"`
	JSON json.RawMessage `json:"json"`
}

type ariSequence struct {
	Name    string `json:"name"`
	Outcome struct {
		Status    []string `json:"status"`
		Direction string   `json:"direction"`
		Transfer  string   `json:"transfer"`
		Media     string   `json:"media"`
	} `json:"outcome"`
	Events []struct {
		Event json.RawMessage `json:"event"`
	} `json:"events"`
}

type ariSocket struct {
	Name     string `json:"name"`
	Messages []struct {
		Dir    string `json:"dir"`
		Type   string `json:"type"`
		Text   string `json:"text"`
		Base64 string `json:"base64"`
	} `json:"messages"`
}

// ariVectors runs the vector file of Asterisk.
func ariVectors(t *testing.T, doc []byte) {
	var f ariFile
	if err := json.Unmarshal(doc, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Events) == 0 || len(f.Sequences) == 0 || len(f.Media) == 0 {
		t.Fatalf("%d events, %d sequences, %d sockets", len(f.Events), len(f.Sequences), len(f.Media))
	}
	t.Run("events", func(t *testing.T) {
		for _, e := range f.Events {
			t.Run(e.Name, func(t *testing.T) { ariRead(t, e.JSON) })
		}
	})
	t.Run("sequences", func(t *testing.T) {
		for _, s := range f.Sequences {
			t.Run(s.Name, func(t *testing.T) { s.check(t) })
		}
	})
	t.Run("media", func(t *testing.T) {
		for _, s := range f.Media {
			t.Run(s.Name, func(t *testing.T) { s.check(t) })
		}
	})
}

// ariRead reads one event. Each that was captured must be understood.
func ariRead(t *testing.T, doc []byte) provider.Notice {
	t.Helper()
	n, err := ari.ReadEvent(ariApp, doc)
	if err != nil {
		t.Fatal(err)
	}
	if n.Kind == provider.UnknownKind || n.Kind == "" || n.EventID == "" || n.Time.IsZero() {
		t.Errorf("%s is not understood: %+v", doc, n)
	}
	return n
}

// ariWords are the words of the file, by ours.
var ariWords = map[call.Status]string{
	call.Initiated: "initiated", call.Ringing: "ringing", call.Answered: "in-progress", call.Completed: "completed",
	call.Busy: "busy", call.NoAnswer: "no-answer", call.Canceled: "canceled", call.Failed: "failed",
}

// check compares what the events make of the first call with the outcome.
func (s ariSequence) check(t *testing.T) {
	var (
		leg       string
		direction call.Direction
		status    call.Status
		words     []string
		kinds     []provider.NoticeKind
		stream    string
	)
	if s.Outcome.Direction == string(call.Outbound) {
		status, words, direction = call.Initiated, []string{"initiated"}, call.Outbound // the dial itself
	}
	if s.Outcome.Direction == string(call.Outbound) && len(s.Events) == 0 { // the dial was refused: see the provider's own tests
		words = append(words, "failed")
	}
	for _, e := range s.Events {
		n := ariRead(t, e.Event)
		kinds = append(kinds, n.Kind)
		if n.Kind == provider.StreamStatus {
			stream = n.StreamEvent
		}
		if n.Foreign || !slices.Contains([]provider.NoticeKind{provider.InboundCall, provider.Answer, provider.CallStatus}, n.Kind) {
			continue
		}
		if leg == "" {
			leg, direction = n.LegID, n.Direction
		}
		if n.LegID == leg && status.Advances(n.Status) {
			status = n.Status
			words = append(words, ariWords[status])
		}
	}
	if s.Outcome.Status != nil {
		if diff := cmp.Diff(s.Outcome.Status, words); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
	}
	if want := s.Outcome.Direction; want != "" && string(direction) != want {
		t.Errorf("direction %s, want %s", direction, want)
	}
	if s.Outcome.Transfer != "" && !slices.Contains(kinds, provider.DialEvent) {
		t.Error("nothing tells of the transfer's target")
	}
	if s.Outcome.Media == "failed" && stream != "error" {
		t.Errorf("the media leg is %q, want error", stream)
	}
}

// ariCommands are what a codec says, by the words of Asterisk. The others are
// of no use to it.
var ariCommands = map[string]media.Command{
	"ANSWER": {Kind: media.CommandAnswer}, "HANGUP": {Kind: media.CommandStop}, "MARK_MEDIA": {Kind: media.CommandMark, Name: "x"},
	"FLUSH_MEDIA": {Kind: media.CommandClear}, "GET_STATUS": {Kind: media.CommandClear},
}

// check lets a codec hear a socket, and say what it would in place of what was
// said.
func (s ariSocket) check(t *testing.T) {
	codec := provider.Lookup("ari").NewCodec(provider.CodecConfig{})
	started := false
	for _, m := range s.Messages {
		switch {
		case m.Dir == "app->asterisk" && m.Type == "text":
			ariSays(t, codec, m.Text)
		case m.Dir == "asterisk->app" && (m.Type == "text" || m.Type == "binary"):
			msg := media.Message{Data: []byte(m.Text)}
			if m.Type == "binary" {
				audio, err := base64.StdEncoding.DecodeString(m.Base64)
				if err != nil {
					t.Fatal(err)
				}
				msg = media.Message{Binary: true, Data: audio}
			}
			events, err := codec.Decode(msg, nil)
			if err != nil {
				t.Fatalf("%s: %v", m.Text, err)
			}
			for _, e := range events {
				started = started || e.Kind == media.EventStarted
			}
			ariHears(t, m.Text, m.Type == "binary", events)
		}
	}
	if !started {
		t.Error("the stream does not start")
	}
}

// ariHears holds that a message of Asterisk makes the event it stands for.
func ariHears(t *testing.T, text string, binary bool, events []media.Event) {
	t.Helper()
	want := map[string]media.EventKind{
		"MEDIA_START": media.EventStarted, "MEDIA_XOFF": media.EventFlow, "MEDIA_XON": media.EventFlow, "DTMF_END": media.EventDTMF,
		"MEDIA_MARK_PROCESSED": media.EventMark, "ERROR": media.EventWarning,
	}[ariWord(text, "event")]
	if binary {
		want = media.EventAudio
	}
	if want != 0 && (len(events) == 0 || events[0].Kind != want) {
		t.Errorf("%s makes %+v, want an event of kind %d", text, events, want)
	}
}

// ariSays holds that a command that was said is among what a codec says.
func ariSays(t *testing.T, codec provider.Codec, text string) {
	t.Helper()
	word := ariWord(text, "command")
	cmd, uses := ariCommands[word]
	if !uses {
		return
	}
	messages, err := codec.Encode(cmd, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if ariWord(string(m.Data), "command") == word {
			return
		}
	}
	t.Errorf("%s: the codec says %+v", text, messages)
}

// ariWord is the word of a text, in either form.
func ariWord(text, member string) string {
	var doc map[string]any
	if json.Unmarshal([]byte(text), &doc) == nil {
		word, _ := doc[member].(string)
		return word
	}
	word := text
	for i, r := range text {
		if r == ' ' {
			word = text[:i]
			break
		}
	}
	return word
}
