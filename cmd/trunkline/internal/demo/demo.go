// Package demo proves Trunkline to somebody who has just met it: simulated
// carriers place real calls with recorded speech through the whole pipeline, an
// echo agent talks back, and every promise is checked and measured.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/trunkline-io/trunkline/pkg/call"
)

const (
	// atOnce is how many carriers place calls at the same time.
	atOnce = 4
	// callLimit bounds a call, which takes about 9 s when all is well.
	callLimit = 20 * time.Second
	// factLimit bounds how long the facts of a call that is over may be on their way.
	factLimit = 5 * time.Second
)

// Config says what to demonstrate.
type Config struct {
	Out      string         // folder for the recordings, made where it does not exist
	Carriers []string       // names of simulated carriers; all of Names where empty
	Live     io.Writer      // gets a line per event while the calls run; nil for none
	Log      *logrus.Logger // of the services
}

// Run places an inbound and an outbound call on each carrier and judges them.
// Its error is what kept the calls from being placed; what went wrong with a
// call is in the report.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	chosen, err := choose(cfg.Carriers)
	if err != nil {
		return nil, err
	}
	sounds, err := loadSounds()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Out, 0o755); err != nil {
		return nil, fmt.Errorf("folder for the recordings: %w", err)
	}
	began := time.Now()
	journal := newJournal(cfg.Live, chosen)
	g, err := openGateway(ctx, cfg.Log, journal)
	if err != nil {
		return nil, err
	}
	journal.say("Trunkline listens on %s, its NATS server on %s; the echo agent has joined.", g.stack.Addr, g.stack.NATSURL)
	stage := &stage{gateway: g, journal: journal, sounds: sounds, out: cfg.Out}
	calls, err := stage.playAll(chosen)
	ended := context.Cause(g.ctx) // before close ends it
	closed := g.close()
	switch {
	case ctx.Err() != nil:
		return nil, errors.New("the demo was interrupted")
	case ended != nil:
		return nil, fmt.Errorf("the demo was cut short: %w", ended)
	}
	if err := errors.Join(err, closed); err != nil {
		return nil, err
	}
	return newReport(cfg.Out, time.Since(began), calls, journal.strays()), nil
}

// stage is what all calls of a demonstration share.
type stage struct {
	gateway *gateway
	journal *journal
	sounds  sounds
	out     string
}

// playAll plays some carriers at once and returns their calls in order.
func (s *stage) playAll(chosen []persona) ([]Call, error) {
	calls := make([][2]Call, len(chosen))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, p := range chosen {
		group.Go(func() (err error) {
			calls[i], err = s.play(p)
			return err
		})
	}
	err := group.Wait()
	var flat []Call
	for _, pair := range calls {
		flat = append(flat, pair[:]...)
	}
	return flat, err
}

// play sets a trunk up for one carrier and places a call in either direction.
func (s *stage) play(p persona) (calls [2]Call, err error) {
	carrier, err := p.open()
	if err != nil {
		return calls, fmt.Errorf("simulated %s: %w", p.name, err)
	}
	defer func() { err = errors.Join(err, carrier.Close()) }()
	if err := s.gateway.setUp(carrier); err != nil {
		return calls, fmt.Errorf("set up a trunk for %s: %w", p.name, err)
	}
	for i, direction := range []call.Direction{call.Inbound, call.Outbound} {
		if calls[i], err = s.place(p, carrier, direction); err != nil {
			return calls, fmt.Errorf("%s call over %s: %w", direction, p.name, err)
		}
	}
	return calls, nil
}
