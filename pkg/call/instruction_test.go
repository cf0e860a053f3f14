package call

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// steps holds one good step for each verb, by its JSON name.
var steps = map[string]Step{
	"say":         {Say: &Say{Text: "hello"}},
	"play":        {Play: &Play{URL: "https://example.com/a.mp3"}},
	"pause":       {Pause: &Pause{Seconds: 1}},
	"send_digits": {SendDigits: &SendDigits{Digits: "1w#*D"}},
	"stream":      {Stream: &Stream{URL: "wss://example.com/v1/media/x", StreamID: "s1"}},
	"dial":        {Dial: &Dial{Targets: []string{"+14155550142"}}},
	"conference":  {Conference: &Conference{Name: "room"}},
	"redirect":    {Redirect: &Redirect{URL: "https://example.com/next"}},
	"reject":      {Reject: &Reject{}},
	"hangup":      {Hangup: &Hangup{}},
}

func TestEveryVerb(t *testing.T) {
	typ := reflect.TypeFor[Step]()
	if typ.NumField() != len(steps) {
		t.Fatalf("Step has %d verbs, this test %d", typ.NumField(), len(steps))
	}
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		s, ok := steps[name]
		if !ok {
			t.Fatalf("no step %s in this test", name)
		}
		if s.Verb() != name {
			t.Errorf("verb %q, want %q", s.Verb(), name)
		}
		if err := (Instruction{Steps: []Step{s}}).Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInstructionsThatAreWrong(t *testing.T) {
	for want, s := range map[string]Step{
		"step 2: has 0 verbs, want exactly one":                        {},
		"step 2: has 2 verbs, want exactly one":                        {Hangup: &Hangup{}, Reject: &Reject{}},
		"step 2: say: text is empty":                                   {Say: &Say{Language: "en"}},
		`step 2: play: url "" is not absolute`:                         {Play: &Play{}},
		`step 2: play: url "/a.mp3" is not absolute`:                   {Play: &Play{URL: "/a.mp3"}},
		"step 2: play: loop is below zero":                             {Play: &Play{URL: "https://h/a", Loop: -1}},
		"step 2: pause: seconds must be above zero":                    {Pause: &Pause{}},
		`step 2: send_digits: digits "": want 0-9 * # A-D w`:           {SendDigits: &SendDigits{}},
		`step 2: send_digits: digits "1,2": want 0-9 * # A-D w`:        {SendDigits: &SendDigits{Digits: "1,2"}},
		`step 2: stream: url "wss:///x" is not absolute`:               {Stream: &Stream{URL: "wss:///x"}},
		"step 2: dial: targets are empty":                              {Dial: &Dial{}},
		"step 2: dial: ring_seconds or limit_seconds is below zero":    {Dial: &Dial{Targets: []string{"+1"}, RingSeconds: -1}},
		"step 2: conference: name is empty":                            {Conference: &Conference{}},
		`step 2: redirect: url "http://a b/" is not absolute`:          {Redirect: &Redirect{URL: "http://a b/"}},
		`step 2: redirect: url "mailto:e@example.com" is not absolute`: {Redirect: &Redirect{URL: "mailto:e@example.com"}},
	} {
		err := Instruction{Steps: []Step{{Hangup: &Hangup{}}, s}}.Validate()
		if err == nil || err.Error() != want {
			t.Errorf("error %v\n want %s", err, want)
		}
	}
	if err := (Instruction{}).Validate(); err == nil || err.Error() != "instruction has no steps" {
		t.Errorf("error %v", err)
	}
	oneEmpty := Instruction{Steps: []Step{{Dial: &Dial{Targets: []string{"+1", ""}}}}}
	if err := oneEmpty.Validate(); err == nil {
		t.Error("an empty target is taken")
	}
}

func TestFallback(t *testing.T) {
	needs := map[string]bool{"stream": true, "conference": true, "redirect": true}
	for name, s := range steps {
		in := Instruction{Steps: []Step{{Say: &Say{Text: "hello"}}, s}}
		if got := in.Fallback(); got == needs[name] {
			t.Errorf("%s may be a fallback: %t", name, got)
		}
	}
}

func TestSpoken(t *testing.T) {
	in := Spoken("goodbye")
	if err := in.Validate(); err != nil || !in.Fallback() {
		t.Errorf("%v, a fallback: %t", err, in.Fallback())
	}
	if len(in.Steps) != 2 || in.Steps[0].Say.Text != "goodbye" || in.Steps[1].Verb() != "hangup" {
		t.Errorf("steps %+v", in.Steps)
	}
}

func TestValidDigits(t *testing.T) {
	for digits, want := range map[string]bool{"0123456789*#ABCDw": true, "5": true, "": false, "a": false, "W": false,
		"1 2": false, "1,2": false, "E": false, "1é2": false, "1\n": false} {
		if got := ValidDigits(digits); got != want {
			t.Errorf("ValidDigits(%q) is %t", digits, got)
		}
	}
}

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]int{0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, 90 * time.Second: 90} {
		if got := Seconds(d); got != want {
			t.Errorf("Seconds(%v) is %d, want %d", d, got, want)
		}
	}
}
