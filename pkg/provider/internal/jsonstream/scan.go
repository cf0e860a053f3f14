package jsonstream

import "bytes"

// scanMedia reads a media message of the usual form: keys and texts in plain
// ASCII without escapes, each key once, numbers whole, nothing nested but
// media. It reports false for anything else, also for what is no JSON.
func scanMedia(doc []byte) (m Message, payload []byte, ok bool) {
	s := scanner{doc: doc}
	var hasEvent, hasMedia bool
	ok = s.object(func(key []byte) bool {
		switch {
		case string(key) == "event" && !hasEvent:
			hasEvent = true
			event, ok := s.text()
			return ok && string(event) == EventMedia
		case string(key) == "media" && !hasMedia:
			hasMedia = true
			m, payload, ok = s.media()
			return ok
		}
		return !folds(key, "event", "media") && s.skip()
	})
	m.Event = EventMedia
	return m, payload, ok && hasEvent && hasMedia && s.end()
}

// media reads the inner object. A payload that is missing is nil.
func (s *scanner) media() (m Message, payload []byte, ok bool) {
	var hasTrack, hasChunk bool
	ok = s.object(func(key []byte) bool {
		switch {
		case string(key) == "payload" && payload == nil:
			payload, ok = s.text()
			return ok
		case string(key) == "track" && !hasTrack:
			hasTrack = true
			m.Track, ok = s.track()
			return ok
		case string(key) == "chunk" && !hasChunk:
			hasChunk = true
			m.Chunk, ok = s.chunk()
			return ok
		}
		return !folds(key, "payload", "track", "chunk") && s.skip()
	})
	return m, payload, ok && payload != nil
}

func (s *scanner) track() (string, bool) {
	word, ok := s.text()
	switch string(word) { // constants, as a conversion would allocate
	case "inbound":
		return "inbound", ok
	case "outbound":
		return "outbound", ok
	}
	return "", false
}

func (s *scanner) chunk() (n int64, ok bool) {
	digits, ok := s.whole()
	if !ok {
		if digits, ok = s.text(); !ok || len(digits) == 0 {
			return 0, false
		}
	}
	if len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// folds reports whether encoding/json would take key for one of names, or
// might: it looks at case only after it has found no equal name.
func folds(key []byte, names ...string) bool {
	for _, name := range names {
		if len(key) == len(name) && bytes.EqualFold(key, []byte(name)) {
			return true
		}
	}
	return false
}

// scanner walks over a document. Each method skips leading blanks, and reports
// false without a promise about its place when it finds something else.
type scanner struct {
	doc []byte
	at  int
}

// object reads an object; member reads the value of each key.
func (s *scanner) object(member func(key []byte) bool) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		key, ok := s.text()
		if !ok || !s.take(':') || !member(key) {
			return false
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// text reads a plain text and returns what is between the quotes, not nil.
func (s *scanner) text() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	for i := s.at; i < len(s.doc); i++ {
		switch c := s.doc[i]; {
		case c == '"':
			text := s.doc[s.at:i]
			s.at = i + 1
			return text, true
		case c < ' ' || c == '\\' || c > '~':
			return nil, false
		}
	}
	return nil, false
}

// whole reads a whole number that is not negative.
func (s *scanner) whole() ([]byte, bool) {
	s.blanks()
	start := s.at
	for s.at < len(s.doc) && s.doc[s.at] >= '0' && s.doc[s.at] <= '9' {
		s.at++
	}
	digits := s.doc[start:s.at]
	return digits, len(digits) == 1 || len(digits) > 1 && digits[0] != '0'
}

// skip reads a value of no interest. What follows it must be a comma or the
// end of the object, which object sees to.
func (s *scanner) skip() bool {
	s.blanks()
	if s.at == len(s.doc) {
		return false
	}
	var ok bool
	switch s.doc[s.at] {
	case '"':
		_, ok = s.text()
	case 't':
		ok = s.literal("true")
	case 'f':
		ok = s.literal("false")
	case 'n':
		ok = s.literal("null")
	default:
		_, ok = s.whole()
	}
	return ok
}

func (s *scanner) literal(word string) bool {
	if !bytes.HasPrefix(s.doc[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return true
}

func (s *scanner) take(c byte) bool {
	s.blanks()
	if s.at == len(s.doc) || s.doc[s.at] != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) end() bool {
	s.blanks()
	return s.at == len(s.doc)
}

func (s *scanner) blanks() {
	for s.at < len(s.doc) {
		switch s.doc[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}
