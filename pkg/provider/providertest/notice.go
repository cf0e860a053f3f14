package providertest

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// readings are the keys of expect that have a field in the notice. They are
// always compared: a field that is missing is a failure.
var readings = map[string]func(*provider.Notice) any{
	"kind":            func(n *provider.Notice) any { return string(n.Kind) },
	"account_id":      func(n *provider.Notice) any { return n.AccountID },
	"call_id":         func(n *provider.Notice) any { return n.LegID },
	"leg_id":          func(n *provider.Notice) any { return n.StableID },
	"stable_id":       func(n *provider.Notice) any { return n.StableID },
	"session_id":      func(n *provider.Notice) any { return n.SessionID },
	"child_call_id":   func(n *provider.Notice) any { return n.ChildLeg },
	"request_id":      func(n *provider.Notice) any { return n.RequestID },
	"event_id":        func(n *provider.Notice) any { return n.EventID },
	"sequence":        func(n *provider.Notice) any { return n.Sequence },
	"occurred_at":     func(n *provider.Notice) any { return n.Time },
	"direction":       func(n *provider.Notice) any { return string(n.Direction) },
	"from":            func(n *provider.Notice) any { return n.From },
	"to":              func(n *provider.Notice) any { return n.To },
	"anonymous":       func(n *provider.Notice) any { return n.Anonymous },
	"caller_name":     func(n *provider.Notice) any { return n.CallerName },
	"forwarded_from":  func(n *provider.Notice) any { return n.ForwardedFrom },
	"status":          func(n *provider.Notice) any { return string(n.Status) },
	"raw_status":      func(n *provider.Notice) any { return n.RawStatus },
	"terminal":        func(n *provider.Notice) any { return n.Terminal() },
	"sip_code":        func(n *provider.Notice) any { return n.SIPCode },
	"duration_s":      func(n *provider.Notice) any { return n.Seconds },
	"answered_by":     func(n *provider.Notice) any { return string(n.AnsweredBy) },
	"raw_answered_by": func(n *provider.Notice) any { return n.Verdict },
	"detection_ms":    func(n *provider.Notice) any { return n.DetectionMS },
	"digit":           func(n *provider.Notice) any { return n.Digit },
	"digits":          func(n *provider.Notice) any { return n.Digit },
	"stream_id":       func(n *provider.Notice) any { return n.StreamID },
	"stream_event":    func(n *provider.Notice) any { return n.StreamEvent },
	"error":           func(n *provider.Notice) any { return n.Error },
	"recording_id":    func(n *provider.Notice) any { return n.RecordingID },
	"recording_url":   func(n *provider.Notice) any { return n.RecordingURL },
	"custom":          func(n *provider.Notice) any { return n.Variables },
	"custom_headers":  func(n *provider.Notice) any { return n.Variables },
	"sip_headers":     func(n *provider.Notice) any { return n.Variables },
}

// alternates are fields of the notice that may hold what a key means where
// Detail does not.
var alternates = map[string]func(*provider.Notice) []string{
	"reason":          func(n *provider.Notice) []string { return []string{n.Code, n.Error} },
	"fallback_reason": func(n *provider.Notice) []string { return []string{n.Error} },
	"hangup_cause":    func(n *provider.Notice) []string { return []string{n.Code} },
	"hangup_code":     func(n *provider.Notice) []string { return []string{n.Code} },
	"region_url":      func(n *provider.Notice) []string { return []string{n.Ref} },
	"client_state":    func(n *provider.Notice) []string { return []string{n.CallID} },
}

// compareNotice compares every key of a webhook's expect.
func (s *sheet) compareNotice(c Case, n *provider.Notice) (o outcome) {
	expect := c.expect()
	for _, key := range sortedKeys(expect) {
		want := expect[key]
		read, ok := s.adapter.Notice[key]
		if !ok {
			read, ok = readings[key]
		}
		switch {
		case key == "accept" || key == "config":
		case key == "from" && withheld(want, n):
		case ok:
			o.compare(key, want, read(n))
		case key == "carrier":
			o.compare(key, want, s.spec.Name)
		case key == "cost":
			o.compareCost(want, n)
		case key == "duplicate" || key == "duplicate_of":
			o.join(s.compareDuplicate(c, n, want))
		case key == "ignored_because":
			o.compareStale(c, n)
		default:
			o.compareDetail(key, want, n)
		}
	}
	known, _ := c.Value("context").(map[string]any)
	for _, key := range sortedKeys(known) {
		if !contextKeys[key] {
			o.skip("context." + key)
		}
	}
	return o
}

// compare one value of expect with what there is.
func (o *outcome) compare(key string, want, got any) {
	if !equal(key, want, got) {
		o.addf("%s is %s, want %s", key, show(got), show(want))
	}
}

// withheld reports that a file names a hidden caller by the carrier's word, and
// the notice by having no number.
func withheld(want any, n *provider.Notice) bool {
	word := scalar(want)
	return n.Anonymous && n.From == "" && word != "" && (word == anonymousNumber || !strings.ContainsAny(word, "0123456789"))
}

// anonymousNumber is "anonymous" on the letters of a telephone's keys, the
// number that carriers show for withheld ones.
const anonymousNumber = "+266696687"

