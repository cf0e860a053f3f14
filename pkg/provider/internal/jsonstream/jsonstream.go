// Package jsonstream reads and writes the JSON messages by which carriers send
// audio over a WebSocket: an object with an "event" and, for audio, a "media"
// object with a base64 "payload". Fifty of them a second and direction make up
// the whole traffic of a call, so the usual form is scanned by hand, without
// an allocation; whatever is not of that form goes through encoding/json.
package jsonstream

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Errors of Reader.Read.
var (
	ErrSyntax  = errors.New("message is not a JSON object with a text as event")
	ErrPayload = errors.New("media message has no readable payload")
)

// EventMedia is the event of a message that carries audio.
const EventMedia = "media"

// Message is one message. What belongs to another event than media is not
// read: the provider decodes it into a type of its own.
type Message struct {
	Event string
	Track string // of media: inbound, outbound, or the carrier's word; "" where not said
	Chunk int64  // of media: its number, written as a number or as text; 0 where there is none
	Audio []byte // of media: the decoded payload; borrowed until the next Read
}

// Reader reads messages. Its zero value is ready for use, by one goroutine.
type Reader struct{ audio []byte }

// Read reads a message. After ErrPayload the message says what else is known.
func (r *Reader) Read(doc []byte) (Message, error) {
	if m, payload, ok := scanMedia(doc); ok {
		if m.Audio, ok = decodeInto(r, payload); ok {
			return m, nil
		}
	}
	return r.readAny(doc)
}

// readAny is Read for messages of every form. It defines what they mean;
// scanMedia only gets there faster.
func (r *Reader) readAny(doc []byte) (Message, error) {
	var outer struct {
		Event *string         `json:"event"`
		Media json.RawMessage `json:"media"`
	}
	if err := json.Unmarshal(doc, &outer); err != nil || outer.Event == nil {
		return Message{}, ErrSyntax
	}
	m := Message{Event: *outer.Event}
	if m.Event != EventMedia {
		return m, nil
	}
	var inner struct {
		Track   string          `json:"track"`
		Chunk   json.RawMessage `json:"chunk"`
		Payload *string         `json:"payload"`
	}
	if json.Unmarshal(outer.Media, &inner) != nil || inner.Payload == nil {
		return m, ErrPayload
	}
	m.Track = inner.Track
	m.Chunk, _ = strconv.ParseInt(strings.Trim(string(inner.Chunk), `"`), 10, 64)
	var ok bool
	if m.Audio, ok = decodeInto(r, []byte(*inner.Payload)); !ok {
		return m, ErrPayload
	}
	return m, nil
}

func decodeInto(r *Reader, payload []byte) ([]byte, bool) {
	r.audio = slices.Grow(r.audio[:0], base64.StdEncoding.DecodedLen(len(payload)))
	n, err := base64.StdEncoding.Decode(r.audio[:cap(r.audio)], payload)
	return r.audio[:n], err == nil
}

// Writer writes audio messages: Head, the audio in base64, Tail.
type Writer struct {
	Head, Tail string
	buf        []byte
}

// Audio returns the message that carries audio; borrowed until the next call.
func (w *Writer) Audio(audio []byte) []byte {
	w.buf = append(w.buf[:0], w.Head...)
	w.buf = base64.StdEncoding.AppendEncode(w.buf, audio)
	w.buf = append(w.buf, w.Tail...)
	return w.buf
}
