package subject

import (
	"math/rand"
	"regexp"
	"strings"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/call"
)

func TestSubjects(t *testing.T) {
	for want, got := range map[string]string{
		"trunkline.evt.acme.c1.call.answered":             Event("acme", "c1", "call.answered", ""),
		"trunkline.evt.acme.c1.dtmf.received.s1-4":        Event("acme", "c1", "dtmf.received", "s1-4"),
		"trunkline.evt.acme.c1.>":                         Events("acme", "c1"),
		"trunkline.evt.acme.*.>":                          Events("acme", ""),
		"trunkline.evt.*.*.>":                             Events("", ""),
		"trunkline.evt.>":                                 AllEvents,
		"trunkline.cmd.acme.c1.call.dial":                 Command("acme", "c1", "call.dial"),
		"trunkline.cmd.*.*.call.dial":                     Commands("call.dial"),
		"trunkline.cmd.*.*.media.*":                       CommandsOfNoun("media"),
		"trunkline.dead.commands.cmd.acme.c1.call.dial":   Dead(StreamCommands, Command("acme", "c1", "call.dial")),
		"trunkline.dead.events.evt.acme.c1.call.answered": Dead(StreamEvents, Event("acme", "c1", "call.answered", "")),
		"trunkline.dead.webhook.acme.main":                DeadWebhook("acme", "main"),
		"trunkline.dead.>":                                AllDead,
		"trunkline.agent.acme.support-line.offer":         Offer("acme", "support-line"),
		"trunkline.media.acme.c1.caller.audio":            CallerAudio("acme", "c1"),
		"trunkline.media.acme.c1.caller.signal":           CallerSignal("acme", "c1"),
		"trunkline.media.acme.c1.caller.*":                Caller("acme", "c1"),
		"trunkline.media.acme.c1.agent.audio":             AgentAudio("acme", "c1"),
		"trunkline.media.acme.c1.agent.control":           AgentControl("acme", "c1"),
		"trunkline.media.acme.c1.agent.*":                 Agent("acme", "c1"),
		"trunkline.svc.registry.trunk.list":               Service("registry", "trunk", "list"),
		"acme.main":                                       TrunkKey("acme", "main"),
		"acme.support-line":                               ApplicationKey("acme", "support-line"),
		"acme.main.14155550100":                           NumberKey("acme", "main", "14155550100"),
		"acme.main.x5coi0a1k64qii81l6kqiqc1h60o0":         NumberKey("acme", "main", "+1 (415) 555-0100"),
		"acme.main.x58":                                   NumberKey("acme", "main", "*"),
		"acme.c1":                                         LiveKey("acme", "c1"),
		call.InboundID("acme", "main", "1795342530.42"):   LegKey("acme", "main", "1795342530.42"),
	} {
		if got != want {
			t.Errorf("subject %s, want %s", got, want)
		}
	}
	want := []string{"trunkline.evt.acme.*.dtmf.received", "trunkline.evt.acme.*.dtmf.received.*"}
	if diff := cmp.Diff(want, EventsOfType("acme", "", "dtmf.received")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseEvent(t *testing.T) {
	for _, c := range [][4]string{
		{"acme", "c1", "call.answered", ""},
		{"default", "in20ltnlpudcd22g3bgcoh9r9g", "dtmf.received", "s1-4"},
		{"a", "b", "call.dialing", "1"},
	} {
		org, callID, typ, key, err := ParseEvent(Event(c[0], c[1], c[2], c[3]))
		if got := [4]string{org, callID, typ, key}; err != nil || got != c {
			t.Errorf("%v comes back as %v, %v", c, got, err)
		}
	}
	for _, s := range []string{"", "trunkline.evt.", "trunkline.evt.acme.c1.call", "trunkline.evt.acme.c1.call.ended.k.more",
		"trunkline.cmd.acme.c1.call.dial", "x.trunkline.evt.acme.c1.call.ended", "trunkline.evt.acme..call.ended",
		"trunkline.evt.acme.c1.call.ended."} {
		if _, _, _, _, err := ParseEvent(s); err == nil || !strings.Contains(err.Error(), "want trunkline.evt.<org>") {
			t.Errorf("%q: error %v", s, err)
		}
	}
}

func TestParseCommand(t *testing.T) {
	org, callID, typ, err := ParseCommand(Command("acme", "c1", "call.dial"))
	if err != nil || org != "acme" || callID != "c1" || typ != "call.dial" {
		t.Errorf("comes back as %s %s %s, %v", org, callID, typ, err)
	}
	for _, s := range []string{"", "trunkline.cmd.", "trunkline.cmd.acme.c1.call", "trunkline.cmd.acme.c1.call.dial.now",
		"trunkline.evt.acme.c1.call.ended", "trunkline.cmd.acme..call.dial"} {
		if _, _, _, err := ParseCommand(s); err == nil || !strings.Contains(err.Error(), "want trunkline.cmd.<org>") {
			t.Errorf("%q: error %v", s, err)
		}
	}
}

func TestToken(t *testing.T) {
	for text, want := range map[string]string{
		"CA7c1f0e8ab2d94f5e83c6a1d2b0e97f46":   "CA7c1f0e8ab2d94f5e83c6a1d2b0e97f46",
		"6e3a0b1c-2d4e-4f60-8172-93a4b5c6d7e8": "6e3a0b1c-2d4e-4f60-8172-93a4b5c6d7e8",
		strings.Repeat("a", call.MaxID):        strings.Repeat("a", call.MaxID),
		"":                                     "x",
		"x":                                    "xf0",
		"x58":                                  "xf0qjg",
		"ax":                                   "ax",
		"*":                                    "x58",
		"-":                                    "x5k",
		"é":                                    "xoekg",
		"1795342530.42":                        "x64rjid9j6gp3acpg5oq34",
	} {
		if got := Token(text); got != want {
			t.Errorf("Token(%q) is %s, want %s", text, got, want)
		}
	}
}

// carrierID makes texts of the kinds that carriers use as ids, and worse.
func carrierID(r *rand.Rand) string {
	alphabets := []string{"0123456789abcdefABCDEF-", "+0123456789", "sip:user@example.com;x=1.*> \t\r\n", "aé😀\x00\xff.", "v3:-_~/="}
	alphabet := alphabets[r.Intn(len(alphabets))]
	b := make([]byte, r.Intn(140))
	for i := range b {
		b[i] = alphabet[r.Intn(len(alphabet))]
	}
	return string(b)
}

// validKey is what NATS takes as the key of a bucket.
var validKey = regexp.MustCompile(`^[-/_=a-zA-Z0-9]+(\.[-/_=a-zA-Z0-9]+)*$`)

func TestNoCarrierIDMakesAnInvalidSubjectOrKey(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	check := func(text string) bool {
		token := Token(text)
		org, callID, typ, key, err := ParseEvent(Event("acme", inboundOf(text), "dtmf.received", token))
		return call.ValidID(token) && token == Token(text) &&
			err == nil && org == "acme" && callID == inboundOf(text) && typ == "dtmf.received" && key == token &&
			validKey.MatchString(NumberKey("acme", "main", text)) && validKey.MatchString(LegKey("acme", "main", text))
	}
	for range 20_000 {
		if text := carrierID(r); !check(text) {
			t.Fatalf("%q makes the token %q", text, Token(text))
		}
	}
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
}

// inboundOf is the call id of an inbound leg.
func inboundOf(leg string) string { return call.InboundID("acme", "main", leg) }

func TestTokensTellTextsApart(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	texts := map[string]string{}
	for range 20_000 {
		text := carrierID(r)
		if other, taken := texts[Token(text)]; taken && other != text {
			t.Fatalf("%q and %q make the token %s", text, other, Token(text))
		}
		texts[Token(text)] = text
	}
}