// equal compares a JSON value with a value of ours. null stands for a zero one.
func equal(key string, want, got any) bool {
	switch got := got.(type) {
	case string:
		if key == "status" {
			return string(statusOf(want)) == got
		}
		return scalar(want) == got && single(want)
	case bool:
		return want == got || want == nil && !got
	case int:
		return scalar(want) == strconv.Itoa(got) || want == nil && got == 0
	case *int:
		if got == nil {
			return want == nil
		}
		return scalar(want) == strconv.Itoa(*got)
	case time.Time:
		at, err := time.Parse(time.RFC3339Nano, scalar(want))
		return err == nil && at.Equal(got) || want == nil && got.IsZero()
	case map[string]string:
		object, ok := want.(map[string]any)
		return (ok || want == nil) && cmp.Equal(folded(texts(object)), folded(got))
	}
	return false
}

// single reports that v is no list and no object.
func single(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return false
	}
	return true
}

// folded lower-cases the keys: they are names of headers, on whose case
// carriers and proxies do not agree.
func folded(m map[string]string) map[string]string {
	low := make(map[string]string, len(m))
	for k, v := range m {
		low[strings.ToLower(k)] = v
	}
	return low
}

// show writes a value for people.
func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// compareCost compares an amount, or an object of amounts. Of an object the
// amount and currency are the notice's; its other members stand in Detail as
// cost_<member>, or <member>.
func (o *outcome) compareCost(want any, n *provider.Notice) {
	object, isObject := want.(map[string]any)
	switch {
	case want == nil && n.Cost != nil:
		o.addf("cost is %s, want none", show(n.Cost))
	case want == nil:
	case n.Cost == nil:
		o.addf("cost is missing, want %s", show(want))
	case !isObject:
		o.decimal("cost", want, n.Cost.Amount)
	default:
		o.compareAmounts(object, n)
	}
}

func (o *outcome) compareAmounts(object map[string]any, n *provider.Notice) {
	found := false
	for _, key := range sortedKeys(object) {
		want := object[key]
		switch key {
		case "amount":
			o.decimal("cost.amount", want, n.Cost.Amount)
		case "currency":
			o.compare("cost.currency", want, n.Cost.Currency)
		default:
			found = found || sameDecimal(scalar(want), n.Cost.Amount)
			detail, ok := n.Detail["cost_"+key]
			if !ok {
				detail, ok = n.Detail[key]
			}
			if ok {
				o.decimal("cost."+key, want, detail)
			} else {
				o.skip("cost." + key)
			}
		}
	}
	if _, ok := object["amount"]; !ok && !found {
		o.addf("cost.amount is %s, want one of %s", n.Cost.Amount, show(object))
	}
}

func (o *outcome) decimal(key string, want any, got string) {
	if !sameDecimal(scalar(want), got) {
		o.addf("%s is %q, want %s", key, got, show(want))
	}
}

// sameDecimal compares exact decimals: 1.30 is 1.3.
func sameDecimal(a, b string) bool {
	x, ok := new(big.Rat).SetString(a)
	y, fine := new(big.Rat).SetString(b)
	return ok && fine && x.Cmp(y) == 0
}

// compareDetail compares a key that has no field of its own. Without a value
// to compare with it is left over, unless it must be absent.
func (o *outcome) compareDetail(key string, want any, n *provider.Notice) {
	if want == nil {
		o.compare(key, nil, n.Detail[key])
		return
	}
	if !single(want) {
		o.skip(key)
		return
	}
	candidates := []string{n.Detail[key]}
	if more := alternates[key]; more != nil {
		candidates = append(candidates, more(n)...)
	}
	compared := ""
	for _, got := range candidates {
		if got == "" || numeric(got) != numeric(scalar(want)) {
			continue
		}
		if got == scalar(want) {
			return
		}
		compared = got
	}
	if compared == "" {
		o.skip(key)
		return
	}
	o.addf("%s is %q, want %s", key, compared, show(want))
}

// numeric tells a carrier's cause number from its cause word: a notice keeps
// one of them.
func numeric(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// compareDuplicate holds that a repeated callback makes the same facts as the
// one before it, which the event log then refuses.
func (s *sheet) compareDuplicate(c Case, n *provider.Notice, want any) (o outcome) {
	for _, other := range s.cases[sectionWebhooks] {
		if other.Name == c.Name || want != true && other.Name != scalar(want) {
			continue
		}
		before, err, failed := s.receive(other)
		if err == nil && failed == nil && identity(&before) == identity(n) {
			return o
		}
	}
	o.addf("is a duplicate, and no other case makes the same notice: %+v", identity(n))
	return o
}

// facts is what subjects of the facts of a notice are made of.
type facts struct {
	kind                                   provider.NoticeKind
	leg, event, digit, stream, streamEvent string
	status                                 call.Status
}

func identity(n *provider.Notice) facts {
	return facts{n.Kind, n.Identity(), n.EventID, n.Digit, n.StreamID, n.StreamEvent, n.Status}
}

// compareStale holds that a late callback moves nothing.
func (o *outcome) compareStale(c Case, n *provider.Notice) {
	past := history(c)().Status
	if past == "" {
		o.skip("ignored_because")
		return
	}
	if past.Advances(n.Status) {
		o.addf("must not move a call that is %s, and says %s", past, n.Status)
	}
}
