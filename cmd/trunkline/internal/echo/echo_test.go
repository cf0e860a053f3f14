package echo

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

const (
	org         = "default"
	application = "echo"
	callID      = "call1"
	patience    = 10 * time.Second
)

// node is the media node's side of a call with the agent under test.
type node struct {
	t     *testing.T
	agent *Agent
	bus   *bus.Bus
	line  bus.Line
	said  chan message // by the agent
}

type message struct {
	audio string
	doc   string
}

// TestAgent holds what the agent gives back, and when.
func TestAgent(t *testing.T) {
	n := newNode(t)
	n.signal(media.Signal{Started: &media.Started{}})
	n.want(message{doc: `{"mark":{"name":"greeted"}}`})

	n.audio("over the greeting")
	n.signal(media.Signal{Mark: &media.Mark{Name: "greeted"}})
	frames := n.hold("a")
	n.want(message{audio: strings.Join(frames, "")})
	n.audio("at once")
	n.want(message{audio: "at once"})

	n.signal(media.Signal{DTMF: &media.DTMF{Digit: "1"}})
	n.want(message{doc: `{"clear":{}}`})
	frames = n.hold("b")
	n.want(message{audio: strings.Join(frames, "")})
}

// TestAgentStopped holds that a call that is over is forgotten.
func TestAgentStopped(t *testing.T) {
	n := newNode(t)
	n.signal(media.Signal{Stopped: &media.Stopped{Reason: "stop"}})
	late := time.After(patience)
	for n.calls() > 0 {
		select {
		case <-time.After(time.Millisecond):
		case <-late:
			t.Fatal("the agent still listens")
		}
	}
	n.offer(callID) // of two that listen, both would answer
	for range 3 {
		n.signal(media.Signal{Started: &media.Started{}})
		n.want(message{doc: `{"mark":{"name":"greeted"}}`})
		n.signal(media.Signal{DTMF: &media.DTMF{Digit: "1"}})
		n.want(message{doc: `{"clear":{}}`})
	}
}

func (n *node) calls() int {
	n.agent.mu.Lock()
	defer n.agent.mu.Unlock()
	return len(n.agent.calls)
}

// hold sends as much audio as the agent keeps back, a frame at a time.
func (n *node) hold(text string) (frames []string) {
	n.t.Helper()
	for range int(HeldBack / media.Frame) {
		frame := strings.Repeat(text, format.FrameBytes())
		n.audio(frame)
		frames = append(frames, frame)
	}
	return frames
}

var format = media.Format{Encoding: media.L16, Rate: 16000}

func newNode(t *testing.T) *node {
	t.Helper()
	b := bustest.New(t)
	agent := &Agent{Bus: b, Log: bustest.Log(t), Org: org, Application: application}
	leave, err := agent.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := leave(); err != nil {
			t.Error(err)
		}
		ctx, stop := context.WithTimeout(context.Background(), patience)
		defer stop()
		if a, err := b.Offer(ctx, media.Offer{Org: org, Application: application, Call: "late"}); err == nil {
			t.Errorf("the agent left, and answers %+v", a)
		}
	})
	n := &node{t: t, agent: agent, bus: b, line: b.Line(callID), said: make(chan message, 64)}
	stop, err := n.line.Subscribe(subject.Agent(org, callID), func(subj string, data []byte) {
		if strings.HasSuffix(subj, ".audio") {
			n.said <- message{audio: string(slices.Clone(data))}
		} else {
			n.said <- message{doc: string(data)}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	n.offer(callID)
	return n
}

// offer offers a call, which the agent takes.
func (n *node) offer(id string) {
	n.t.Helper()
	ctx, stop := context.WithTimeout(n.t.Context(), patience)
	defer stop()
	a, err := n.bus.Offer(ctx, media.Offer{Org: org, Application: application, Call: id, Format: format})
	if err != nil || !a.Accept {
		n.t.Fatalf("offer is answered %+v, %v", a, err)
	}
}

func (n *node) audio(data string) {
	n.t.Helper()
	if err := n.line.Publish(subject.CallerAudio(org, callID), []byte(data)); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) signal(s media.Signal) {
	n.t.Helper()
	doc, err := json.Marshal(s)
	if err == nil {
		err = n.line.Publish(subject.CallerSignal(org, callID), doc)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) want(want message) {
	n.t.Helper()
	select {
	case got := <-n.said:
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(message{})); diff != "" {
			n.t.Fatalf("the agent says (-want +got):\n%s", diff)
		}
	case <-time.After(patience):
		n.t.Fatalf("the agent does not say %+v", want)
	}
}
