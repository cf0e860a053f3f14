// Package registry owns what is configured (providers, trunks, numbers,
// applications) and knows which calls are live. It is asked over
// trunkline.svc.registry.<noun>.<verb>; any number of instances share the
// requests.
package registry

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/registry/internal/live"
	"github.com/trunkline-io/trunkline/services/registry/internal/record"
)

// Version is what the service tells NATS about itself.
const Version = "0.1.0"

// Config of the service.
type Config struct {
	Links  trunk.Links
	Listen string `env:"REGISTRY_LISTEN" envDefault:":8083" help:"address of /healthz, /readyz and /metrics; off for none"`
	Ready  func() `env:"-"` // called once the log is read and requests are answered
}

// Run answers requests until ctx ends, then finishes those in hand.
func Run(ctx context.Context, cfg Config, b *bus.Bus, log *logrus.Logger) error {
	records, err := record.Open(ctx, b, cfg.Links)
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	calls := live.NewIndex()
	var caughtUp atomic.Bool
	health := service.NewHealth(func() error {
		switch {
		case !b.Connected():
			return fmt.Errorf("nats is away")
		case !caughtUp.Load():
			return fmt.Errorf("still reading the event log")
		}
		return nil
	})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return b.Tail(ctx, bus.Span{Filters: live.Filters()}, func() {
			calls.Whole()
			caughtUp.Store(true)
			if cfg.Ready != nil {
				cfg.Ready()
			}
		}, calls.Add)
	})
	group.Go(func() error {
		endpoints := append(records.Endpoints(), calls.Endpoints()...)
		return b.Serve(ctx, "registry", Version, append(endpoints, deadLetters(b)))
	})
	group.Go(func() error { return health.Serve(ctx, cfg.Listen) })
	log.WithField("providers", len(record.Providers())).Info("registry runs")
	return group.Wait()
}

// deadLetters lists the newest messages that could not be used.
func deadLetters(b *bus.Bus) bus.Endpoint {
	return bus.Endpoint{Noun: "dead", Verb: "list", Handle: func(ctx context.Context, _ []byte) (any, error) {
		return b.DeadLetters(ctx, 100)
	}}
}
