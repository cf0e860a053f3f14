package twilio

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// numberResource is a number that the account has.
type numberResource struct {
	SID            string `json:"sid"`
	PhoneNumber    string `json:"phone_number"`
	FriendlyName   string `json:"friendly_name"`
	VoiceURL       string `json:"voice_url"`
	StatusCallback string `json:"status_callback"`
	ApplicationSID string `json:"voice_application_sid"` // takes precedence over VoiceURL
	TrunkSID       string `json:"trunk_sid"`             // takes precedence over both
}

// target is where calls to the number go.
func (n *numberResource) target() string {
	switch {
	case n.TrunkSID != "":
		return "trunk:" + n.TrunkSID
	case n.ApplicationSID != "":
		return "application:" + n.ApplicationSID
	}
	return n.VoiceURL
}

type numberPage struct {
	paging
	Numbers []numberResource `json:"incoming_phone_numbers"`
}

// Numbers implements provider.NumberLister.
func (d *driver) Numbers(ctx context.Context) ([]provider.Number, error) {
	var numbers []provider.Number
	err := list(ctx, d, d.path("/IncomingPhoneNumbers.json"), url.Values{"PageSize": {"200"}}, func(p numberPage) bool {
		for _, n := range p.Numbers {
			numbers = append(numbers, provider.Number{Number: n.PhoneNumber, ID: n.SID, Name: n.FriendlyName, InboundURL: n.target()})
		}
		return true
	})
	return numbers, err
}

// Owns implements provider.NumberLister.
func (d *driver) Owns(ctx context.Context, number string) (bool, error) {
	n, err := d.find(ctx, number)
	return n != nil, err
}

// find returns the resource of a number, nil when the account has none. The
// carrier's filter also matches parts of numbers.
func (d *driver) find(ctx context.Context, number string) (found *numberResource, err error) {
	err = list(ctx, d, d.path("/IncomingPhoneNumbers.json"), url.Values{"PhoneNumber": {number}}, func(p numberPage) bool {
		for i := range p.Numbers {
			if p.Numbers[i].PhoneNumber == number {
				found = &p.Numbers[i]
			}
		}
		return found == nil
	})
	return found, err
}

// SetInbound implements provider.InboundConfigurer. The number's application
// and SIP trunk are taken off, as Twilio would use them instead. The status
// callback is the only way to hear of the end of an inbound call.
func (d *driver) SetInbound(ctx context.Context, number string, in provider.Inbound) error {
	n, err := rest.Owned(d.find(ctx, number))
	if err != nil {
		return err
	}
	form := url.Values{
		"VoiceUrl": {in.AnswerURL}, "VoiceMethod": {http.MethodPost}, "VoiceReceiveMode": {"voice"},
		"VoiceApplicationSid": {""}, "TrunkSid": {""},
	}
	if in.StatusURL != "" {
		form.Set("StatusCallback", in.StatusURL)
		form.Set("StatusCallbackMethod", http.MethodPost)
	}
	return d.configure(ctx, n, form)
}

// Inbound implements provider.InboundConfigurer. For a number that an
// application or a SIP trunk answers it gives application:AP... or trunk:TK...
func (d *driver) Inbound(ctx context.Context, number string) (string, error) {
	n, err := rest.Owned(d.find(ctx, number))
	if err != nil {
		return "", err
	}
	return n.target(), nil
}

// ClearInbound implements provider.InboundConfigurer. The status callback goes
// with the answer URL when it is on the same host, hence ours.
func (d *driver) ClearInbound(ctx context.Context, number, answerURL string) error {
	n, err := rest.Owned(d.find(ctx, number))
	if err != nil || n.target() != answerURL {
		return err
	}
	form := url.Values{"VoiceUrl": {""}}
	if origin(n.StatusCallback) == origin(answerURL) {
		form.Set("StatusCallback", "")
	}
	return d.configure(ctx, n, form)
}

func (d *driver) configure(ctx context.Context, n *numberResource, form url.Values) error {
	path := d.path("/IncomingPhoneNumbers/" + url.PathEscape(n.SID) + ".json")
	return d.rest.Do(ctx, rest.Request{Method: http.MethodPost, Path: path, Form: form, Repeatable: true}, nil)
}

// origin is the scheme and host of a URL.
func origin(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}
