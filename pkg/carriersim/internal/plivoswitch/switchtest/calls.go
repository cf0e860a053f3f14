package switchtest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio/compare"
	"github.com/trunkline-io/trunkline/pkg/audio/speech"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

// Calls tests calls and their markup, as far as they are the same everywhere.
func Calls(t *testing.T, begin func(testing.TB) *Gateway) {
	for name, test := range map[string]func(*testing.T, *Gateway){
		"verbs":               verbs,
		"play":                play,
		"pre-answer":          preAnswer,
		"redirect by GET":     redirectByGET,
		"basic authorization": authorization,
		"gives up":            givesUp,
		"hangs up by context": hangsUp,
		"foreign number":      foreignNumber,
		"no application":      noApplication,
		"empty response":      emptyResponse,
		"scheduled hangup":    scheduledHangup,
		"hangup over REST":    hangupOverREST,
		"cancel over REST":    cancelOverREST,
		"time limit":          timeLimit,
		"hangup on ring":      hangupOnRing,
		"send digits":         sendDigits,
		"several targets":     severalTargets,
		"dial":                dial,
		"dial action told":    dialActionTold,
		"dial several":        dialSeveral,
		"dial SIP":            dialSIP,
		"conference":          conference,
		"conference ends":     conferenceEnds,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, begin(t))
		})
	}
	badDocuments(t, begin)
}

func verbs(t *testing.T, g *Gateway) {
	g.On("/voice", `<Speak voice="WOMAN" language="en-US" loop="2">hi &amp; bye</Speak><Wait length="1"/><DTMF async="false">12w#</DTMF><Hangup/>`)
	c := g.Ended(g.RingUp(carriersim.Person{}))
	want := len(carriersim.Spoken("hi & bye", 8000))
	if loud := Loud(c.Heard()); loud < want*19/10 || loud > want*2 {
		t.Errorf("heard %d samples of tone, want about %d", loud, 2*want)
	}
	if c.Digits() != "12w#" || c.Saw("warning") {
		t.Errorf("digits %q:\n%s", c.Digits(), c)
	}
	Want(t, g.Await("/hangup", 1)[0].Form, map[string]string{
		"Event": "Hangup", "CallStatus": "completed", "HangupCause": "NORMAL_CLEARING", "HangupCauseCode": "4000", "HangupSource": "Answer XML",
	})
}

func play(t *testing.T, g *Gateway) {
	g.Handle("/prompt", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(speech.GreetingMP3)) })
	g.On("/voice", `<Play>%s/prompt</Play><Play>https://files.example/a.mp3</Play>`)
	c := g.Ended(g.RingUp(carriersim.Person{}))
	for _, from := range []string{g.URL + "/prompt", "https://files.example/a.mp3"} {
		want, _ := g.File(t.Context(), from, 8000)
		if similarity, _ := compare.Find(want, c.Heard(), 8000); similarity < 0.99 {
			t.Errorf("%s: similarity %.3f", from, similarity)
		}
	}
}

// preAnswer is heard, and neither answered nor billed.
func preAnswer(t *testing.T, g *Gateway) {
	g.On("/voice", `<PreAnswer><Speak>please wait</Speak></PreAnswer><Hangup reason="busy"/>`)
	c := g.Ended(g.RingUp(carriersim.Person{}))
	if c.Answered() || c.Billed() || Loud(c.Heard()) == 0 || c.Saw("warning") {
		t.Errorf("answered %t, heard %d:\n%s", c.Answered(), Loud(c.Heard()), c)
	}
	Want(t, g.Await("/hangup", 1)[0].Form, map[string]string{
		"HangupCause": "USER_BUSY", "HangupCauseCode": "3010", "HangupSource": "Answer XML", "AnswerTime": "", "BillDuration": "0",
	})
}

