//go:build sdk

package sdktest

import (
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/plivo"
)

func TestPlivo(t *testing.T) {
	t.Parallel()
	const ours, other, caller, callee = "14155550101", "14155550102", "14155550199", "14155550177"
	c, err := plivo.New(plivo.Options{Numbers: []string{other, ours}, RecordAfter: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Expect(callee, carriersim.Person{})
	config := c.Config()
	s := begin(t, c, "plivo.js", facts{
		"id": config["auth_id"], "token": config["auth_token"], "number": ours, "callee": callee,
	})

	s.step("numbers", facts{"count": 2, "numbers": []string{other, ours}})
	s.step("pointed", facts{"message": "changed", "toUs": true, "application": true})
	in, err := c.Ring(t.Context(), caller, ours, carriersim.Person{})
	if err != nil {
		t.Fatal(err)
	}
	s.step("inbound", facts{"id": in.ID(), "from": caller, "to": ours, "status": "ringing", "direction": "inbound"})
	s.step("inbound over", facts{"id": in.ID(), "status": "completed", "source": "Answer XML"})
	saw(t, in, "webhook inbound", "answered", "says Welcome.", "stream failed", "ended completed")

	out := dialled(t, c, callee)
	s.step("dialled", facts{"id": out.ID(), "message": "call fired"})
	s.step("ringing", facts{"id": out.ID(), "status": "ringing"})
	s.step("answered", facts{"id": out.ID(), "status": "in-progress"})
	s.step("status", facts{"id": out.ID(), "status": "in-progress", "direction": "outbound"})
	s.step("listed", facts{"ids": []string{out.ID()}})
	s.step("redirected", facts{"id": out.ID(), "status": "in-progress", "event": "Redirect"})
	s.step("hung up", facts{"done": true})
	s.step("hang-up callback", facts{"id": out.ID(), "status": "completed", "source": "API Request"})
	s.step("over", facts{"id": out.ID(), "direction": "outbound", "cause": "Normal Hangup", "amount": "0.01000"})
	saw(t, out, "initiated", "ringing", "answered", "webhook answer", "digits 12#", "redirected", "ended completed")

	s.step("unknown call", facts{"status": 404})
	s.step("hang-up of a call that is over", facts{"status": 404})
	s.step("redirect of a call that is over", facts{"status": 404})
	s.step("dial without a URL", facts{"status": 400})
	s.step("wrong token", facts{"status": 401})
	s.end()
}
