package ari

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/providertest"
)

const (
	testPassword = "pbx-password-0123456789"
	testCaller   = "pbx-1795367066.4"
)

func values(more ...any) map[string]any {
	v := map[string]any{
		fieldURL: "http://pbx.example:8088", fieldUsername: "trunkline", fieldPassword: testPassword,
		fieldApp: "trunkline", fieldDial: "PJSIP/{number}@loop",
	}
	for i := 0; i < len(more); i += 2 {
		v[more[i].(string)] = more[i+1]
	}
	return v
}

var suite = providertest.Suite{
	Provider: "ari",
	Config:   provider.Config{Values: values()},
	Opening:  []media.Message{startOf("tm-x", "ulaw", 160)},
	Dialed:   providertest.Reply{Body: `{"id":"x","state":"Down"}`},
	HungUp:   providertest.Reply{Status: 204},
	Ended:    []providertest.Reply{{Status: 404, Body: `{"message":"Channel not found"}`}},
}

func TestProvider(t *testing.T) { providertest.Run(t, suite) }

func FuzzCodec(f *testing.F) { providertest.FuzzCodec(f, suite) }

func FuzzEvent(f *testing.F) {
	for _, e := range vectors(f).Events {
		f.Add([]byte(e.JSON))
	}
	i := newIDs("trunkline")
	f.Fuzz(func(t *testing.T, doc []byte) {
		e, n, err := i.parse(doc)
		if err == nil && (e == nil || n.Kind == "") {
			t.Errorf("%s: no error and no notice", doc)
		}
	})
}

