package providertest

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

var toyAdapter = Adapter{
	Config: func(c Case) provider.Config {
		config := provider.Config{Values: map[string]any{"account": "acme"}}
		if secret := c.String("secret"); secret != "" {
			config.Values["secret"] = secret
		}
		return config
	},
	Schemes: map[string]func(*provider.Request, provider.Config) error{
		"toy-word": func(req *provider.Request, c provider.Config) error {
			if req.Header.Get("X-Toy-Word") == c.String("secret") {
				return nil
			}
			return provider.Unauthenticated(provider.ErrSignature)
		},
	},
}

type object = map[string]any

const toySecret = "toy-webhook-secret-0001"

// headers signs a request and gives its header as vector files have it.
func headers(url, body string) object {
	req := &provider.Request{URL: url, Body: []byte(body)}
	toySign(req, toySecret, epoch)
	h := object{"Content-Type": "application/json"}
	for _, line := range req.Header {
		h[line.Name] = line.Value
	}
	return h
}

func signatureCase(name string, valid bool, change ...func(object)) object {
	const url, body = "https://hooks.trunkline.example/v1/toy/voice/status/01JABC", `{"leg":"leg-1","id":"e9"}`
	c := object{
		"name": name, "scheme": "toy", "url": url, "method": "POST", "headers": headers(url, body), "body": body,
		"secret": toySecret, "now": epoch.Unix(), "valid": valid,
	}
	for _, f := range change {
		f(c)
	}
	return c
}

func webhookCase(name, body string, expect object) object {
	const path = "/v1/toy/voice/status/01JABC"
	return object{
		"name": name, "method": "POST", "path": path, "headers": headers("https://hooks.trunkline.example"+path, body), "body": body,
		"expect": expect,
	}
}

const endBody = `{"account":"acme","leg":"leg-1","id":"e2","kind":"call_status","word":"none","from":"+14155550101","to":"+14155550177","time":"2026-01-01T00:00:30Z","price":"0.0200","fee":"0.001","custom":{"X-A":"b"},"colour":"blue"}`

func endExpect() object {
	return object{
		"accept": true, "carrier": "toy", "kind": "call_status", "account_id": "acme", "call_id": "leg-1", "event_id": "e2",
		"from": "+14155550101", "to": "+14155550177", "status": "no-answer", "raw_status": "none", "terminal": true,
		"occurred_at": "2026-01-01T00:00:30.000Z", "duration_s": 25, "cost": object{"amount": "0.02", "currency": "EUR", "fee": "0.001"},
		"custom": object{"x-a": "b"}, "colour": "blue", "caller_name": nil, "direction": nil, "note": "a remark",
	}
}

// audio is a frame of audio in base64.
func frameOf(b byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string([]byte{b}), 160)))
}

func mediaText(b byte) string {
	return `{"event":"media","media":{"payload":"` + frameOf(b) + `"}}`
}

const startText = `{"event":"start","stream":"s1","leg":"leg-1","format":"ulaw/8000"}`

func transcriptCase(name string, expect object, messages ...object) object {
	return object{"name": name, "direction": "both", "messages": messages, "expect": expect}
}

func from(who, text string) object { return object{"from": who, "text": text} }

func talk() []object {
	return []object{
		from("carrier", startText), from("carrier", mediaText(1)), from("server", mediaText(2)),
		{"from": "server", "text": `{"event":"mark","mark":{"name":"a"}}`, "command": object{"type": "mark", "name": "a"}},
		{"from": "server", "text": `{"event":"clear"}`, "command": object{"type": "clear"}},
		{"from": "engine", "command": object{"type": "audio", "payload_b64": frameOf(3)}, "text": nil},
		from("carrier", `{"event":"mark","mark":{"name":"a"}}`), from("carrier", `{"event":"cleared"}`),
		from("carrier", `{"event":"dtmf","digit":"5"}`), {"from": "carrier", "close": object{"code": 1000}},
	}
}

func talkExpect() object {
	return object{
		"stream_id": "s1", "call_id": "leg-1", "encoding": "audio/x-mulaw", "sample_rate": 8000, "channels": 1,
		"audio_bytes_in": 160, "audio_frames_in": 1, "audio_bytes_out": 160, "audio_bytes_in_by_track": object{"inbound": 160},
		"marks_dropped": []string{"a"}, "marks_played": []string{}, "marks_returned": []string{"a"}, "marks_pending_after_clear": 0,
		"cleared": 1, "clears_sent": 1, "dtmf": []string{"5"}, "ended_by": "close", "custom": object{}, "started": true,
		"pcm_s16le_sha256": "c6ef43ffccccd29dba2c04cec7e027fe4962f42afd763b4dadd9b0117b2037e4", "unheard_of": 1, "shade": nil,
	}
}

