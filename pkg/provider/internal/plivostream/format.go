package plivostream

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/media"
)

// The carriers' names of encodings.
const (
	nameULaw = "audio/x-mulaw"
	nameL16  = "audio/x-l16"
)

func nameOf(f media.Format) string {
	if f.Encoding == media.ULaw {
		return nameULaw
	}
	return nameL16
}

// format reads the announcement of a format. What it leaves out is as it was
// asked for.
func format(encoding, rate string, want media.Format) (media.Format, error) {
	f := want
	encoding, _, _ = strings.Cut(strings.ToLower(encoding), ";")
	switch encoding {
	case "":
	case nameULaw:
		f.Encoding = media.ULaw
	case nameL16:
		f.Encoding = media.L16
	default:
		f.Encoding = media.Encoding(encoding)
	}
	if rate != "" {
		f.Rate, _ = strconv.Atoi(rate)
	}
	if !f.Valid() || f.Encoding == media.ALaw {
		return f, fmt.Errorf("start announces %.40q at %.10q Hz, want %s or %s", encoding, rate, nameULaw, nameL16)
	}
	return f, nil
}

// params reads what rode along with the address of the socket: an object, an
// object in a text, or name=value pairs with semicolons or commas between.
func params(doc json.RawMessage) map[string]string {
	var line string
	if json.Unmarshal(doc, &line) != nil {
		return object(doc)
	}
	if strings.HasPrefix(strings.TrimSpace(line), "{") {
		return object([]byte(line))
	}
	separator := ","
	if strings.Contains(line, ";") {
		separator = ";"
	}
	var m map[string]string
	for pair := range strings.SplitSeq(line, separator) {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || name == "" {
			continue
		}
		if m == nil {
			m = map[string]string{}
		}
		m[name] = value
	}
	return m
}

// object reads the members of an object that are texts, numbers or truths.
func object(doc []byte) map[string]string {
	var members map[string]json.RawMessage
	if json.Unmarshal(doc, &members) != nil || len(members) == 0 {
		return nil
	}
	m := map[string]string{}
	for name, raw := range members {
		var value string
		if json.Unmarshal(raw, &value) != nil {
			value = string(raw)
		}
		m[name] = value
	}
	return m
}
