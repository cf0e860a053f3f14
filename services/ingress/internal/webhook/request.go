package webhook

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// MaxBody is the largest body of a webhook, in bytes.
const MaxBody = 256 << 10

// webhook is one webhook in hand. It is lent by a pool: what req holds is
// borrowed from the connection, and nothing of it may outlive the handler.
type webhook struct {
	receiver *Receiver
	start    time.Time
	base     string // public base URL of this very request
	req      provider.Request
	path     trunk.HookPath
	line     *trunk.Line // nil until the trunk is found
	notice   provider.Notice
	call     string // Trunkline's id of the call; owned
	told     bool   // the payload rides on one event already
	unread   error  // why history could not be read
	outcome  string // for the metrics

	known   func() provider.History // w.history, bound once
	add     func(name, value []byte)
	url     []byte
	decoded []byte
}

func newWebhook(r *Receiver) *webhook {
	w := &webhook{receiver: r}
	w.known = w.history
	w.add = func(name, value []byte) {
		w.req.Header = append(w.req.Header, provider.Field{Name: utils.UnsafeString(name), Value: utils.UnsafeString(value)})
	}
	return w
}

// begin borrows the request. The body is taken as it came: a carrier signs
// those bytes, whatever Content-Encoding says.
func (w *webhook) begin(c *fiber.Ctx, now time.Time) {
	w.start, w.outcome = now, "ok"
	w.req.Method, w.req.Now = c.Method(), now
	w.req.Body = c.Request().Body()
	c.Request().Header.VisitAll(w.add)
}

// end lets go of all that was borrowed.
func (w *webhook) end() {
	clear(w.req.Header)
	*w = webhook{receiver: w.receiver, known: w.known, add: w.add, url: w.url[:0], decoded: w.decoded[:0],
		req: provider.Request{Header: w.req.Header[:0]}}
}

// setURL writes down the public URL as the carrier was told it: the base, and
// the request's target byte for byte as it came.
func (w *webhook) setURL(base string, target []byte) {
	w.base = base
	w.url = append(append(w.url[:0], base...), target...)
	w.req.URL = utils.UnsafeString(w.url)
}

// check refuses what nobody could read.
func (w *webhook) check() error {
	switch {
	case len(w.req.Body) > MaxBody:
		return &refusal{fiber.StatusRequestEntityTooLarge, "too_large", nil}
	case len(w.req.Body) > 0 && !readable(w.req.Header.MediaType()):
		return &refusal{fiber.StatusUnsupportedMediaType, "content_type", nil}
	case !w.legible():
		return &refusal{fiber.StatusBadRequest, "encoding", nil}
	}
	return nil
}

const (
	typeForm = "application/x-www-form-urlencoded"
	typeJSON = "application/json"
)

// readable reports whether a body of a media type can be read: a form, JSON,
// or what is sent without a type.
func readable(mediaType string) bool {
	return mediaType == "" || mediaType == typeForm || mediaType == typeJSON || strings.HasSuffix(mediaType, "+json")
}

// legible reports whether query and body are UTF-8, also what is written with
// percent signs.
func (w *webhook) legible() bool {
	if query := w.req.Query(); query != "" && !w.utf8(utils.UnsafeBytes(query), true) {
		return false
	}
	mediaType := w.req.Header.MediaType()
	return w.utf8(w.req.Body, mediaType == "" || mediaType == typeForm)
}

func (w *webhook) utf8(text []byte, escaped bool) bool {
	if !utf8.Valid(text) {
		return false
	}
	if !escaped || !escapesHigh(text) {
		return true
	}
	w.decoded = appendUnescaped(w.decoded[:0], text)
	return utf8.Valid(w.decoded)
}

// escapesHigh reports whether text escapes a byte above ASCII.
func escapesHigh(text []byte) bool {
	for {
		i := bytes.IndexByte(text, '%')
		if i < 0 || i+1 >= len(text) {
			return false
		}
		if unhex(text[i+1]) >= 8 && unhex(text[i+1]) < 16 {
			return true
		}
		text = text[i+1:]
	}
}

// appendUnescaped appends text with its escapes decoded; one that is none
// stays as it is.
func appendUnescaped(dst, text []byte) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' && i+2 < len(text) && unhex(text[i+1]) < 16 && unhex(text[i+2]) < 16 {
			c = unhex(text[i+1])<<4 | unhex(text[i+2])
			i += 2
		}
		dst = append(dst, c)
	}
	return dst
}

// unhex returns the value of a hexadecimal digit, above 15 for anything else.
func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// payload is what the carrier said: the body, or the query of a GET.
func (w *webhook) payload() []byte {
	if len(w.req.Body) == 0 {
		return utils.UnsafeBytes(w.req.Query())
	}
	return w.req.Body
}

// event makes a fact of the webhook's. The first one carries the payload. It
// borrows: it must be written before the handler ends.
func (w *webhook) event(fact event.Fact) *event.Event {
	e := event.New("/ingress", w.line.Org, w.call, fact)
	e.Trunk, e.Provider, e.Leg = w.line.Name, w.line.Provider, w.notice.LegID
	if !w.notice.Time.IsZero() {
		e.Time = w.notice.Time
	}
	if !w.told {
		e.Raw, w.told = utils.UnsafeString(w.payload()), true
	}
	return e
}