// toyFile is a vector file in which everything holds.
func toyFile() object {
	end := webhookCase("end", endBody, endExpect())
	end["context"] = object{"answered_at": "2026-01-01T00:00:05Z", "weather": "fine"}
	return object{
		"meta": object{"webhooks": object{"base_url": "https://hooks.trunkline.example", "secret": toySecret, "now": epoch.Unix()}},
		"signatures": []object{
			signatureCase("valid", true),
			signatureCase("seen", true, func(c object) { c["duplicate"], c["seen_event_ids"] = true, []string{"e9"} }),
			signatureCase("other-body", false, func(c object) { c["body"] = "{}" }),
			signatureCase("no-secret", false, func(c object) { c["secret"] = "" }),
			signatureCase("own-scheme", true, func(c object) { c["scheme"], c["headers"] = "toy-word", object{"X-Toy-Word": toySecret} }),
		},
		"webhooks": []object{
			end,
			webhookCase("again", endBody, object{"accept": true, "duplicate_of": "end"}),
			webhookCase("forged", strings.Replace(endBody, "leg-1", "", 1), object{"accept": false}),
		},
		"media": []object{
			transcriptCase("talk", talkExpect(), talk()...),
			transcriptCase("early", object{"error": true, "audio_bytes_in": 0}, from("carrier", mediaText(1))),
			transcriptCase("other-leg", object{"error": true, "expected_call_id": "leg-2"}, from("carrier", startText)),
		},
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	doc, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestVectors holds that the toy's own file passes, and what is said of it.
func TestVectors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "toy.json")
	if err := os.WriteFile(file, encode(t, toyFile()), 0o600); err != nil {
		t.Fatal(err)
	}
	RunVectors(t, file, map[string]Adapter{"toy": toyAdapter})
}

// TestVectorsOutput runs the test above in a process of its own, as people
// and scripts read what it prints.
func TestVectorsOutput(t *testing.T) {
	out, err := exec.Command(os.Args[0], "-test.run=^TestVectors$", "-test.v").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, line := range []string{
		`(?m)^ +--- PASS: TestVectors/toy/signatures/own-scheme `,
		`(?m)^ +--- PASS: TestVectors/toy/webhooks/again `,
		`(?m)^ +--- PASS: TestVectors/toy/media/talk `,
		`(?m)^ .* toy: signatures 5/5, webhooks 3/3, media 3/3$`,
		`(?m)^ .* toy: not compared: context\.weather 1, unheard_of 1$`,
	} {
		if !regexp.MustCompile(line).Match(out) {
			t.Errorf("no line %s in\n%s", line, out)
		}
	}
}

// TestVectorsFail runs files that must fail in processes of their own.
func TestVectorsFail(t *testing.T) {
	if dir := os.Getenv(vectorsEnv); dir != "" && os.Getenv("TOY_VECTORS_FAIL") != "" {
		RunVectors(t, VectorFiles("none"), map[string]Adapter{"toy": toyAdapter})
		return
	}
	wrong := toyFile()
	wrong["signatures"] = []object{signatureCase("valid", false)}
	for name, c := range map[string]struct {
		file string
		doc  any
		want string
	}{
		"no files":       {"toy.txt", object{}, "no vector files match"},
		"not registered": {"nobody.json", toyFile(), `provider "nobody" is not registered`},
		"no adapter":     {"toy-leaks.json", toyFile(), `provider "toy-leaks" has no adapter`},
		"no cases":       {"toy.json", object{"meta": object{}}, "no cases"},
		"other section":  {"toy.json", object{"sequences": []object{}}, "no such section is known"},
		"no name":        {"toy.json", object{"media": []object{{}}}, "is empty or twice"},
		"wrong verdict":  {"toy.json", wrong, "is not valid, and was accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, c.file), encode(t, c.doc), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestVectorsFail$", "-test.v")
			cmd.Env = append(os.Environ(), vectorsEnv+"="+dir, "TOY_VECTORS_FAIL=1")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.want) {
				t.Errorf("got %v, want a failure that says %q:\n%s", err, c.want, out)
			}
		})
	}
}

