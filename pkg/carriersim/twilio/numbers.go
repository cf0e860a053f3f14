package twilio

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// number is an IncomingPhoneNumber.
type number struct {
	SID                  string          `json:"sid"`
	AccountSID           string          `json:"account_sid"`
	PhoneNumber          string          `json:"phone_number"`
	FriendlyName         string          `json:"friendly_name"`
	VoiceURL             string          `json:"voice_url"`
	VoiceMethod          string          `json:"voice_method"`
	VoiceFallbackURL     string          `json:"voice_fallback_url"`
	VoiceFallbackMethod  string          `json:"voice_fallback_method"`
	StatusCallback       string          `json:"status_callback"`
	StatusCallbackMethod string          `json:"status_callback_method"`
	VoiceApplicationSID  string          `json:"voice_application_sid"`
	TrunkSID             string          `json:"trunk_sid"`
	VoiceReceiveMode     string          `json:"voice_receive_mode"`
	Capabilities         map[string]bool `json:"capabilities"`
	Status               string          `json:"status"`
	URI                  string          `json:"uri"`
}

func newNumber(e164 string) *number {
	return &number{
		SID: newSID("PN"), PhoneNumber: e164, FriendlyName: e164, VoiceMethod: http.MethodPost,
		VoiceFallbackMethod: http.MethodPost, StatusCallbackMethod: http.MethodPost, VoiceReceiveMode: "voice",
		Capabilities: map[string]bool{"voice": true, "sms": true, "mms": false, "fax": false}, Status: "in-use",
	}
}

// shown is the number as the API shows it.
func (c *Carrier) shown(n number) number {
	n.AccountSID = c.opt.AccountSID
	n.URI = c.path("/IncomingPhoneNumbers/" + n.SID + ".json")
	return n
}

// listNumbers filters by pattern: a part of a number matches, and * stands for
// any digits.
func (c *Carrier) listNumbers(r *http.Request) (int, any, error) {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(r.Form.Get("PhoneNumber")), `\*`, `\d*`)
	match, err := regexp.Compile(pattern)
	if err != nil {
		return 0, nil, invalid(codeBadRequest, "PhoneNumber is invalid")
	}
	list := []number{}
	c.mu.Lock()
	for _, n := range c.numbers {
		if match.MatchString(n.PhoneNumber) && (!r.Form.Has("FriendlyName") || r.Form.Get("FriendlyName") == n.FriendlyName) {
			list = append(list, c.shown(*n))
		}
	}
	c.mu.Unlock()
	doc, err := page(r, "incoming_phone_numbers", list)
	return http.StatusOK, doc, err
}

func (c *Carrier) getNumber(r *http.Request) (int, any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.numberBySID(r.PathValue("sid"))
	if n == nil {
		return 0, nil, notFound(r)
	}
	return http.StatusOK, c.shown(*n), nil
}

// updateNumber sets what is in the form, empty values included. Of a voice
// application and a SIP trunk a number has one at most.
func (c *Carrier) updateNumber(r *http.Request) (int, any, error) {
	for _, name := range []string{"VoiceUrl", "VoiceFallbackUrl", "StatusCallback"} {
		if v := r.Form.Get(name); v != "" && !isWebURL(v) {
			return 0, nil, invalid(codeNumberURL, "%s is not valid", name)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.numberBySID(r.PathValue("sid"))
	if n == nil {
		return 0, nil, notFound(r)
	}
	for name, field := range map[string]*string{
		"FriendlyName": &n.FriendlyName, "VoiceUrl": &n.VoiceURL, "VoiceMethod": &n.VoiceMethod,
		"VoiceFallbackUrl": &n.VoiceFallbackURL, "VoiceFallbackMethod": &n.VoiceFallbackMethod,
		"StatusCallback": &n.StatusCallback, "StatusCallbackMethod": &n.StatusCallbackMethod,
		"VoiceApplicationSid": &n.VoiceApplicationSID, "TrunkSid": &n.TrunkSID, "VoiceReceiveMode": &n.VoiceReceiveMode,
	} {
		if r.Form.Has(name) {
			*field = r.Form.Get(name)
		}
	}
	switch {
	case r.Form.Get("TrunkSid") != "":
		n.VoiceApplicationSID = ""
	case r.Form.Get("VoiceApplicationSid") != "":
		n.TrunkSID = ""
	}
	return http.StatusOK, c.shown(*n), nil
}

func (c *Carrier) numberBySID(sid string) *number {
	for _, n := range c.numbers {
		if n.SID == sid {
			return n
		}
	}
	return nil
}

func isWebURL(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