func redirectByGET(t *testing.T, g *Gateway) {
	g.On("/voice", `<Redirect method="GET">%s/next?tenant=7</Redirect>`)
	g.On("/next", `<Hangup reason="rejected"/>`)
	c := g.Ended(g.RingUp(carriersim.Person{}))
	Want(t, g.Await("/next", 1)[0].Form, map[string]string{"tenant": "7", "CallUUID": c.ID(), "Event": "Redirect"})
	if c.Answered() {
		t.Errorf("a redirect answered the call:\n%s", c)
	}
	Want(t, g.Await("/hangup", 1)[0].Form, map[string]string{"HangupCauseCode": "3020", "HangupSource": "Answer XML"})
}

func authorization(t *testing.T, g *Gateway) {
	seen := make(chan string, 2)
	g.Handle("/guarded", func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		seen <- user + ":" + password
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/xml")
		w.Write([]byte("<Response><Hangup/></Response>"))
	})
	if err := g.SetInbound(g.Ours, strings.Replace(g.URL, "http://", "http://gw:secret@", 1)+"/guarded", g.URL+"/hangup"); err != nil {
		t.Fatal(err)
	}
	g.Ended(g.RingUp(carriersim.Person{}))
	if first, second := gatewaytest.Take(t, seen), gatewaytest.Take(t, seen); first != ":" || second != "gw:secret" {
		t.Errorf("authorized as %q, then %q", first, second)
	}
}

func givesUp(t *testing.T, g *Gateway) {
	g.On("/voice", `<Wait length="60"/>`)
	c := g.Ended(g.RingUp(carriersim.Person{Ring: 50 * time.Millisecond}))
	if c.Answered() || !c.Saw("hung up by person") {
		t.Errorf("timeline:\n%s", c)
	}
	Want(t, g.Await("/hangup", 1)[0].Form, map[string]string{"HangupCause": "ORIGINATOR_CANCEL", "HangupCauseCode": "1000", "HangupSource": "Caller"})
}

func hangsUp(t *testing.T, g *Gateway) {
	g.On("/voice", `<Speak loop="0">on and on</Speak>`)
	ctx, hangUp := gatewaytest.Context(t)
	c, err := g.Ring(ctx, g.Caller, g.Ours, carriersim.Person{})
	if err != nil {
		t.Fatal(err)
	}
	g.Saw(c, "says")
	hangUp()
	if g.Ended(c); !c.Saw("hung up by person") {
		t.Errorf("timeline:\n%s", c)
	}
	Want(t, g.Await("/hangup", 1)[0].Form, map[string]string{"HangupCauseCode": "4000", "HangupSource": "Caller", "CallStatus": "completed"})
}

func foreignNumber(t *testing.T, g *Gateway) {
	if _, err := g.Ring(t.Context(), g.Caller, g.Callee, carriersim.Person{}); err == nil {
		t.Error("rang a number of somebody else")
	}
	if _, err := g.Ring(t.Context(), g.Caller, g.Ours, carriersim.Person{Acts: []carriersim.Act{carriersim.Press{Digits: "x"}}}); err == nil {
		t.Error("pressed a key that no phone has")
	}
}

func noApplication(t *testing.T, g *Gateway) {
	if err := g.SetInbound(g.Ours, "", ""); err != nil {
		t.Fatal(err)
	}
	if c := g.Ended(g.RingUp(carriersim.Person{})); c.Answered() || !c.Saw("warning") {
		t.Errorf("timeline:\n%s", c)
	}
}

func emptyResponse(t *testing.T, g *Gateway) {
	g.On("/voice", "")
	if c := g.Ended(g.RingUp(carriersim.Person{})); !c.Billed() || !c.Saw("warning an empty") {
		t.Errorf("timeline:\n%s", c)
	}
}

func scheduledHangup(t *testing.T, g *Gateway) {
	g.On("/voice", `<Hangup schedule="1"/><Speak loop="0">a</Speak>`)
	g.Ended(g.RingUp(carriersim.Person{}))
	Want(t, g.Await("/hangup", 1)[0].Form, map[string]string{"HangupCauseCode": "6000"})
}