// checkOne runs one case of the toy's file.
func checkOne(t *testing.T, section string, c object) outcome {
	t.Helper()
	file := toyFile()
	if section != sectionWebhooks { // duplicates are looked for there
		file[section] = []object{}
	}
	list, _ := file[section].([]object)
	file[section] = append(list, c)
	s, err := openSheet("toy", encode(t, file), toyAdapter)
	if err != nil {
		t.Fatal(err)
	}
	cases := s.cases[section]
	return s.check(cases[len(cases)-1])
}

// TestEveryKeyIsCompared changes each key of an expect in turn, to a wrong
// value and to null, and holds that the case fails.
func TestEveryKeyIsCompared(t *testing.T) {
	// Keys that nobody can compare: a remark, and what a codec does not tell.
	free := []string{"note", "unheard_of", "shade"}
	for key, right := range endExpect() {
		for _, wrong := range []any{wrongValue(right), nil} {
			expect := endExpect()
			expect[key] = wrong
			c := webhookCase("changed", endBody, expect)
			c["context"] = object{"answered_at": "2026-01-01T00:00:05Z"}
			o := checkOne(t, sectionWebhooks, c)
			if fails := !slices.Contains(free, key) && (wrong != nil || right != nil); fails != (len(o.failures) > 0) {
				t.Errorf("webhook: %s is %v instead of %v: failures %q, want some: %v", key, wrong, right, o.failures, fails)
			}
		}
	}
	for key, right := range talkExpect() {
		expect := talkExpect()
		expect[key] = wrongValue(right)
		o := checkOne(t, sectionMedia, transcriptCase("changed", expect, talk()...))
		if fails := !slices.Contains(free, key); fails != (len(o.failures) > 0) {
			t.Errorf("media: %s is %v instead of %v: failures %q, want some: %v", key, expect[key], right, o.failures, fails)
		}
	}
}

// wrongValue is a value of another content.
func wrongValue(v any) any {
	switch v := v.(type) {
	case bool:
		return !v
	case int:
		return v + 1
	case []string:
		return append([]string{"x"}, v...)
	case object:
		return object{"amount": "7", "x": "y"}
	}
	return "2027-01-01T00:00:00Z"
}

