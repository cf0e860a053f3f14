// Package stack runs all of Trunkline in one process: a NATS server that keeps
// its data, and the four services, behind one address.
package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/natsd"
	"github.com/trunkline-io/trunkline/pkg/config"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl"
	"github.com/trunkline-io/trunkline/services/ingress"
	"github.com/trunkline-io/trunkline/services/media"
	"github.com/trunkline-io/trunkline/services/registry"
)

// Config of a stack.
type Config struct {
	Dir       string // where everything is kept: streams, the secret key, prompts
	Listen    string // address of webhooks and media; 127.0.0.1:0 for a free port
	NATSPort  int    // of the NATS server on 127.0.0.1; 0 for a free one
	PublicURL string // where carriers reach Listen, e.g. https://calls.example.com; derived from Listen when empty
	Prompts   string // folder of prompts; <Dir>/prompts when empty
	Log       *logrus.Logger
	// Settings of the services, as lines NAME=value; see config.Load.
	Environ []string
}

// Stack is a running Trunkline.
type Stack struct {
	Bus     *bus.Bus
	Links   trunk.Links
	NATSURL string
	Addr    string // where it listens

	nats     *natsd.Server
	services *errgroup.Group
	stop     context.CancelFunc
	failed   context.Context // ends when a service has failed, or after Stop
}

// startLimit bounds the start of everything.
const startLimit = 30 * time.Second

// Start starts everything and waits until it is ready for calls.
func Start(ctx context.Context, cfg Config) (_ *Stack, err error) {
	keys, err := openKeys(cfg.Dir)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &Stack{Addr: ln.Addr().String(), Links: links(cfg.PublicURL, ln.Addr(), keys)}
	defer func() {
		if err != nil {
			_ = ln.Close() // the front has done so where it ran
			err = errors.Join(err, s.Stop())
		}
	}()
	if s.nats, err = natsd.Start(natsd.Config{Dir: filepath.Join(cfg.Dir, "nats"), Name: "trunkline", Port: cfg.NATSPort}); err != nil {
		return nil, err
	}
	s.NATSURL = s.nats.ClientURL()
	starting, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if s.Bus, err = bus.Connect(starting, bus.Config{InProcess: s.nats, Replicas: 1, MediaConn: 4}, "trunkline", cfg.Log); err != nil {
		return nil, err
	}
	return s, s.startServices(starting, cfg, ln)
}

// startServices runs the services and waits until each takes work.
func (s *Stack) startServices(ctx context.Context, cfg Config, ln net.Listener) error {
	set, err := s.settings(cfg)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.services, s.failed = errgroup.WithContext(running)
	ready := make(chan struct{}, 4)
	isReady := func() { ready <- struct{}{} }
	door := newFront(ln, cfg.Log)
	set.ingress.Serve, set.media.Serve = door.serve(webhooks), door.serve(sockets)
	set.media.Ready = func(string) { isReady() }
	set.callctl.Ready, set.registry.Ready = isReady, isReady
	s.services.Go(func() error { return ingress.Run(s.failed, set.ingress, s.Bus, cfg.Log) })
	s.services.Go(func() error { return media.Run(s.failed, set.media, s.Bus, cfg.Log) })
	s.services.Go(func() error { return callctl.Run(s.failed, set.callctl, s.Bus, cfg.Log) })
	s.services.Go(func() error { return registry.Run(s.failed, set.registry, s.Bus, cfg.Log) })
	s.services.Go(func() error { return door.run(s.failed, isReady) })
	for range cap(ready) {
		select {
		case <-ready:
		case <-s.failed.Done():
			return errors.New("a service ended while it was starting")
		case <-ctx.Done():
			return fmt.Errorf("services are not ready: %w", ctx.Err())
		}
	}
	return nil
}

type settings struct {
	ingress  ingress.Config
	media    media.Config
	callctl  callctl.Config
	registry registry.Config
}

// settings reads the services' own settings and puts in what the stack decides.
func (s *Stack) settings(cfg Config) (settings, error) {
	var set settings
	if err := config.Load(cfg.Environ, &set.ingress, &set.media, &set.callctl, &set.registry); err != nil {
		return set, err
	}
	set.ingress.Links, set.media.Links, set.callctl.Links, set.registry.Links = s.Links, s.Links, s.Links, s.Links
	set.callctl.Listen, set.registry.Listen = "", ""
	if cfg.Prompts != "" {
		set.media.Prompts = cfg.Prompts
	}
	if set.media.Prompts == "" {
		set.media.Prompts = filepath.Join(cfg.Dir, "prompts")
	}
	if err := os.MkdirAll(set.media.Prompts, 0o755); err != nil {
		return set, fmt.Errorf("prompts: %w", err)
	}
	return set, nil
}

// Wait returns when a service has failed, with its error, or after Stop.
func (s *Stack) Wait() error { return s.services.Wait() }

// Failed ends when a service has failed.
func (s *Stack) Failed() <-chan struct{} { return s.failed.Done() }

// Stop drains the services, then ends the NATS server.
func (s *Stack) Stop() error {
	var err error
	if s.stop != nil {
		s.stop()
		err = s.services.Wait()
	}
	if s.Bus != nil {
		s.Bus.Close()
	}
	if s.nats != nil {
		s.nats.Stop()
	}
	return err
}

// links derives the public addresses from one base.
func links(public string, addr net.Addr, keys *trunk.Keys) trunk.Links {
	if public == "" {
		public = "http://" + reachable(addr.String())
	}
	public = strings.TrimSuffix(public, "/")
	return trunk.Links{Keys: keys, Hooks: public, Media: "ws" + strings.TrimPrefix(public, "http")}
}

// reachable turns an address that listens everywhere into one of this machine.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}