func TestFields(t *testing.T) {
	for name, change := range map[string][]any{
		"user in the address": {fieldURL, "http://a:b@pbx:8088"},
		"query":               {fieldURL, "http://pbx:8088/?api_key=a:b"},
		"no scheme":           {fieldURL, "pbx:8088"},
		"comma in the app":    {fieldApp, "a,b"},
		"long app":            {fieldApp, strings.Repeat("a", 74)},
		"no place":            {fieldDial, "PJSIP/carrier"},
		"two endpoints":       {fieldDial, "PJSIP/{number}@a&PJSIP/b"},
		"format":              {fieldFormat, "opus"},
		"direction":           {fieldDirection, "none"},
		"user with colon":     {fieldUsername, "a:b"},
	} {
		if err := spec.Validate(provider.Config{Values: values(change...)}); provider.KindOf(err) != provider.KindInvalid || err == nil {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
	if err := spec.Validate(provider.Config{Values: values(fieldDial, "Local/{digits}@out/n")}); err != nil {
		t.Error(err)
	}
}

func TestChecklist(t *testing.T) {
	blocking := func(v map[string]any) (n int) {
		for _, c := range checklist(provider.Config{Values: v}) {
			if c.Blocking {
				n++
			}
		}
		return n
	}
	known := func(version, module string, more ...any) map[string]any {
		return values(append([]any{fieldVersion, version, fieldModule, module, fieldDial, ""}, more...)...)
	}
	for name, test := range map[string]struct {
		values   map[string]any
		blocking int
		says     []string
	}{
		"empty":       {nil, 1, []string{"ari.conf", "20.18, 22.8 or 23.2"}},
		"not seen":    {values(), 0, []string{"nobody has done yet", "22.11", "Stasis(trunkline,inbound,${EXTEN})"}},
		"good":        {known("22.11.0", moduleLoaded), 0, []string{"100 is PJSIP/100"}},
		"crashes":     {known("22.10.1", moduleLoaded), 0, []string{"Upgrade Asterisk 22.10.1 to 22.11 or later"}},
		"old":         {known("20.7.0", moduleAbsent), 1, []string{"Asterisk 20.7.0", "upgrade to 20.21"}},
		"no module":   {known("22.11.0", moduleAbsent), 1, []string{"without chan_websocket"}},
		"module idle": {known("22.11.0", moduleIdle), 1, []string{"does not run"}},
		"one way":     {known("22.8.0", moduleLoaded, fieldDirection, onlyIn), 1, []string{"one-way"}},
		"client":      {values(fieldMediaMode, modeClient), 1, []string{"websocket_client.conf"}},
		"own build":   {known("GIT-master-abc", moduleLoaded), 0, nil},
	} {
		var all strings.Builder
		for _, c := range checklist(provider.Config{Values: test.values}) {
			all.WriteString(c.Text + "\n")
		}
		for _, says := range test.says {
			if !strings.Contains(all.String(), says) {
				t.Errorf("%s: no %q in\n%s", name, says, &all)
			}
		}
		if n := blocking(test.values); n != test.blocking {
			t.Errorf("%s: %d blocking lines, want %d in\n%s", name, n, test.blocking, &all)
		}
		if strings.Contains(all.String(), "pgrade") != (name == "crashes" || name == "old") {
			t.Errorf("%s: an upgrade is asked for, or is not, in\n%s", name, &all)
		}
	}
}

func TestAddresses(t *testing.T) {
	type addresses struct{ REST, Media string }
	for name, test := range map[string]struct {
		config provider.Config
		want   addresses
	}{
		"plain":     {provider.Config{Values: values()}, addresses{"http://pbx.example:8088/ari", "ws://pbx.example:8088"}},
		"secure":    {provider.Config{Values: values(fieldURL, "https://pbx:8089/pre/ari/")}, addresses{"https://pbx:8089/pre/ari", "wss://pbx:8089/pre"}},
		"elsewhere": {provider.Config{Values: values(fieldMediaURL, "wss://audio:9/media")}, addresses{"http://pbx.example:8088/ari", "wss://audio:9"}},
		"simulated": {provider.Config{Values: values(), APIURL: "http://127.0.0.1:9"}, addresses{"http://127.0.0.1:9/ari", "ws://127.0.0.1:9"}},
	} {
		d := open(test.config)
		if diff := cmp.Diff(test.want, addresses{d.rest.Base, d.media}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if d := open(provider.Config{Values: values()}); d.rest.HTTP != verified {
		t.Error("certificates are not verified though nobody switched it off")
	}
	if d := open(provider.Config{Values: values(fieldVerify, false)}); d.rest.HTTP != unverified {
		t.Error("certificates are verified though it is switched off")
	}
}

// Asterisk refuses an id that another living one begins with, without regard
// to case, and dies of some.
func TestIDsNeverCollide(t *testing.T) {
	i := newIDs("trunkline")
	var made []string
	for _, callID := range []string{"a", "A", "a-b", "01JABC", "01jabc", "01JABC-0123456789abcdef"} {
		for range 20 {
			made = append(made, i.newLeg(callID))
		}
	}
	for _, leg := range append([]string{"a", "a.1", testCaller}, made[:10]...) {
		id, ok := i.newMedia(leg)
		if !ok {
			t.Fatalf("%s has no media leg", leg)
		}
		made = append(made, id)
	}
	for a, x := range made {
		if len(x) > maxID {
			t.Errorf("%s is longer than %d", x, maxID)
		}
		for b, y := range made {
			if a != b && strings.HasPrefix(strings.ToLower(y), strings.ToLower(x)) {
				t.Errorf("%s is refused while %s lives", x, y)
			}
		}
	}
}

func TestIDsTell(t *testing.T) {
	i, other := newIDs("trunkline"), newIDs("elsewhere")
	for _, callID := range []string{"a", "01JABC", "a-b-c", strings.Repeat("x", 64), "a-0123456789abcdef"} {
		leg := i.newLeg(callID)
		if got, ok := i.callOf(leg); !ok || got != callID {
			t.Errorf("%s is of call %q, want %s", leg, got, callID)
		}
		id, ok := i.newMedia(leg)
		if caller, ours := i.callerOf(id); !ok || !ours || caller != leg {
			t.Errorf("%s is of caller %q, want %s", id, caller, leg)
		}
		if _, ours := other.callOf(leg); ours {
			t.Errorf("another application takes %s for its own", leg)
		}
		if _, ours := i.callOf(leg + ";2"); ours {
			t.Errorf("the other half of %s is taken for it", leg)
		}
	}
	for _, id := range []string{"", testCaller, "tl", i.leg, i.leg + "a", i.media, i.media + "x-y"} {
		_, leg := i.callOf(id)
		_, med := i.callerOf(id)
		if leg || med {
			t.Errorf("%q is taken for one of ours", id)
		}
	}
	if _, ok := i.newMedia(strings.Repeat("x", 140)); ok {
		t.Error("a media leg has an id that Asterisk refuses")
	}
}

func TestVersions(t *testing.T) {
	for version, want := range map[string][2]bool{ // enough, enough for one way
		"22.10.1": {true, true}, "22.8.0": {true, false}, "22.9.0": {true, true}, "22.7.0": {false, false},
		"20.18.0": {true, false}, "20.19.0-rc1": {true, true}, "20.7.2": {false, false}, "21.12.0": {false, false},
		"23.2.0": {true, false}, "23.3.0": {true, true}, "23.1.0": {false, false}, "18.9.0": {false, false},
		"24.0.0": {true, true}, "certified/20.7-cert3": {false, false}, "GIT-master-abc": {true, true}, "": {true, true},
	} {
		got := [2]bool{lacks(version, false) == "", lacks(version, true) == ""}
		if got != want {
			t.Errorf("%s: %v, want %v", version, got, want)
		}
	}
}

// A certificate that nobody vouches for is no passing trouble.
func TestCertificateOfOnesOwn(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	c := provider.Config{Values: values(fieldURL, s.URL)}
	if err := open(c).TestCredentials(ctx); provider.KindOf(err) != provider.KindInvalid || !strings.Contains(err.Error(), "tls_verify=false") {
		t.Errorf("%v, want what to do about it", err)
	}
	c.Values[fieldVerify] = false
	if err := open(c).TestCredentials(ctx); provider.KindOf(err) != provider.KindNotFound {
		t.Errorf("unverified: %v", err)
	}
}
