package cloudonix

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// id is a number that the carrier gave to something. It is a text here, and
// goes back as it came.
type id string

// UnmarshalJSON implements json.Unmarshaler: a number or a text.
func (i *id) UnmarshalJSON(doc []byte) error {
	*i = id(text(doc))
	return nil
}

var digits = regexp.MustCompile(`^[0-9]+$`)

// MarshalJSON implements json.Marshaler.
func (i id) MarshalJSON() ([]byte, error) {
	if digits.MatchString(string(i)) {
		return []byte(i), nil
	}
	return json.Marshal(string(i))
}

// dnid leads calls to a number, or to all numbers of a pattern, to a voice
// application. One that is made of a plain number keeps it in Source.
type dnid struct {
	ID          id     `json:"id"`
	DNID        string `json:"dnid"`
	Source      string `json:"source"`
	Prefix      bool   `json:"prefix"`
	Asterisk    bool   `json:"asteriskCompatible"` // a pattern as in Asterisk's dialplan
	Application id     `json:"applicationId"`
}

// number is the number that calls must be to, "" for a pattern.
func (n *dnid) number() string {
	number := n.Source
	if number == "" {
		number = strings.TrimSuffix(strings.TrimPrefix(n.DNID, "^"), "$")
		if inner, ok := strings.CutPrefix(number, "("); ok {
			number = strings.TrimSuffix(inner, ")")
		}
		number = strings.TrimPrefix(number, `\`) // of \+
	}
	if n.Prefix || n.Asterisk || !plain.MatchString(number) {
		return ""
	}
	return number
}

// plain has no sign that means something in an expression, but for the plus,
// which at the start means itself.
var plain = regexp.MustCompile(`^\+?[0-9A-Za-z_-]+$`)

// dnids lists those of the domain. The carrier says 404 where there is none.
func (d *driver) dnids(ctx context.Context) ([]dnid, error) {
	var list []dnid
	err := d.api.get(ctx, d.domainPath("/dnids"), &list)
	if provider.KindOf(err) == provider.KindNotFound {
		return nil, nil
	}
	return list, err
}

// find returns the DNID of a number, preferably one of the trunk's own
// application; nil when there is none.
func (d *driver) find(ctx context.Context, number string) (*dnid, error) {
	list, err := d.dnids(ctx)
	var found *dnid
	for i := range list {
		if list[i].number() == number && (found == nil || d.owns(&list[i])) {
			found = &list[i]
		}
	}
	return found, err
}

// owns reports whether a DNID leads to the trunk's application.
func (d *driver) owns(n *dnid) bool { return d.app != "" && string(n.Application) == d.app }

// Numbers implements provider.NumberLister. Patterns are no numbers.
func (d *driver) Numbers(ctx context.Context) ([]provider.Number, error) {
	list, err := d.dnids(ctx)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	var apps []application
	if err := d.api.get(ctx, d.domainPath("/applications"), &apps); err != nil {
		return nil, err
	}
	var numbers []provider.Number
	for _, n := range list {
		if n.number() == "" {
			continue
		}
		known := provider.Number{Number: n.number(), ID: string(n.ID)}
		for _, a := range apps {
			if a.ID == n.Application {
				known.Name, known.InboundURL = a.Name, a.URL
			}
		}
		numbers = append(numbers, known)
	}
	return numbers, nil
}

// Owns implements provider.NumberLister. A domain takes any number for its
// own, so one that leads elsewhere is not the trunk's.
func (d *driver) Owns(ctx context.Context, number string) (bool, error) {
	n, err := d.find(ctx, number)
	return n != nil && d.owns(n), err
}

// SetInbound implements provider.InboundConfigurer: the trunk's application
// sends its calls here, and the number leads to that application.
func (d *driver) SetInbound(ctx context.Context, number string, in provider.Inbound) error {
	if d.app == "" {
		return provider.Errorf(provider.KindConflict, "the trunk has no voice application yet: provision it first")
	}
	app, err := d.application(ctx, d.app)
	if err != nil {
		return err
	}
	if err := d.point(ctx, &app, in.AnswerURL); err != nil {
		return err
	}
	n, err := d.find(ctx, number)
	if err != nil || n != nil && d.owns(n) {
		return err
	}
	leads := struct {
		Application id     `json:"applicationId"`
		Source      string `json:"source"`
		Prefix      bool   `json:"prefix"`
		Expression  bool   `json:"expression"`
		Asterisk    bool   `json:"asteriskCompatible"`
	}{Application: id(d.app), Source: number}
	if n == nil {
		return d.api.do(ctx, idle, rest.Request{Method: http.MethodPost, Path: d.domainPath("/dnids"), JSON: leads, Repeatable: true}, nil)
	}
	return d.api.do(ctx, idle, rest.Request{Method: http.MethodPut, Path: d.dnidPath(n), JSON: leads}, nil)
}

func (d *driver) dnidPath(n *dnid) string {
	return d.domainPath("/dnids/" + url.PathEscape(string(n.ID)))
}

// Inbound implements provider.InboundConfigurer.
func (d *driver) Inbound(ctx context.Context, number string) (string, error) {
	_, target, err := d.target(ctx, number)
	return target, err
}

// target returns the DNID of a number and where its application is.
func (d *driver) target(ctx context.Context, number string) (*dnid, string, error) {
	n, err := d.find(ctx, number)
	switch {
	case err != nil:
		return nil, "", err
	case n == nil:
		return nil, "", provider.Errorf(provider.KindNotFound, "the domain does not have this number")
	case n.Application == "":
		return n, "", nil
	}
	app, err := d.application(ctx, string(n.Application))
	if provider.KindOf(err) == provider.KindNotFound {
		return n, "", nil
	}
	return n, app.URL, err
}

// ClearInbound implements provider.InboundConfigurer. The application stays:
// other numbers may lead to it. What is undone is the number's own way there.
func (d *driver) ClearInbound(ctx context.Context, number, answerURL string) error {
	n, target, err := d.target(ctx, number)
	if err != nil || target != answerURL {
		return err
	}
	err = d.api.do(ctx, idle, rest.Request{Method: http.MethodDelete, Path: d.dnidPath(n)}, nil)
	var e *provider.Error
	if errors.As(err, &e) && e.Kind == provider.KindNotFound { // somebody was faster
		return nil
	}
	return err
}
