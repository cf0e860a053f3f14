// Package plivohook reads the webhooks of Plivo and of carriers that took them
// over: flat forms whose fields, not the address they are sent to, say what
// they are about. Sources: https://www.plivo.com/docs/voice and
// https://docs.vobiz.ai.
package plivohook

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"

	// UsualFields is room for what a webhook usually has.
	UsualFields = 40
	mostFields  = 1000 // more is no webhook of theirs
)

// Fields reads the fields of a request into dst: those of the query of a GET,
// else those of a form. It reports false where there is no form.
func Fields(dst form.Fields, req *provider.Request) (form.Fields, bool) {
	switch {
	case strings.Count(req.URL, "&") > mostFields, bytes.Count(req.Body, []byte("&")) > mostFields:
		return nil, false
	case req.Method == http.MethodGet:
		return form.Append(dst, req.Query()), true
	case len(req.Body) == 0:
		return dst, true
	}
	switch req.Header.MediaType() {
	case formType, "":
		return form.Append(dst, req.Body), true
	}
	return nil, false
}

// FieldsOrJSON is Fields for a carrier that may also send the same fields as a
// JSON object.
func FieldsOrJSON(dst form.Fields, req *provider.Request) (form.Fields, bool) {
	if req.Method == http.MethodGet || req.Header.MediaType() != jsonType {
		return Fields(dst, req)
	}
	var object map[string]any
	dec := json.NewDecoder(bytes.NewReader(req.Body))
	dec.UseNumber()
	if dec.Decode(&object) != nil || len(object) > mostFields {
		return nil, false
	}
	for name, v := range object {
		switch v := v.(type) {
		case string:
			dst = append(dst, form.Field{Name: name, Value: v})
		case json.Number:
			dst = append(dst, form.Field{Name: name, Value: v.String()})
		case bool:
			dst = append(dst, form.Field{Name: name, Value: map[bool]string{true: "true", false: "false"}[v]})
		}
	}
	return dst, true
}
