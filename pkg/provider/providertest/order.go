package providertest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/media"
)

// order is a command as transcripts write it.
type order struct {
	Type     string `json:"type"` // audio, mark, clear, dtmf or stop
	Encoding string `json:"encoding"`
	Rate     int    `json:"sample_rate"`
	Payload  string `json:"payload_b64"`
	Name     string `json:"name"`
	Digits   string `json:"digits"`
}

func (o *order) command() (media.Command, error) {
	switch o.Type {
	case "audio":
		audio, err := base64.StdEncoding.DecodeString(o.Payload)
		return media.Command{Kind: media.CommandAudio, Audio: audio}, err
	case "mark":
		return media.Command{Kind: media.CommandMark, Name: o.Name}, nil
	case "clear":
		return media.Command{Kind: media.CommandClear}, nil
	case "dtmf":
		return media.Command{Kind: media.CommandDTMF, Digits: o.Digits}, nil
	case "stop":
		return media.Command{Kind: media.CommandStop}, nil
	}
	return media.Command{}, fmt.Errorf("command %q is not known", o.Type)
}

// wireText is what the JSON dialects of the carriers have in common.
type wireText struct {
	Event       string `json:"event"`
	Action      string `json:"action"`
	ContentType string `json:"content-type"`
	Name        string `json:"name"`
	DTMF        any    `json:"dtmf"`
	Mark        struct {
		Name string `json:"name"`
	} `json:"mark"`
	Payload any `json:"payload"`
	Start   struct {
		MediaFormat struct {
			Encoding string `json:"encoding"`
			Rate     any    `json:"sampleRate"`
		} `json:"mediaFormat"`
	} `json:"start"`
	Media struct {
		ContentType string `json:"contentType"`
		Rate        int    `json:"sampleRate"`
		Track       string `json:"track"`
		Chunk       any    `json:"chunk"`
		Payload     string `json:"payload"`
	} `json:"media"`
}

func readText(m media.Message) (w wireText, ok bool) {
	return w, !m.Binary && decodeJSON(m.Data, &w) == nil
}

// audioOf returns the audio that a message carries, nil when it carries none.
func audioOf(m media.Message) []byte {
	if m.Binary {
		return m.Data
	}
	w, _ := readText(m)
	audio, err := base64.StdEncoding.DecodeString(w.Media.Payload)
	if err != nil || len(audio) == 0 {
		return nil
	}
	return audio
}

// commandOf derives from a message of ours the command that it carries out.
func commandOf(m media.Message) (media.Command, error) {
	if audio := audioOf(m); audio != nil {
		return media.Command{Kind: media.CommandAudio, Audio: audio}, nil
	}
	w, ok := readText(m)
	if !ok {
		return media.Command{}, errors.New("message is no JSON object")
	}
	switch w.Event + w.Action {
	case "mark":
		return media.Command{Kind: media.CommandMark, Name: w.Mark.Name}, nil
	case "checkpoint":
		return media.Command{Kind: media.CommandMark, Name: w.Name}, nil
	case "notify":
		payload, _ := w.Payload.(map[string]any)
		return media.Command{Kind: media.CommandMark, Name: scalar(payload["mark"])}, nil
	case "clear", "clearAudio":
		return media.Command{Kind: media.CommandClear}, nil
	case "sendDTMF":
		return media.Command{Kind: media.CommandDTMF, Digits: scalar(w.DTMF)}, nil
	case "stop":
		return media.Command{Kind: media.CommandStop}, nil
	}
	return media.Command{}, fmt.Errorf("no command is known for %s", m.Data)
}

// wanted is the format that the transcript's instruction asked for, as the
// audio that we send shows, or else the announcement; zero where nothing does.
func wanted(frames []frame) (announced media.Format) {
	for _, f := range frames {
		if o := f.Command; o != nil && o.Type == "audio" {
			return media.Format{Encoding: encodingOf(o.Encoding), Rate: o.Rate}
		}
		m, err := f.message()
		if err != nil || m == nil {
			continue
		}
		w, _ := readText(*m)
		if w.Media.ContentType != "" {
			return media.Format{Encoding: encodingOf(w.Media.ContentType), Rate: w.Media.Rate}
		}
		if kind, rate, ok := strings.Cut(w.ContentType, ";rate="); ok {
			return format(kind, rate)
		}
		if w.Start.MediaFormat.Encoding != "" {
			announced = format(w.Start.MediaFormat.Encoding, scalar(w.Start.MediaFormat.Rate))
		}
	}
	return announced
}

// format reads an encoding and a rate. An unreadable rate is no valid format.
func format(kind, rate string) media.Format {
	hz, _ := strconv.Atoi(rate)
	return media.Format{Encoding: encodingOf(kind), Rate: hz}
}

// encodingOf reads the names that carriers have for an encoding. A name that
// is none of ours is given back in lower case.
func encodingOf(name string) media.Encoding {
	switch low := strings.TrimPrefix(strings.ToLower(name), "audio/"); strings.TrimPrefix(low, "x-") {
	case "mulaw", "pcmu", "ulaw", "basic":
		return media.ULaw
	case "alaw", "pcma":
		return media.ALaw
	case "l16", "linear16":
		return media.L16
	default:
		return media.Encoding(low)
	}
}
