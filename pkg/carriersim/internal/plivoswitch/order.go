package plivoswitch

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

const (
	ringLimit    = 120   // seconds, of a call without ring_timeout
	talkLimit    = 14400 // and without time_limit
	longest      = 86400 // of either
	maxTo        = 1000  // destinations of one request
	maxName      = 50    // characters of caller_name
	detectHangup = "hangup"
)

// orderParams are the parameters that a dial may have. What is not simulated of
// them is accepted: asynchronous replies, pre-answer digits.
var orderParams = strings.Fields(`from to answer_url answer_method ring_url ring_method hangup_url hangup_method fallback_url fallback_method
	caller_name send_digits send_on_preanswer time_limit hangup_on_ring ring_timeout machine_detection machine_detection_time
	machine_detection_url machine_detection_method machine_detection_maximum_speech_length machine_detection_initial_silence
	machine_detection_maximum_words machine_detection_initial_greeting sip_headers parent_call_uuid error_if_parent_not_found
	callback_url callback_method`)

var (
	phone    = regexp.MustCompile(`^\+?[0-9]{7,15}$`)
	sipURI   = regexp.MustCompile(`^sip:[^@\s]+@\S+$`)
	sendable = regexp.MustCompile(`^[0-9*#A-DwW,@]*$`)
)

// order is what the gateway asked for when it made a call.
type order struct {
	from, to     string // as the gateway wrote them
	answer       source
	ring, hangup hook
	ringTimeout  time.Duration
	hangupOnRing time.Duration // 0 is never
	limit        time.Duration // of talking, 0 is none
	digits       string        // pressed after the answer
	headers      string        // k=v,k2=v2
	detection    string        // "true", detectHangup or none
	detectTo     hook
	parent       string
	unknown      []string // parameters
}

// placeCall makes a call for each destination.
func (s *Switch) placeCall(r *http.Request) (int, Doc, error) {
	p, err := readParams(r)
	if err != nil {
		return 0, nil, err
	}
	o, err := s.readOrder(p)
	if err != nil {
		return 0, nil, err
	}
	to := strings.Split(p["to"], "<")
	if len(to) > maxTo {
		return 0, nil, invalid("to has %d destinations", len(to))
	}
	for _, number := range to {
		if !phone.MatchString(number) && !sipURI.MatchString(number) {
			return 0, nil, invalid("to %q is not a valid number or SIP address", number)
		}
	}
	if err := s.api.Admit(time.Now()); err != nil {
		return 0, nil, err
	}
	var ids []string
	for _, number := range to {
		o.to = number
		c, err := s.newSession(carriersim.Spec{
			Parent: o.parent, Direction: call.Outbound, From: s.m.Written(o.from), To: s.m.Written(number),
			Person: s.PersonAt(bare(number)), Status: statusQueued,
		}, o)
		if err != nil {
			return 0, nil, err
		}
		for _, name := range o.unknown {
			c.Warn("unknown parameter %s", name)
		}
		ids = append(ids, c.ID())
		s.Go(func(context.Context) { c.place() })
	}
	doc := Doc{"message": s.api.Fired, "request_uuid": ids[0]}
	if len(ids) > 1 {
		doc["request_uuid"] = ids
	}
	return s.api.Placed, doc, nil
}

// readOrder checks the parameters of a new call.
func (s *Switch) readOrder(p params) (o order, err error) {
	o = order{from: p["from"], digits: p["send_digits"], headers: p["sip_headers"], detection: p["machine_detection"]}
	for _, name := range []string{"from", "to", "answer_url"} {
		if p[name] == "" {
			return o, invalid("%s is mandatory", name)
		}
	}
	if _, ours := s.Find(o.from); !ours && !sipURI.MatchString(o.from) {
		return o, invalid("from %q is not a number of this account", o.from)
	}
	if s.m.NeedsAnswerMethod && p["answer_method"] == "" {
		return o, invalid("answer_method is mandatory")
	}
	if len([]rune(p["caller_name"])) > maxName {
		return o, invalid("caller_name is longer than %d characters", maxName)
	}
	if !sendable.MatchString(o.digits) {
		return o, invalid("send_digits %q", o.digits)
	}
	for name := range p {
		if !slices.Contains(orderParams, name) {
			o.unknown = append(o.unknown, name)
		}
	}
	if o.parent, err = s.readParent(p); err != nil {
		return o, err
	}
	if err := o.readHooks(p); err != nil {
		return o, err
	}
	if err := o.readLimits(p); err != nil {
		return o, err
	}
	if s.m.IgnoresRingTimeout {
		o.ringTimeout = ringLimit * time.Second
	}
	return o, o.readDetection(p)
}

func (s *Switch) readParent(p params) (string, error) {
	s.mu.Lock()
	parent := s.byID[p["parent_call_uuid"]]
	s.mu.Unlock()
	if parent != nil && parent.live() {
		return parent.ID(), nil
	}
	if p["parent_call_uuid"] != "" && p["error_if_parent_not_found"] == "true" {
		return "", invalid("parent_call_uuid names no live call")
	}
	return "", nil
}

// readHooks reads the URLs. Without one of its own the end goes to the answer URL.
func (o *order) readHooks(p params) (err error) {
	o.answer = source{kind: carriersim.KindAnswer, event: "StartApp"}
	for name, h := range map[string]*hook{
		"answer": &o.answer.hook, "fallback": &o.answer.fallback, "ring": &o.ring, "hangup": &o.hangup, "machine_detection": &o.detectTo,
	} {
		if *h, err = p.hook(name+"_url", name+"_method"); err != nil {
			return err
		}
	}
	o.hangup = o.hangup.or(o.answer.hook)
	return nil
}

func (o *order) readLimits(p params) error {
	for name, limit := range map[string]struct {
		fallback int
		to       *time.Duration
	}{
		"ring_timeout": {ringLimit, &o.ringTimeout}, "hangup_on_ring": {0, &o.hangupOnRing}, "time_limit": {talkLimit, &o.limit},
	} {
		n, err := p.number(name, limit.fallback, 1, longest)
		if err != nil {
			return err
		}
		*limit.to = time.Duration(n) * time.Second
	}
	return nil
}

func (o *order) readDetection(p params) error {
	switch o.detection {
	case "", "true", detectHangup:
	case "false":
		o.detection = ""
	default:
		return invalid("machine_detection must be true or hangup")
	}
	for name, limits := range map[string][2]int{
		"time": {2000, 10000}, "maximum_speech_length": {1000, 6000}, "initial_silence": {2000, 10000},
		"maximum_words": {2, 10}, "initial_greeting": {1000, 5000},
	} {
		if _, err := p.number("machine_detection_"+name, limits[0], limits[0], limits[1]); err != nil {
			return err
		}
	}
	return nil
}