func hangupOverREST(t *testing.T, g *Gateway) {
	g.Expect(g.Callee, carriersim.Person{})
	g.On("/answer", `<Speak loop="0">on and on</Speak>`)
	c := g.Dial(nil)
	g.Saw(c, "says")
	path := "/Call/" + c.ID() + "/"
	if status, _ := g.REST(http.MethodDelete, "/Request/"+c.ID()+"/", nil); status != 404 {
		t.Errorf("cancel in progress: %d", status)
	}
	if status, doc := g.REST(http.MethodDelete, path, nil); status != 204 || doc != nil {
		t.Errorf("hang up: %d %v", status, doc)
	}
	if g.Ended(c); !c.Saw("hung up by api") {
		t.Errorf("timeline:\n%s", c)
	}
	Want(t, g.Await("/hangup", 1)[0].Form, map[string]string{"HangupCauseCode": "4000", "HangupSource": "API Request", "CallStatus": "completed"})
	if status, _ := g.REST(http.MethodDelete, path, nil); status != 404 {
		t.Errorf("hang up twice: %d", status)
	}
}

func cancelOverREST(t *testing.T, g *Gateway) {
	g.Expect(g.Callee, carriersim.Person{Outcome: carriersim.NoAnswer})
	c := g.Dial(nil)
	g.Saw(c, "ringing")
	g.REST(http.MethodDelete, "/Call/"+c.ID()+"/", nil)
	if g.Ended(c); c.Billed() {
		t.Errorf("timeline:\n%s", c)
	}
	Want(t, g.Await("/hangup", 1)[0].Form, map[string]string{
		"HangupCause": "ORIGINATOR_CANCEL", "HangupCauseCode": "1000", "HangupSource": "API Request", "AnswerTime": "",
	})
}

func timeLimit(t *testing.T, g *Gateway) {
	g.Expect(g.Callee, carriersim.Person{})
	g.On("/answer", `<Wait length="600"/>`)
	g.Ended(g.Dial(Doc{"time_limit": 1}))
	Want(t, g.Await("/hangup", 1)[0].Form, map[string]string{"HangupCauseCode": "6000", "CallStatus": "completed"})
}

func hangupOnRing(t *testing.T, g *Gateway) {
	g.Expect(g.Callee, carriersim.Person{Ring: time.Hour})
	if c := g.Ended(g.Dial(Doc{"hangup_on_ring": "1"})); !c.Saw("hung up by limit") || c.Answered() {
		t.Errorf("timeline:\n%s", c)
	}
}

func sendDigits(t *testing.T, g *Gateway) {
	g.Expect(g.Callee, carriersim.Person{})
	g.On("/answer", `<Wait length="600"/>`)
	c := g.Dial(Doc{"send_digits": "wW2410#"})
	g.Saw(c, "digits wW2410#")
	g.Await("/answer", 1)
	if status, _ := g.REST(http.MethodPost, "/Call/"+c.ID()+"/DTMF/", Doc{"digits": "77", "leg": "aleg"}); status != 202 {
		t.Errorf("digits: %d", status)
	}
	if status, _ := g.REST(http.MethodPost, "/Call/"+c.ID()+"/DTMF/", Doc{"digits": "x"}); status != 400 {
		t.Errorf("no digits: %d", status)
	}
	if c.Digits() != "wW2410#77" {
		t.Errorf("digits %q", c.Digits())
	}
	g.REST(http.MethodDelete, "/Call/"+c.ID()+"/", nil)
	g.Ended(c)
	if status, _ := g.REST(http.MethodPost, "/Call/"+c.ID()+"/DTMF/", Doc{"digits": "7"}); status != 404 {
		t.Errorf("digits after the end: %d", status)
	}
}

