// Package callctl carries out orders: it drives the carriers' REST APIs, so
// that calls are dialled, answered, redirected and hung up, and sees to it that
// every call has an end. Any number of instances share the work.
package callctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl/internal/budget"
	"github.com/trunkline-io/trunkline/services/callctl/internal/carrier"
	"github.com/trunkline-io/trunkline/services/callctl/internal/dial"
	"github.com/trunkline-io/trunkline/services/callctl/internal/ledger"
	"github.com/trunkline-io/trunkline/services/callctl/internal/order"
	"github.com/trunkline-io/trunkline/services/callctl/internal/sweep"
)

// Version is what the service tells NATS about itself.
const Version = "0.1.0"

// Config of the service.
type Config struct {
	Links  trunk.Links
	Listen string `env:"CALLCTL_LISTEN" envDefault:":8082" help:"address of /healthz, /readyz and /metrics; off for none"`

	RedisURL string        `env:"CALLCTL_REDIS_URL" help:"Redis that counts the calls of a trunk for all callctl; without it each counts its own"`
	Parallel int           `env:"CALLCTL_PARALLEL" envDefault:"64" help:"orders in hand at once"`
	AckWait  time.Duration `env:"CALLCTL_ACK_WAIT" envDefault:"30s" help:"after which an order in hand is given to another callctl"`

	Attempts int           `env:"CALLCTL_DIAL_ATTEMPTS" envDefault:"4" help:"how often a call is dialled while the carrier proves that it rang nobody"`
	Backoff  time.Duration `env:"CALLCTL_DIAL_BACKOFF" envDefault:"2s" help:"before the second attempt to dial; doubled before each further one"`

	Sweep   time.Duration   `env:"CALLCTL_SWEEP_EVERY" envDefault:"2s" help:"between two looks at the calls in progress"`
	Grace   time.Duration   `env:"CALLCTL_GRACE" envDefault:"60s" help:"beyond the ring limit, before the outcome of a dial counts as uncertain"`
	Quiet   time.Duration   `env:"CALLCTL_QUIET" envDefault:"30s" help:"without a sign of life, before the carrier is asked about a call"`
	Find    time.Duration   `env:"CALLCTL_FIND_EVERY" envDefault:"10s" help:"between two questions whether a dial happened"`
	MaxCall time.Duration   `env:"CALLCTL_MAX_CALL" envDefault:"4h" help:"after which a silent call is over whose carrier cannot be asked"`
	Late    time.Duration   `env:"CALLCTL_LATE" envDefault:"1h" help:"how long after an end a leg that shows up is still hung up"`
	Cost    []time.Duration `env:"CALLCTL_COST_AFTER" envDefault:"5s,30s,2m,10m" help:"after the end of a call: when to ask what it cost"`

	// Patience is how long whoever began to dial may be still at it; longer
	// than a request to a carrier may take.
	Patience time.Duration `env:"-"`
	// Ready, when set, is called when orders are about to be taken.
	Ready func() `env:"-"`
}

// check refuses settings with which nothing would work.
func (c Config) check() error {
	for name, d := range map[string]time.Duration{"CALLCTL_ACK_WAIT": c.AckWait, "CALLCTL_SWEEP_EVERY": c.Sweep, "CALLCTL_GRACE": c.Grace,
		"CALLCTL_QUIET": c.Quiet, "CALLCTL_FIND_EVERY": c.Find, "CALLCTL_MAX_CALL": c.MaxCall} {
		if d <= 0 {
			return fmt.Errorf("TRUNKLINE_%s is %s, want more than zero", name, d)
		}
	}
	if c.Links.Hooks == "" {
		return errors.New("TRUNKLINE_PUBLIC_URL is not set; carriers tell there how calls go on")
	}
	if c.Parallel < 1 || c.Attempts < 1 {
		return fmt.Errorf("TRUNKLINE_CALLCTL_PARALLEL is %d and TRUNKLINE_CALLCTL_DIAL_ATTEMPTS is %d, want 1 or more", c.Parallel, c.Attempts)
	}
	return nil
}

// keepEvery is the heartbeat of the slots: two may be lost.
const keepEvery = budget.Lease / 3

// Run carries out orders until ctx ends, then finishes those in hand.
func Run(ctx context.Context, cfg Config, b *bus.Bus, log *logrus.Logger) error {
	err := run(ctx, cfg, b, log)
	if err == nil || ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("callctl: %w", err)
}

func run(ctx context.Context, cfg Config, b *bus.Bus, log *logrus.Logger) error {
	if err := cfg.check(); err != nil {
		return err
	}
	if cfg.Patience == 0 {
		cfg.Patience = provider.RequestTimeout + 5*time.Second
	}
	var loaded atomic.Bool
	health := service.NewHealth(func() error {
		switch {
		case !b.Connected():
			return errors.New("nats is away")
		case !loaded.Load():
			return errors.New("the configuration is not read yet")
		}
		return nil
	})
	calls, err := openBudget(cfg.RedisURL)
	if err != nil {
		return err
	}
	defer calls.close()
	l := &ledger.Ledger{Bus: b, Lines: trunk.NewCache(cfg.Links.Keys, log), Links: cfg.Links, Log: log, Metrics: ledger.NewMetrics(health.Metrics)}
	if err := l.Open(ctx); err != nil {
		return err
	}
	known := make(chan struct{})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.Lines.Watch(ctx, b, func() { close(known) }) })
	group.Go(func() error { return health.Serve(ctx, cfg.Listen) })
	group.Go(func() error {
		select {
		case <-known:
		case <-ctx.Done():
			return nil
		}
		loaded.Store(true)
		log.Info("callctl runs")
		if cfg.Ready != nil {
			cfg.Ready()
		}
		return work(ctx, cfg, l, calls)
	})
	return group.Wait()
}

// work takes orders, sweeps, and answers requests.
func work(ctx context.Context, cfg Config, l *ledger.Ledger, calls budget.Budget) error {
	desk := &order.Desk{Ledger: l, Dialer: &dial.Dialer{Ledger: l, Budget: calls, Attempts: cfg.Attempts, Backoff: cfg.Backoff, Patience: cfg.Patience}}
	owner, _ := os.Hostname() // "" does as well
	sweeper := &sweep.Sweeper{Ledger: l, Budget: calls, Owner: fmt.Sprintf("%s/%d", owner, os.Getpid()), Times: sweep.Times{
		Every: cfg.Sweep, Grace: cfg.Grace, Quiet: cfg.Quiet, Patience: cfg.Patience, FindEvery: cfg.Find, Keep: keepEvery,
		MaxCall: cfg.MaxCall, Late: cfg.Late, Cost: cfg.Cost}}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return l.Bus.Work(ctx, bus.Queue{Name: "callctl", Types: order.Types, Parallel: cfg.Parallel, AckWait: cfg.AckWait}, desk.Take)
	})
	group.Go(func() error { return sweeper.Run(ctx) })
	group.Go(func() error { return l.Bus.Serve(ctx, "callctl", Version, carrier.Desk{Ledger: l}.Endpoints()) })
	return group.Wait()
}

// closing is a budget that is closed at the end.
type closing struct {
	budget.Budget
	close func()
}

func openBudget(redisURL string) (closing, error) {
	if redisURL == "" {
		return closing{budget.NewMemory(time.Now), func() {}}, nil
	}
	r, err := budget.OpenRedis(redisURL)
	if err != nil {
		return closing{}, fmt.Errorf("TRUNKLINE_CALLCTL_REDIS_URL: %w", err)
	}
	return closing{r, func() { _ = r.Close() }}, nil
}