// TestCasesFail holds what else must fail a case.
func TestCasesFail(t *testing.T) {
	change := func(i int, with object) []object {
		list := talk()
		list[i] = with
		return list
	}
	for name, c := range map[string]struct {
		section string
		c       object
		want    string
	}{
		"valid refused":    {sectionSignatures, signatureCase("c", true, func(c object) { c["secret"] = "other" }), "is valid, and was refused"},
		"invalid accepted": {sectionSignatures, signatureCase("c", false), "is not valid, and was accepted"},
		"no verdict":       {sectionSignatures, signatureCase("c", true, func(c object) { delete(c, "valid") }), "has no verdict"},
		"stale":            {sectionSignatures, signatureCase("c", true, func(c object) { c["now"] = epoch.Unix() + 301 }), "too old"},
		"not seen":         {sectionSignatures, signatureCase("c", true, func(c object) { c["duplicate"], c["seen_event_ids"] = true, []string{"e1"} }), "none of those seen"},
		"unsigned without 503": {sectionSignatures, signatureCase("c", false, func(c object) {
			c["headers"], c["unsigned"] = object{}, true
		}), "status 503"},
		"own scheme":        {sectionSignatures, signatureCase("c", true, func(c object) { c["scheme"] = "toy-word" }), "is valid, and was refused"},
		"wss":               {sectionSignatures, signatureCase("c", true, func(c object) { c["url"] = "wss://hooks.trunkline.example/x" }), "is valid, and was refused"},
		"accepted":          {sectionWebhooks, webhookCase("c", endBody, object{"accept": false}), "must be refused"},
		"refused":           {sectionWebhooks, webhookCase("c", "{}", object{"accept": true}), "must be accepted"},
		"no accept":         {sectionWebhooks, webhookCase("c", endBody, object{}), "want true or false"},
		"no duplicate":      {sectionWebhooks, webhookCase("c", strings.Replace(endBody, "e2", "e3", 1), object{"accept": true, "duplicate": true}), "is a duplicate"},
		"cost without":      {sectionWebhooks, webhookCase("c", `{"leg":"leg-1"}`, object{"accept": true, "cost": "1.00"}), "cost is missing"},
		"wrong fee":         {sectionWebhooks, webhookCase("c", endBody, object{"accept": true, "cost": object{"amount": "0.02", "fee": "0.002"}}), "cost.fee"},
		"none of the costs": {sectionWebhooks, webhookCase("c", endBody, object{"accept": true, "cost": object{"rated": 0.5}}), "want one of"},
		"other message":     {sectionMedia, transcriptCase("c", object{}, change(2, from("server", `{"event":"media","media":{"payload":"AAAA","track":"x"}}`))...), "wrote another message"},
		"nothing written":   {sectionMedia, transcriptCase("c", object{}, change(3, object{"from": "server", "text": "{}", "command": object{"type": "dtmf", "digits": "1"}})...), "wrote nothing"},
		"something written": {sectionMedia, transcriptCase("c", object{}, change(4, object{"from": "engine", "command": object{"type": "mark", "name": "b"}, "text": nil})...), "want none"},
		"unknown frame":     {sectionMedia, transcriptCase("c", object{}, change(4, object{"from": "moon"})...), "no such frame"},
		"unknown field":     {sectionMedia, transcriptCase("c", object{}, change(4, object{"from": "carrier", "txt": ""})...), "unknown field"},
		"unknown command":   {sectionMedia, transcriptCase("c", object{}, change(4, object{"from": "server", "text": "{}", "command": object{"type": "sing"}})...), `command "sing"`},
		"gave up":           {sectionMedia, transcriptCase("c", object{}, from("carrier", mediaText(1))), "the codec gave up"},
		"went on":           {sectionMedia, transcriptCase("c", object{"error": true}, talk()...), "must give up"},
		"no such warning":   {sectionMedia, transcriptCase("c", object{"error": object{"code": 1}}, talk()...), "no warning names"},
		"other carrier":     {sectionMedia, transcriptCase("c", object{"carrier": "twilio"}, talk()...), "a stream of"},
		"other encoding":    {sectionMedia, transcriptCase("c", object{"encoding": "G722"}, talk()...), "encoding is"},
	} {
		t.Run(name, func(t *testing.T) {
			if found := strings.Join(checkOne(t, c.section, c.c).failures, "\n"); !strings.Contains(found, c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}

// TestHeldAudio holds that a codec which speaks too early is found.
func TestHeldAudio(t *testing.T) {
	s, err := openSheet("toy-held-audio", encode(t, toyFile()), toyAdapter)
	if err != nil {
		t.Fatal(err)
	}
	o := s.check(s.cases[sectionMedia][0])
	if found := strings.Join(o.failures, "\n"); !strings.Contains(found, "wrote 1 messages, want none") {
		t.Errorf("found %q", found)
	}
}

// TestInput holds that samples are handed to a codec in its own format, and
// what it writes is compared.
func TestInput(t *testing.T) {
	pcm := make([]byte, 2*200) // 25 ms of silence
	c := transcriptCase("input", object{"frames_out": 2, "bytes_per_frame": -1, "concatenated_payload_base64": base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xff", 200)))})
	c["messages"] = []object{}
	c["input_pcm_s16le_8k"] = base64.StdEncoding.EncodeToString(pcm)
	file := toyFile()
	file["media"] = append(file["media"].([]object), c)
	s, err := openSheet("toy", encode(t, file), toyAdapter)
	if err != nil {
		t.Fatal(err)
	}
	if o := s.check(s.cases[sectionMedia][3]); len(o.failures) > 0 || len(o.skipped) > 0 {
		t.Errorf("failures %q, skipped %q", o.failures, o.skipped)
	}
	s.cases[sectionMedia][3].expect()["pad_byte"] = json.Number("255")
	s.cases[sectionMedia][3].expect()["min_bytes_per_message"] = json.Number("160")
	if o := s.check(s.cases[sectionMedia][3]); cmp.Diff([]string(o.failures), []string{`min_bytes_per_message is 160, and a message has 40`}) != "" {
		t.Errorf("failures %q", o.failures)
	}
}

// TestHookOf covers the paths that vector files have.
func TestHookOf(t *testing.T) {
	for path, want := range map[string][2]string{
		"/v1/twilio/voice/status/01JABC":             {"status", "01JABC"},
		"/v1/plivo/voice/dial-action/01JTRF":         {"dial-action", "01JTRF"},
		"/v1/plivo/voice/record/01JABC":              {"recording", "01JABC"},
		"/v1/cloudonix/session/01JABC/pt-5f2c0d1e9a": {"status", "01JABC"},
		"/v1/telnyx/voice/events":                    {"events", ""},
		"/v1/vobiz/voice/somewhere":                  {"", ""},
	} {
		hook, id := HookOf(path)
		if string(hook) != want[0] || id != want[1] {
			t.Errorf("%s: got %q %q, want %q", path, hook, id, want)
		}
	}
}
