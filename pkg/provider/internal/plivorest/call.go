package plivorest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// dial is the body that places a call.
type dial struct {
	From          string `json:"from"`
	To            string `json:"to"`
	AnswerURL     string `json:"answer_url"`
	AnswerMethod  string `json:"answer_method"`
	RingURL       string `json:"ring_url"`
	RingMethod    string `json:"ring_method"`
	HangupURL     string `json:"hangup_url"` // the answer URL would be told the end, too
	HangupMethod  string `json:"hangup_method"`
	RingTimeout   int    `json:"ring_timeout"`
	TimeLimit     int    `json:"time_limit,omitempty"`
	SendDigits    string `json:"send_digits,omitempty"`
	Machine       string `json:"machine_detection,omitempty"`
	MachineURL    string `json:"machine_detection_url,omitempty"`
	MachineMethod string `json:"machine_detection_method,omitempty"`
}

// Dial places a call. The carrier answers with the name of the request, under
// which the leg is known until a webhook tells its own name: mostly, but not
// by promise, the same.
func (a *API) Dial(ctx context.Context, req provider.DialRequest) (provider.DialResult, error) {
	body := dial{
		From: req.From, To: req.To,
		AnswerURL: req.URL(provider.HookAnswer), AnswerMethod: http.MethodPost,
		RingURL: req.URL(provider.HookRing), RingMethod: http.MethodPost,
		HangupURL: req.URL(provider.HookHangup), HangupMethod: http.MethodPost,
		RingTimeout: req.RingSeconds, TimeLimit: req.LimitSeconds, SendDigits: req.SendDigits,
	}
	switch {
	case strings.Contains(req.To, "<"): // it would ring several phones
		return provider.DialResult{}, provider.Errorf(provider.KindInvalid, "to: want one number or SIP URI")
	case req.AMD == command.AMDWait:
		return provider.DialResult{}, provider.Errorf(provider.KindUnsupported, "%s does not wait for the end of a greeting: use amd detect", a.Carrier)
	case req.AMD == command.AMDDetect: // with an address of its own the call goes on meanwhile
		body.Machine, body.MachineURL, body.MachineMethod = "true", req.URL(provider.HookAMD), http.MethodPost
	}
	var made struct {
		RequestUUID json.RawMessage `json:"request_uuid"`
		CallUUID    string          `json:"call_uuid"`
	}
	if err := a.Post(ctx, "/Call/", body, false, &made); err != nil {
		return provider.DialResult{}, err
	}
	ref := one(made.RequestUUID)
	if ref == "" {
		ref = made.CallUUID
	}
	if ref == "" {
		return provider.DialResult{}, provider.Errorf(provider.KindUncertain, "reply names no call")
	}
	return provider.DialResult{LegID: made.CallUUID, Ref: ref}, nil
}

// one reads a text, or a list of one.
func one(doc json.RawMessage) (s string) {
	var list []string
	if json.Unmarshal(doc, &s) != nil && json.Unmarshal(doc, &list) == nil && len(list) == 1 {
		s = list[0]
	}
	return s
}

// CallPath is the path of a leg.
func CallPath(leg provider.Leg) (string, error) {
	id := leg.ID
	if id == "" {
		id = leg.Ref
	}
	if id == "" {
		return "", provider.Errorf(provider.KindInvalid, "leg has no id")
	}
	return "/Call/" + url.PathEscape(id) + "/", nil
}

// Transfer gives a live leg another instruction. The carrier takes none but
// fetches it: from where the instruction says, or from Trunkline, which finds
// the instruction in the address; see Next.
func (a *API) Transfer(ctx context.Context, leg provider.Leg, in call.Instruction) error {
	path, err := CallPath(leg)
	if err != nil {
		return err
	}
	if err := in.Validate(); err != nil {
		return &provider.Error{Kind: provider.KindInvalid, Err: err}
	}
	address, err := a.address(leg, in)
	if err != nil {
		return err
	}
	return a.Post(ctx, path, map[string]string{"legs": "aleg", "aleg_url": address, "aleg_method": http.MethodPost}, false, nil)
}

const (
	nextField  = "next"
	maxAddress = 2000 // bytes; the carriers tell no limit
)

func (a *API) address(leg provider.Leg, in call.Instruction) (string, error) {
	if len(in.Steps) == 1 && in.Steps[0].Redirect != nil {
		return in.Steps[0].Redirect.URL, nil
	}
	if leg.URL == nil {
		return "", provider.Errorf(provider.KindUnsupported, "%s fetches an instruction from an address, and none can be made here", a.Carrier)
	}
	doc, err := json.Marshal(in)
	if err != nil {
		return "", &provider.Error{Kind: provider.KindInternal, Err: err}
	}
	address := leg.URL(provider.HookAnswer) + "?" + nextField + "=" + base64.RawURLEncoding.EncodeToString(doc)
	if len(address) > maxAddress {
		return "", provider.Errorf(provider.KindInvalid, "instruction is too long for an address: %d bytes of %d", len(address), maxAddress)
	}
	return address, nil
}

var nextParam = regexp.MustCompile(`(?:^|&)` + nextField + `=([A-Za-z0-9_-]+)`)

// Next reads the instruction that Transfer put into an address, nil where there
// is none. Whoever makes one up only hears it himself.
func Next(query string) (*call.Instruction, error) {
	found := nextParam.FindStringSubmatch(query)
	if found == nil {
		return nil, nil
	}
	var in call.Instruction
	doc, err := base64.RawURLEncoding.DecodeString(found[1])
	if err == nil {
		err = json.Unmarshal(doc, &in)
	}
	if err == nil {
		err = in.Validate()
	}
	if err != nil {
		return nil, provider.Errorf(provider.KindInvalid, "instruction in the address: %v", err)
	}
	return &in, nil
}

// SendDTMF presses keys towards the other side.
func (a *API) SendDTMF(ctx context.Context, leg provider.Leg, digits string) error {
	path, err := CallPath(leg)
	if err != nil {
		return err
	}
	return a.Post(ctx, path+"DTMF/", map[string]string{"digits": digits, "leg": "aleg"}, false, nil)
}
