package ari

import (
	"time"
)

// Crash kills the PBX and starts it again: all sockets break, all calls are gone
// without an event, and it knows neither channel nor bridge nor application.
func (c *Carrier) Crash() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.die()
}

func (c *Carrier) die() {
	for _, a := range c.apps {
		if a.socket != nil {
			a.socket.Cut()
		}
	}
	channels := c.channels
	c.channels, c.bridges, c.apps, c.media = map[string]*channel{}, map[string]*bridge{}, map[string]*application{}, map[string]*media{}
	for _, ch := range channels {
		ch.hangUp()
		if ch.media != nil {
			if socket := ch.media.socket.Load(); socket != nil {
				socket.Cut()
			}
			continue
		}
		ch.leg.Hangup(hungUpByPBX)
		ch.leg.End("crashed")
		ch.leg.Finish()
	}
	c.started = time.Now()
}
