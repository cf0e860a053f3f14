//go:build sdk

package sdktest

import (
	"testing"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/telnyx"
)

func TestTelnyx(t *testing.T) {
	t.Parallel()
	const ours, other, caller, callee, third = "+12025550142", "+12025550143", "+12025550199", "+12025550177", "+12025550178"
	c, err := telnyx.New(telnyx.Options{Numbers: []string{other, ours}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Expect(callee, carriersim.Person{})
	c.Expect(third, carriersim.Person{})
	config := c.Config()
	s := begin(t, c, "telnyx.js", facts{
		"apiKey": config["api_key"], "publicKey": config["webhook_public_key"],
		"profile": config["outbound_voice_profile_id"], "number": ours, "callee": callee, "other": third,
	})

	s.step("numbers", facts{"numbers": []string{other, ours}})
	s.step("pointed", facts{"number": ours, "linked": true, "toUs": true})
	in, err := c.Ring(t.Context(), caller, ours, carriersim.Person{})
	if err != nil {
		t.Fatal(err)
	}
	s.step("inbound", facts{"id": in.ID(), "from": caller, "to": ours, "state": "parked", "direction": "incoming"})
	s.step("inbound answered", facts{"id": in.ID(), "ours": true})
	s.step("inbound over", facts{"id": in.ID(), "cause": "normal_clearing"})
	saw(t, in, "answered", "hung up by api", "ended normal_clearing")

	out := dialled(t, c, callee)
	s.step("dialled", facts{"id": out.ID(), "alive": false})
	s.step("initiated", facts{"id": out.ID(), "leg": true, "direction": "outgoing"})
	s.step("answered", facts{"id": out.ID(), "ours": true})
	s.step("status", facts{"id": out.ID(), "alive": true})
	s.step("listed", facts{"ids": []string{out.ID()}})
	s.step("transferred", facts{"legs": 2, "to": []string{callee, third}})
	s.step("over", facts{"cause": "normal_clearing", "source": "caller", "alive": false, "ended": "string"})
	saw(t, out, "initiated", "answered", "digits 12#", "bridged", "hung up by api", "ended normal_clearing")
	saw(t, dialled(t, c, third), "answered", "bridged", "ended normal_clearing")

	s.step("unknown call", facts{"type": "NotFoundError", "status": 404, "code": "10005"})
	s.step("hang-up of a call that is over", facts{"type": "UnprocessableEntityError", "status": 422, "code": "90018"})
	s.step("dial nonsense", facts{"type": "UnprocessableEntityError", "status": 422, "code": "10016"})
	s.step("wrong key", facts{"type": "AuthenticationError", "status": 401, "code": "10009"})
	s.end()
}
