package ari

import (
	"encoding/json"
	"fmt"
	"strings"
)

// longestCommand is how long a text message may be, in bytes.
const longestCommand = 128

// say sends a text message. The fields are names and values in turn; plain is the
// same for a channel that was not asked to speak JSON.
func (m *media) say(event, plain string, fields ...any) {
	socket := m.socket.Load()
	if socket == nil {
		return
	}
	if !m.options.json {
		socket.Send(false, []byte(plain))
		return
	}
	text := []byte(`{"event":"` + event + `"`)
	for i := 0; i < len(fields); i += 2 {
		value, err := json.Marshal(fields[i+1])
		if err != nil {
			continue
		}
		text = fmt.Appendf(text, `,%q:%s`, fields[i], value)
	}
	socket.Send(false, append(text, '}'))
}

// greet is the first message. Releases without JSON do not name the channel's id.
func (m *media) greet() {
	id := ""
	if m.c.version.has(hasJSON) {
		id = " channel_id:" + m.ch.id
	}
	m.say("MEDIA_START", fmt.Sprintf("MEDIA_START connection_id:%s channel:%s%s format:%s optimal_frame_size:%d ptime:20",
		m.connection, m.ch.name, id, m.formatName, m.format.frame()),
		"connection_id", m.connection, "channel", m.ch.name, "channel_id", m.ch.id, "format", m.formatName,
		"optimal_frame_size", m.format.frame(), "ptime", 20, "channel_variables", m.variables())
}

// told is an event of the queue.
func (m *media) told(event, id string, about bool) {
	if event == eventMark {
		m.note("mark %s", id)
	}
	if !about {
		m.say(event, event, "channel_id", m.ch.id)
		return
	}
	m.say(event, strings.TrimSuffix(event+" "+id, " "), "channel_id", m.ch.id, "correlation_id", id)
}

// lost is what Asterisk throws away without a word to the gateway.
func (m *media) lost(what string) {
	if leg := m.leg.Load(); leg != nil {
		leg.Warn("media: %s", what)
	}
}

func (m *media) note(format string, args ...any) {
	if leg := m.leg.Load(); leg != nil {
		leg.Note(format, args...)
	}
}

func (m *media) pressed(digit string) {
	m.say("DTMF_END", fmt.Sprintf("DTMF_END digit:%s channel_id:%s", digit, m.ch.id), "channel_id", m.ch.id, "digit", digit)
}

func (m *media) complain(text string) {
	m.lost(text)
	m.say("ERROR", fmt.Sprintf("ERROR channel_id:%s error_text:%s", m.ch.id, text), "channel_id", m.ch.id, "error_text", text)
}

func (m *media) status() {
	s := m.queue.status()
	m.say("STATUS", fmt.Sprintf("STATUS channel_id:%s queue_length:%d xon_level:%d xoff_level:%d queue_full:%t bulk_media:%t media_paused:%t",
		m.ch.id, s.length, levelXON, levelXOFF, s.full, s.bulk, s.paused),
		"channel_id", m.ch.id, "queue_length", s.length, "xon_level", levelXON, "xoff_level", levelXOFF,
		"queue_full", s.full, "bulk_media", s.bulk, "media_paused", s.paused)
}

// order is a command of the gateway's.
type mediaCommand struct {
	Command       string `json:"command"`
	CorrelationID string `json:"correlation_id"`
	Direction     string `json:"direction"`
}

// receive takes a message of the gateway's.
func (m *media) receive(binary bool, data []byte) {
	if binary {
		if m.towards() != "in" {
			m.queue.write(data)
		}
		return
	}
	if len(data) > longestCommand {
		m.lost("a text message of more than 128 bytes")
		return
	}
	var cmd mediaCommand
	if m.options.json {
		if json.Unmarshal(data, &cmd) != nil {
			m.complain("Unable to parse JSON command")
			return
		}
	} else {
		cmd.Command, cmd.CorrelationID, _ = strings.Cut(string(data), " ")
	}
	m.obey(cmd)
}

func (m *media) towards() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.direction
}

// obey does what a command says. What is not known is dropped.
func (m *media) obey(cmd mediaCommand) {
	switch cmd.Command {
	case "ANSWER":
		m.answer()
		return
	case "HANGUP":
		e := ending{causeNormal, closedByCommand}
		m.fail(e, m.c.withTech(map[string]any{"cause": e.cause}, e.tech))
		return
	case "GET_STATUS":
		m.status()
		return
	case "SET_MEDIA_DIRECTION":
		m.turn(cmd.Direction)
		return
	}
	if m.towards() == "in" {
		m.complain(cmd.Command + " not supported while media direction is 'in'")
		return
	}
	m.steer(cmd)
}

// steer are the commands about what is played.
func (m *media) steer(cmd mediaCommand) {
	switch cmd.Command {
	case "MARK_MEDIA":
		if m.c.version.has(hasJSON) {
			m.queue.mark(eventMark, cmd.CorrelationID)
		}
	case "FLUSH_MEDIA":
		m.note("clear")
		for _, id := range m.queue.flush() {
			m.note("mark %s cleared", id)
		}
	case "START_MEDIA_BUFFERING":
		m.queue.buffer(true)
	case "STOP_MEDIA_BUFFERING":
		m.queue.buffer(false)
		m.queue.mark(eventCompleted, cmd.CorrelationID)
	case "PAUSE_MEDIA", "CONTINUE_MEDIA":
		m.queue.pause(cmd.Command == "PAUSE_MEDIA")
	case "REPORT_QUEUE_DRAINED":
		m.queue.reportDrained()
	default:
		m.lost("unknown command " + cmd.Command)
	}
}

// answer is for a channel that does not answer by itself.
func (m *media) answer() {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.answered:
	default:
		close(m.answered)
	}
}

// turn is the change of direction, which came late and in JSON alone.
func (m *media) turn(direction string) {
	switch {
	case !m.c.version.has(hasDirection):
		m.lost("unknown command SET_MEDIA_DIRECTION")
	case !m.options.json:
		m.complain("SET_MEDIA_DIRECTION is supported in JSON only")
	case direction != "both" && direction != "in" && direction != "out":
		m.complain("Invalid media direction")
	default:
		m.mu.Lock()
		defer m.mu.Unlock()
		m.direction = direction
	}
}
