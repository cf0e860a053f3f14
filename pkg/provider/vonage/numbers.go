package vonage

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// numberResource is a number that the account has.
type numberResource struct {
	Country       string   `json:"country"` // ISO 3166
	MSISDN        string   `json:"msisdn"`
	Features      []string `json:"features"`
	Application   string   `json:"app_id"`
	MessageURL    string   `json:"moHttpUrl"`
	CallbackType  string   `json:"voiceCallbackType"` // sip, tel or app; an application comes first
	CallbackValue string   `json:"voiceCallbackValue"`
}

// voice reports whether the number takes calls.
func (n *numberResource) voice() bool { return slices.Contains(n.Features, "VOICE") }

// target is where calls to the number go, as far as the number says.
func (n *numberResource) target() string {
	switch {
	case n.Application != "":
		return "application:" + n.Application
	case n.CallbackType != "" && n.CallbackValue != "":
		return n.CallbackType + ":" + n.CallbackValue
	}
	return ""
}

// numberPage is a page of a list of numbers. An empty one is {}.
type numberPage struct {
	Count   int              `json:"count"`
	Numbers []numberResource `json:"numbers"`
}

// maxPages bounds how far a list is followed.
const maxPages = 100

// list hands the numbers with voice to each until that returns false.
func (d *driver) list(ctx context.Context, query url.Values, each func(*numberResource) bool) error {
	query.Set("size", strconv.Itoa(pageSize))
	for index := 1; index <= maxPages; index++ {
		query.Set("index", strconv.Itoa(index))
		var p numberPage
		if err := d.numbers.Do(ctx, rest.Request{Method: http.MethodGet, Path: "/account/numbers", Query: query}, &p); err != nil {
			return err
		}
		for i := range p.Numbers {
			if p.Numbers[i].voice() && !each(&p.Numbers[i]) {
				return nil
			}
		}
		if len(p.Numbers) == 0 || index*pageSize >= p.Count {
			return nil
		}
	}
	return provider.Errorf(provider.KindUnavailable, "list has more than %d pages", maxPages)
}

// Numbers implements provider.NumberLister. Calls to a number of the trunk's
// application go to that application's answer URL.
func (d *driver) Numbers(ctx context.Context) ([]provider.Number, error) {
	var numbers []provider.Number
	linked := false
	err := d.list(ctx, url.Values{}, func(n *numberResource) bool {
		numbers = append(numbers, provider.Number{Number: "+" + n.MSISDN, InboundURL: n.target()})
		linked = linked || n.Application == d.application
		return true
	})
	if err != nil || !linked {
		return numbers, err
	}
	app, err := d.readApplication(ctx)
	if err != nil {
		return nil, err
	}
	for i := range numbers {
		if numbers[i].InboundURL == "application:"+d.application {
			numbers[i].InboundURL = app.url("answer_url")
		}
	}
	return numbers, nil
}

// Owns implements provider.NumberLister.
func (d *driver) Owns(ctx context.Context, number string) (bool, error) {
	n, err := d.find(ctx, number)
	return n != nil, err
}

// find returns the resource of a number, nil when the account has none. The
// carrier's filter also matches the beginnings of numbers.
func (d *driver) find(ctx context.Context, number string) (found *numberResource, err error) {
	query := url.Values{"pattern": {wire(number)}, "search_pattern": {"0"}}
	err = d.list(ctx, query, func(n *numberResource) bool {
		if n.MSISDN == wire(number) {
			found = n
		}
		return found == nil
	})
	return found, err
}

// mustFind is find for what cannot be done without the number.
func (d *driver) mustFind(ctx context.Context, number string) (*numberResource, error) {
	n, err := d.find(ctx, number)
	if err == nil && n == nil {
		err = provider.Errorf(provider.KindNotFound, "the account does not have this number with voice")
	}
	return n, err
}

// SetInbound implements provider.InboundConfigurer. The URLs are those of the
// trunk's application, so of all numbers that are linked to it; the number is
// linked last. A number is taken out of another application, and away from
// where it was forwarded to.
func (d *driver) SetInbound(ctx context.Context, number string, in provider.Inbound) error {
	n, err := d.mustFind(ctx, number)
	if err != nil {
		return err
	}
	app, err := d.readApplication(ctx)
	if err != nil {
		return err
	}
	if app.point(in) {
		if err := d.writeApplication(ctx, app); err != nil {
			return err
		}
	}
	if n.Application == d.application {
		return nil
	}
	return d.link(ctx, n, d.application)
}

// Inbound implements provider.InboundConfigurer. For a number that is not of
// the trunk's application it gives application:..., sip:... or tel:....
func (d *driver) Inbound(ctx context.Context, number string) (string, error) {
	n, err := d.mustFind(ctx, number)
	if err != nil {
		return "", err
	}
	if n.Application != d.application {
		return n.target(), nil
	}
	app, err := d.readApplication(ctx)
	if err != nil {
		return "", err
	}
	return app.url("answer_url"), nil
}

// ClearInbound implements provider.InboundConfigurer: the number is unlinked.
// The application keeps its URLs, which other numbers may need.
func (d *driver) ClearInbound(ctx context.Context, number, answerURL string) error {
	n, err := d.mustFind(ctx, number)
	if err != nil || n.Application != d.application {
		return err
	}
	app, err := d.readApplication(ctx)
	if err != nil || app.url("answer_url") != answerURL {
		return err
	}
	return d.link(ctx, n, "")
}

// numbersReply is what the Numbers API says to an order; it may refuse one
// with HTTP status 200.
type numbersReply struct {
	Code  text   `json:"error-code"`
	Label string `json:"error-code-label"`
}

// link gives a number to an application, or to none. What such an order leaves
// out is taken from the number.
func (d *driver) link(ctx context.Context, n *numberResource, application string) error {
	form := url.Values{"country": {n.Country}, "msisdn": {n.MSISDN}}
	if application != "" {
		form.Set("app_id", application)
	}
	if n.MessageURL != "" {
		form.Set("moHttpUrl", n.MessageURL)
	}
	var reply numbersReply
	err := d.numbers.Do(ctx, rest.Request{Method: http.MethodPost, Path: "/number/update", Form: form, Repeatable: true}, &reply)
	if err != nil || reply.Code == "200" {
		return err
	}
	e := provider.Errorf(provider.KindInvalid, "number cannot be changed: %.100q", reply.Label)
	e.Code = string(reply.Code)
	return e
}
