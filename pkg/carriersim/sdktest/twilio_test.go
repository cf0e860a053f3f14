//go:build sdk

package sdktest

import (
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/twilio"
)

func TestTwilio(t *testing.T) {
	t.Parallel()
	const ours, other, caller, callee = "+14155550101", "+14155550102", "+14155550199", "+14155550177"
	c, err := twilio.New(twilio.Options{
		Numbers: []string{other, ours}, APIKeySID: "SK0123", APIKeySecret: "secret", PriceAfter: time.Nanosecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Expect(callee, carriersim.Person{})
	s := begin(t, c, "twilio.js", facts{
		"sid": c.AccountSID(), "token": c.AuthToken(), "keySID": "SK0123", "keySecret": "secret",
		"number": ours, "callee": callee,
	})

	s.step("numbers", facts{"numbers": []string{other, ours}})
	s.step("pointed", facts{"number": ours, "toUs": true})
	in, err := c.Ring(t.Context(), caller, ours, carriersim.Person{})
	if err != nil {
		t.Fatal(err)
	}
	s.step("inbound", facts{"id": in.ID(), "from": caller, "to": ours, "status": "ringing", "direction": "inbound"})
	s.step("inbound over", facts{"id": in.ID(), "status": "completed", "timed": true})
	saw(t, in, "webhook inbound", "answered", "says Welcome.", "stream failed", "hung up by markup", "ended completed")

	out := dialled(t, c, callee)
	s.step("dialled", facts{"id": out.ID(), "status": "queued", "direction": "outbound-api", "from": ours, "to": callee})
	s.step("answered", facts{"id": out.ID(), "status": "in-progress"})
	s.step("status", facts{"status": "in-progress", "started": true, "ended": false})
	s.step("listed", facts{"ids": []string{out.ID()}})
	s.step("redirected", facts{"id": out.ID(), "status": "in-progress"})
	s.step("callbacks", facts{"told": []string{"0 initiated", "1 ringing", "2 in-progress", "3 completed"}})
	s.step("over", facts{"status": "completed", "timed": true, "price": "-0.01400", "unit": "USD", "ended": true})
	saw(t, out, "initiated", "ringing", "answered", "webhook answer", "webhook action", "hung up by api", "ended completed")

	s.step("unknown call", facts{"type": "RestException", "status": 404, "code": 20404})
	s.step("hang-up of a call that is over", facts{"type": "RestException", "status": 404, "code": 20404})
	s.step("redirect of a call that is over", facts{"type": "RestException", "status": 400, "code": 21220})
	s.step("dial nonsense", facts{"type": "RestException", "status": 400, "code": 21211})
	s.step("dial from another number", facts{"type": "RestException", "status": 400, "code": 21210})
	s.step("wrong token", facts{"type": "RestException", "status": 401, "code": 20003})
	s.end()
	if n := len(c.Calls()); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}
