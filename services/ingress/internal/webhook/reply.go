package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/service"
)

// refusal is why a webhook is not taken. code is all that the sender is told.
type refusal struct {
	status int
	code   string
	err    error // for the log; may be nil
}

func (f *refusal) Error() string {
	if f.err == nil {
		return f.code
	}
	return f.code + ": " + f.err.Error()
}

func (f *refusal) Unwrap() error { return f.err }

// refusalOf says how a carrier is answered whose request does not verify or
// does not parse. A provider may ask for another status.
func refusalOf(err error) *refusal {
	f := &refusal{fiber.StatusBadRequest, "invalid", err}
	switch provider.KindOf(err) {
	case provider.KindUnauthenticated, provider.KindForbidden:
		f.status, f.code = fiber.StatusForbidden, "signature"
	}
	var e *provider.Error
	if errors.As(err, &e) && e.Status >= fiber.StatusBadRequest {
		f.status = e.Status
	}
	return f
}

// refuse answers a webhook that is not taken, and logs why.
func (r *Receiver) refuse(c *fiber.Ctx, w *webhook, err error) provider.Response {
	f := &refusal{fiber.StatusServiceUnavailable, "internal", err}
	errors.As(err, &f)
	w.outcome = f.code
	entry := r.entry(w).WithFields(logrus.Fields{"status": f.status, "reason": f.code, "peer": c.Context().RemoteIP().String()})
	if f.err != nil {
		entry = entry.WithError(f.err)
	}
	entry.Warn("webhook refused")
	return provider.Response{Status: f.status, ContentType: fiber.MIMETextPlainCharsetUTF8, Body: []byte(f.code + "\n")}
}

// render writes an instruction in the carrier's markup. What a provider cannot
// write becomes a hang-up: a caller is never left with an error.
func (r *Receiver) render(w *webhook, in call.Instruction) provider.Response {
	reply, err := w.line.Account.Render(in, &w.notice)
	if err != nil {
		r.entry(w).WithError(err).Error("instruction cannot be written")
		if reply, err = w.line.Account.Render(hangup, &w.notice); err != nil {
			reply = provider.Response{}
		}
	}
	if reply.Status == 0 {
		reply.Status = fiber.StatusOK
	}
	return reply
}

// entry is a log line about a webhook. It owns its text.
func (r *Receiver) entry(w *webhook) *logrus.Entry {
	fields := logrus.Fields{"hook": string(w.path.Hook)}
	if w.line != nil {
		fields["org"], fields["trunk"], fields["provider"] = w.line.Org, w.line.Name, w.line.Provider
	} else {
		fields["org"], fields["trunk"], fields["provider"] = brief(w.path.Org), brief(w.path.Trunk), brief(w.path.Provider)
	}
	if w.call != "" {
		fields["call_id"] = w.call
	}
	if w.notice.LegID != "" {
		fields["leg_id"] = strings.Clone(w.notice.LegID)
	}
	return r.log.WithFields(fields)
}

func mask(number string) string { return service.MaskNumber(number) }

// brief copies a text from outside for the log, cut to what an id may have.
func brief(text string) string { return strings.Clone(text[:min(len(text), call.MaxID)]) }

// maxNames bounds how many names of each sort are logged.
const maxNames = 24

// fieldNames is an error that names what a request brought, without values.
func (w *webhook) fieldNames() error {
	var headers, fields []string
	for _, f := range w.req.Header {
		headers = append(headers, brief(f.Name))
	}
	text := w.req.Query() + "&" + utils.UnsafeString(w.req.Body)
	var object map[string]json.RawMessage
	if err := json.Unmarshal(w.req.Body, &object); err == nil {
		text = strings.Join(slices.Sorted(maps.Keys(object)), "&")
	}
	for pair := range strings.SplitSeq(text, "&") {
		if name, _, _ := strings.Cut(pair, "="); name != "" && len(fields) < maxNames {
			fields = append(fields, brief(name))
		}
	}
	return fmt.Errorf("the request has the headers %s and the fields %s",
		strings.Join(headers[:min(len(headers), maxNames)], " "), strings.Join(fields, " "))
}
