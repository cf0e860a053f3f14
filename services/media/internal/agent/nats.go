package agent

import (
	"encoding/json"
	"fmt"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// natsLink talks on the media subjects of one call. Nobody answers there, so
// an agent that dies goes unnoticed.
type natsLink struct {
	line          bus.Line
	audio, signal string // subjects of the node
	agent, speaks string // subjects of the agent: all, and of its audio
	stop          func()
}

// NATS is the line to the agent that has accepted a call.
func NATS(line bus.Line, org, callID string) Link {
	return &natsLink{
		line: line, audio: subject.CallerAudio(org, callID), signal: subject.CallerSignal(org, callID),
		agent: subject.Agent(org, callID), speaks: subject.AgentAudio(org, callID), stop: func() {},
	}
}

// Listen implements Link. One subscription takes audio and controls, so that a
// mark keeps its place in the audio.
func (l *natsLink) Listen(to Sink) error {
	stop, err := l.line.Subscribe(l.agent, func(subj string, data []byte) {
		if subj == l.speaks {
			to.Speech(data)
		} else {
			control(to, data)
		}
	})
	if err == nil {
		l.stop = stop
	}
	return err
}

// Audio implements Link. It does not wait: the client gathers what all calls
// publish and writes it together.
func (l *natsLink) Audio(data []byte) error { return l.line.Publish(l.audio, data) }

// Signal implements Link.
func (l *natsLink) Signal(s media.Signal) error {
	doc, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("signal: %w", err)
	}
	return l.line.Publish(l.signal, doc)
}

// Close implements Link.
func (l *natsLink) Close() { l.stop() }

// String implements Link.
func (l *natsLink) String() string { return "nats" }