// severalTargets is one request that makes many calls.
func severalTargets(t *testing.T, g *Gateway) {
	g.Expect("sip:desk@pbx.example", carriersim.Person{Outcome: carriersim.Busy})
	_, doc := g.REST(http.MethodPost, "/Call/", g.Order(Doc{"to": g.Callee + "<sip:desk@pbx.example"}))
	ids, _ := doc["request_uuid"].([]any)
	if len(ids) != 2 || len(g.Carrier.Calls()) != 2 {
		t.Fatalf("%v", doc)
	}
	for _, r := range g.Await("/hangup", 2) {
		if sip := r.Form.Get("SIP-H-To"); strings.HasPrefix(r.Form.Get("To"), "sip:") != (sip != "") {
			t.Errorf("SIP-H-To %q to %s", sip, r.Form.Get("To"))
		}
	}
}

func dial(t *testing.T, g *Gateway) {
	pcm, rate := gatewaytest.Speech(t)
	g.Expect(g.Callee, carriersim.Person{Acts: []carriersim.Act{carriersim.Speak{PCM: pcm, Rate: rate}, carriersim.Hangup{}}})
	g.On("/voice", `<Dial callerId="`+g.Ours+`" action="%s/dialled" timeout="5" callbackUrl="%s/leg"><Number sendDigits="1">`+g.Callee+`</Number></Dial><Speak>not this</Speak>`)
	g.On("/dialled", "<Speak>over</Speak>")
	c := g.Ended(g.RingUp(carriersim.Person{}))
	leg := g.Ended(g.LegTo(g.Callee))
	if similarity, _ := compare.Find(leg.Said(), c.Heard(), 8000); similarity < 0.99 {
		t.Errorf("what the callee said was heard with similarity %.3f", similarity)
	}
	events := g.Await("/leg", 3)
	for i, action := range []string{"answer", "connected", "hangup"} {
		Want(t, events[i].Form, map[string]string{
			"DialAction": action, "CallUUID": c.ID(), "DialALegUUID": c.ID(), "DialBLegUUID": leg.ID(), "DialBLegFrom": g.Ours, "DialBLegTo": g.Callee,
		})
	}
	Want(t, events[2].Form, map[string]string{"Event": "DialHangup", "DialBLegHangupCauseCode": "4000", "DialBLegHangupSource": "Callee"})
	Want(t, g.Await("/dialled", 1)[0].Form, map[string]string{
		"DialStatus": "completed", "DialBLegUUID": leg.ID(), "DialRingStatus": "true", "DialHangupCause": "NORMAL_CLEARING",
		"CallUUID": c.ID(), "CallStatus": "in-progress", "Event": "Redirect",
	})
	if leg.Parent() != c.ID() || leg.Digits() != "1" || !c.Saw("says over") || c.Saw("says not this") || c.Saw("warning") {
		t.Errorf("timeline:\n%s", c)
	}
}

// dialActionTold is an action URL that is told and not asked.
func dialActionTold(t *testing.T, g *Gateway) {
	g.On("/voice", `<Dial timeout="1" redirect="false" action="%s/dialled"><Number>`+g.Callee+`</Number></Dial><Speak>this</Speak>`)
	g.On("/dialled", "<Speak>not this</Speak>")
	c := g.Ended(g.RingUp(carriersim.Person{}))
	Want(t, g.Await("/dialled", 1)[0].Form, map[string]string{"DialStatus": "failed", "DialHangupCause": "UNALLOCATED_NUMBER", "DialRingStatus": "false"})
	if !c.Saw("says this") || c.Saw("says not this") {
		t.Errorf("timeline:\n%s", c)
	}
}

// DialEnds tests the words for dialled legs that nobody answers.
func DialEnds(t *testing.T, begin func(testing.TB) *Gateway, named bool) {
	for name, test := range map[string]struct {
		person carriersim.Person
		status string
		cause  string
	}{
		"busy":      {carriersim.Person{Outcome: carriersim.Busy}, "busy", "USER_BUSY"},
		"no answer": {carriersim.Person{Outcome: carriersim.NoAnswer, Ring: 100 * time.Millisecond}, "no-answer", "NO_ANSWER"},
		"too slow":  {carriersim.Person{Ring: time.Hour}, "timeout", "NO_ANSWER"},
		"rejects":   {carriersim.Person{Outcome: carriersim.Rejects}, "failed", "CALL_REJECTED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := begin(t)
			g.Expect(g.Callee, test.person)
			g.On("/voice", `<Dial timeout="1" action="%s/dialled"><Number>`+g.Callee+`</Number></Dial>`)
			g.On("/dialled", `<Hangup/>`)
			c := g.Ended(g.RingUp(carriersim.Person{}))
			form := g.Await("/dialled", 1)[0].Form
			Want(t, form, map[string]string{"DialStatus": test.status, "DialHangupCause": test.cause, "CallStatus": "ringing"})
			if c.Answered() || (form.Get("DialBLegUUID") != "") != named {
				t.Errorf("answered %t, action %v", c.Answered(), form)
			}
		})
	}
}

