//go:build sdk

package sdktest

import (
	"testing"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/vonage"
)

func TestVonage(t *testing.T) {
	t.Parallel()
	const ours, other, caller, callee = "14155550101", "14155550102", "14155550199", "14155550177"
	c, err := vonage.New(vonage.Options{Numbers: []string{other, ours}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Expect(callee, carriersim.Person{})
	config := c.Config()
	s := begin(t, c, "vonage.js", facts{
		"applicationId": config["application_id"], "privateKey": config["private_key"],
		"apiKey": config["api_key"], "apiSecret": config["api_secret"], "signatureSecret": config["signature_secret"],
		"number": ours, "callee": callee,
	})

	s.step("numbers", facts{"count": 2, "numbers": []string{other, ours}})
	s.step("pointed", facts{"errorCode": "200", "numbers": []string{ours}, "application": config["application_id"], "toUs": true})
	in, err := c.Ring(t.Context(), caller, ours, carriersim.Person{})
	if err != nil {
		t.Fatal(err)
	}
	s.step("inbound", facts{"id": in.ID(), "from": caller, "to": ours})
	s.step("socket", facts{"status": "failed", "toUs": true})
	s.step("inbound over", facts{"id": in.ID(), "status": "completed", "direction": "inbound"})
	saw(t, in, "webhook inbound", "answered", "says Welcome.", "ended completed")

	out := dialled(t, c, callee)
	s.step("dialled", facts{"id": out.ID(), "status": "started", "direction": "outbound"})
	s.step("answered", facts{"id": out.ID(), "conversation": true})
	s.step("status", facts{"id": out.ID(), "status": "answered", "direction": "outbound", "to": callee, "from": ours})
	s.step("listed", facts{"ids": []string{out.ID()}})
	s.step("redirected", facts{"id": out.ID(), "from": true})
	s.step("callbacks", facts{"told": []string{out.ID(), out.ID(), out.ID(), out.ID()}})
	s.step("over", facts{"status": "completed", "timed": true, "rate": "0.01270000"})
	saw(t, out, "initiated", "ringing", "answered", "webhook answer", "digits 12", "redirected", "hung up by api", "ended completed")

	s.step("unknown call", facts{"type": "VetchError", "status": 404, "title": "Not Found"})
	s.step("hang-up of a call that is over", facts{"type": "VetchError", "status": 404, "title": "Not Found"})
	s.step("dial nonsense", facts{"type": "VetchError", "status": 400, "title": "Bad Request"})
	s.step("wrong key", facts{"type": "VetchError", "status": 401, "title": "Unauthorized"})
	s.step("wrong secret", facts{"type": "VetchError", "status": 401, "title": "authentication failed"})
	s.end()
}
