package vonage

import (
	"context"
	"errors"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// conversation puts the call into a named room of the application.
type conversation struct {
	head
	Name           string   `json:"name"`
	StartOnEnter   *bool    `json:"startOnEnter"`
	EndOnExit      bool     `json:"endOnExit"`
	MusicOnHoldURL []string `json:"musicOnHoldUrl"`
	Mute           bool     `json:"mute"`
	Record         bool     `json:"record"`
	CanSpeak       []string `json:"canSpeak"`
	CanHear        []string `json:"canHear"`
}

// maxMembers is how many legs a named conversation holds.
const maxMembers = 50

// conference is a named conversation that somebody is in.
type conference struct {
	id   string
	key  string
	room carriersim.Room
	over chan struct{} // closed when it ends

	// Guarded by the carrier's mutex.
	members int
	ended   bool
}

func (a *conversation) check() error {
	if a.Name == "" {
		return errors.New("name is required")
	}
	return nil
}

// run keeps the call in the room until it leaves or the conversation ends.
func (a *conversation) run(ctx context.Context, s *session) *script {
	if a.Record || len(a.CanSpeak)+len(a.CanHear)+len(a.MusicOnHoldURL) > 0 {
		s.Warn("record, canSpeak, canHear and musicOnHoldUrl are not simulated")
	}
	room := s.c.enter(s.order.app, a)
	if room == nil {
		s.Warn("conversation %s is full", a.Name)
		return nil
	}
	s.mu.Lock()
	s.conversation = room.id
	s.mu.Unlock()
	me := room.room.Join()
	voice := []carriersim.Sink{me}
	if a.Mute {
		voice = nil
	}
	disconnect := s.Connect(me, voice...)
	s.Note("joined conversation %s", a.Name)
	select {
	case <-ctx.Done():
	case <-room.over:
	}
	disconnect()
	me.Leave()
	s.Note("left conversation %s", a.Name)
	s.c.leave(room, a.EndOnExit)
	return nil
}

// enter returns the conversation of that name, new if there is none, and nil if
// it is full. It starts with the first who does not wait for somebody else.
func (c *Carrier) enter(app string, a *conversation) *conference {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := app + "/" + a.Name
	r := c.conversations[key]
	if r == nil {
		r = &conference{id: newConversation(), key: key, over: make(chan struct{})}
		r.room.Shut(true)
		c.conversations[key] = r
	}
	if r.members == maxMembers {
		return nil
	}
	r.members++
	if a.StartOnEnter == nil || *a.StartOnEnter {
		r.room.Shut(false)
	}
	return r
}

func (c *Carrier) leave(r *conference, end bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.members--
	if !r.ended && (end || r.members == 0) {
		r.ended = true
		close(r.over)
		if c.conversations[r.key] == r {
			delete(c.conversations, r.key)
		}
	}
}