func dialSeveral(t *testing.T, g *Gateway) {
	slow, fast := g.Callee[:len(g.Callee)-1]+"8", g.Callee[:len(g.Callee)-1]+"9"
	g.Expect(slow, carriersim.Person{Ring: time.Hour})
	g.Expect(fast, carriersim.Person{Acts: []carriersim.Act{carriersim.Hangup{}}})
	g.On("/voice", `<Dial><Number>`+slow+`</Number><Number>`+fast+`</Number></Dial>`)
	g.Ended(g.RingUp(carriersim.Person{}))
	if lost, won := g.Ended(g.LegTo(slow)), g.Ended(g.LegTo(fast)); !lost.Saw("hang-up code 9000") || !won.Saw("hang-up code 4000") {
		t.Errorf("slow:\n%sfast:\n%s", lost, won)
	}
}

func dialSIP(t *testing.T, g *Gateway) {
	g.Expect("sip:desk@pbx.example", carriersim.Person{Acts: []carriersim.Act{carriersim.Hangup{}}})
	g.On("/voice", `<Dial><User>desk@pbx.example</User><User sipHeaders="call=01J">sip:desk@pbx.example;transport=tls</User></Dial>`)
	c := g.Ended(g.RingUp(carriersim.Person{}))
	leg := g.Find(func(c *carriersim.Call) bool { return strings.HasPrefix(c.To(), "sip:") })
	if !leg.Answered() || strings.Count(c.String(), "warning") != 1 {
		t.Errorf("timeline:\n%s", c)
	}
}

