// Command echo-agent is an agent in plain nats.go: it takes the calls of the
// application "echo" and gives back what it hears. Replace the marked line by
// your own speech recognition, language model and voice.
//
//	trunkline up --no-echo             # or its own echo agent takes half of the calls
//	trunkline application add echo
//	go run ./examples/echo-agent
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/nats-io/nats.go"
)

func main() {
	if err := run("default", "echo"); err != nil {
		fmt.Fprintln(os.Stderr, "echo-agent:", err)
		os.Exit(1)
	}
}

func run(org, application string) error {
	nc, err := nats.Connect(cmp.Or(os.Getenv("NATS_URL"), nats.DefaultURL))
	if err != nil {
		return err
	}
	defer nc.Close()
	// Offers come as requests; all agents of an application share a queue group.
	_, err = nc.QueueSubscribe("trunkline.agent."+org+"."+application+".offer", "agents", func(offer *nats.Msg) {
		var call struct {
			ID   string `json:"call_id"`
			From string `json:"from"`
		}
		if err := json.Unmarshal(offer.Data, &call); err != nil {
			return // no reply: the caller gets the application's fallback
		}
		if err := talk(nc, org, call.ID); err != nil {
			fmt.Fprintln(os.Stderr, "echo-agent:", err)
			return
		}
		fmt.Println("call", call.ID, "from", call.From)
		_ = offer.Respond([]byte(`{"accept":true,"agent":"my first agent"}`))
	})
	if err != nil {
		return err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	<-interrupted
	return nil
}

// talk serves one call: audio is PCM16 little-endian mono, 16 kHz unless the
// application says otherwise; signals are JSON.
func talk(nc *nats.Conn, org, id string) error {
	call := "trunkline.media." + org + "." + id
	sub, err := nc.Subscribe(call+".caller.*", func(m *nats.Msg) {
		if strings.HasSuffix(m.Subject, ".audio") {
			_ = nc.Publish(call+".agent.audio", m.Data) // <- your agent goes here
			return
		}
		var signal struct {
			DTMF    *struct{ Digit string }
			Stopped *struct{ Reason string }
		}
		if json.Unmarshal(m.Data, &signal) != nil {
			return
		}
		if signal.DTMF != nil { // a key interrupts: drop what was not played yet
			_ = nc.Publish(call+".agent.control", []byte(`{"clear":{}}`))
		}
		if signal.Stopped != nil {
			_ = m.Sub.Unsubscribe()
		}
	})
	if err != nil {
		return err
	}
	// The offer is answered only when the subscription is known to the server.
	if err := nc.Flush(); err != nil {
		_ = sub.Unsubscribe()
		return err
	}
	return nil
}
