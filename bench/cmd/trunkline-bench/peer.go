package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
)

const noPeer = "not run: node and npm are not there, or --peer is empty"

// peer is what a user would write instead, in Node.
type peer struct{ dir string }

// openPeer installs the peer's packages; nil where there is no Node.
func openPeer(dir string) (*peer, error) {
	if dir == "" {
		return nil, nil
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, nil //nolint:nilerr // without Node there is no peer
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err == nil {
		return &peer{dir}, nil
	}
	cmd := exec.Command("npm", "ci", "--silent", "--no-audit", "--no-fund")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("npm ci in %s: %w", dir, err)
	}
	return &peer{dir}, nil
}

func (p *peer) start(script string, env ...string) (*process, error) {
	return start(coreMeasured, append(env, "NODE_ENV=production"), "node", filepath.Join(p.dir, script))
}

// webhooks measures the peer's webhook server on the same NATS.
func (p *peer) webhooks(s *site, o options) (rate, error) {
	server, err := p.start("webhooks.js", "NATS_URL="+s.nats.Address, "AUTH_TOKEN="+authToken, "PUBLIC_URL="+hooksURL)
	if err != nil {
		return rate{}, err
	}
	defer server.stop()
	var n atomic.Int64
	return measurePlain(server, o, func() []byte {
		i := n.Add(1)
		return signed(fmt.Sprintf("%s/status/%d", hooksURL, i), form("ringing", i))
	})
}

// measurePlain is measure for a server without /metrics.
func measurePlain(p *process, o options, next func() []byte) (rate, error) {
	r, err := measure(p, o, next)
	r.allocs = 0
	return r, err
}

// media measures the peer's media echo.
func (p *peer) media(ctx context.Context, o options) (capacity, error) {
	server, err := p.start("media.js")
	if err != nil {
		return capacity{}, err
	}
	defer server.stop()
	return climb(ctx, o, server, plainStreams(server.Address))
}