// conference is an attended transfer: the caller waits in the room until the
// colleague comes, and leaves first.
func conference(t *testing.T, g *Gateway) {
	question, answer := Beep(1000, 500*time.Millisecond), Beep(600, 700*time.Millisecond)
	g.Expect(g.Callee, carriersim.Person{Acts: []carriersim.Act{carriersim.Speak{PCM: question, Rate: 8000}}})
	room := `<Conference stayAlone="true" endConferenceOnExit="false" callbackUrl="%s/room">xfer-1</Conference><Speak>left</Speak>`
	g.On("/answer", strings.Replace(room, `stayAlone="true"`, `stayAlone="false" startConferenceOnEnter="false"`, 1))
	g.On("/voice", room)
	c := g.RingUp(carriersim.Person{Acts: []carriersim.Act{
		carriersim.WaitHeard{Sound: 300 * time.Millisecond, Quiet: 100 * time.Millisecond}, carriersim.Speak{PCM: answer, Rate: 8000},
		carriersim.Wait{For: 100 * time.Millisecond}, carriersim.Hangup{},
	}})
	g.Saw(c, "joined conference xfer-1")
	colleague := g.Dial(nil)
	g.Ended(c)
	g.Ended(colleague)
	if similarity, _ := compare.Find(question, c.Heard(), 8000); similarity < 0.99 {
		t.Errorf("the caller heard the colleague with similarity %.3f:\n%s", similarity, c)
	}
	if similarity, _ := compare.Find(answer, colleague.Heard(), 8000); similarity < 0.99 {
		t.Errorf("the colleague heard the caller with similarity %.3f:\n%s", similarity, colleague)
	}
	if !colleague.Saw("thrown out of conference") || !colleague.Saw("says left") {
		t.Errorf("timeline:\n%s", colleague)
	}
	seen := map[string]int{}
	for _, r := range g.Await("/room", 4) {
		seen[r.Form.Get("Event")+" "+r.Form.Get("ConferenceAction")+" first "+r.Form.Get("ConferenceFirstMember")+" last "+r.Form.Get("ConferenceLastMember")]++
		if r.Form.Get("ConferenceName") != "xfer-1" || r.Form.Get("ConferenceUUID") == "" || r.Form.Get("ConferenceMemberID") == "" {
			t.Errorf("callback %v", r.Form)
		}
	}
	want := map[string]int{
		"ConferenceEnter enter first true last false": 1, "ConferenceEnter enter first false last false": 1,
		"ConferenceExit exit first false last false": 1, "ConferenceExit exit first false last true": 1,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// conferenceEnds with a member whose exit ends it, and goes on to its action.
func conferenceEnds(t *testing.T, g *Gateway) {
	g.Expect(g.Callee, carriersim.Person{Acts: []carriersim.Act{carriersim.Wait{For: 200 * time.Millisecond}, carriersim.Hangup{}}})
	g.On("/voice", `<Conference stayAlone="true" action="%s/after">room</Conference>`)
	g.On("/after", "<Speak>after</Speak>")
	g.On("/answer", `<Conference endConferenceOnExit="true" stayAlone="true">room</Conference>`)
	c := g.RingUp(carriersim.Person{})
	g.Saw(c, "joined conference")
	g.Dial(nil)
	if g.Ended(c); !c.Saw("says after") {
		t.Errorf("timeline:\n%s", c)
	}
	Want(t, g.Await("/after", 1)[0].Form, map[string]string{"ConferenceAction": "exit", "ConferenceName": "room", "CallStatus": "in-progress"})
}

// badDocuments end a call with a code, after the fallback was tried.
func badDocuments(t *testing.T, begin func(testing.TB) *Gateway) {
	response := func(doc string) func(gatewaytest.Form) string { return func(gatewaytest.Form) string { return doc } }
	for name, test := range map[string]struct {
		answer func(gatewaytest.Form) string
		code   string
	}{
		"error":       {response(""), "7011"},
		"no document": {nil, "7012"},
		"open":        {response("<Response><Speak>"), "7012"},
		"other root":  {response("<Reply/>"), "7012"},
		"two roots":   {response("<Response/><Response/>"), "7012"},
		"ampersand":   {response("<Response><Redirect>https://a/?b=1&c=2</Redirect></Response>"), "7012"},
		"twice":       {response(`<Response><Speak loop="1" loop="2">a</Speak></Response>`), "7012"},
		"huge":        {response("<Response><Speak>" + strings.Repeat("x", 100<<10) + "</Speak></Response>"), "7012"},
	} {
		t.Run("bad document "+name, func(t *testing.T) {
			t.Parallel()
			g := begin(t)
			if test.answer != nil {
				g.Answer("/voice", test.answer)
			}
			c := g.Ended(g.RingUp(carriersim.Person{}))
			Want(t, g.Await("/hangup", 1)[0].Form, map[string]string{"HangupCauseCode": test.code, "HangupSource": "Error"})
			if c.Answered() || !c.Saw("warning StartApp") {
				t.Errorf("timeline:\n%s", c)
			}
		})
	}
	t.Run("fallback", func(t *testing.T) {
		t.Parallel()
		g := begin(t)
		dead := httptest.NewServer(nil)
		dead.Close()
		g.Expect(g.Callee, carriersim.Person{})
		g.On("/fallback", "<Speak>fallback</Speak>")
		c := g.Ended(g.Dial(Doc{"answer_url": dead.URL + "/answer", "fallback_url": g.URL + "/fallback"}))
		Want(t, g.Await("/fallback", 1)[0].Form, map[string]string{"Event": "StartApp", "CallUUID": c.ID()})
		if !c.Saw("says fallback") {
			t.Errorf("timeline:\n%s", c)
		}
	})
}
