// Command trunkline-bench measures webhooks and media on loopback: what is
// measured runs in a process of its own on one core, NATS, agents and the load
// on another. Each figure stands beside a limit that was measured in the same
// run, and beside a peer in Node where node is there. Every run is bounded.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"time"
)

// restGC is how little garbage is collected in what is not measured.
const restGC = 800

// options of a run.
type options struct {
	webhooks, media bool
	peer            string // folder of the Node peer
	seconds         int    // measured time of a step
	connections     int
	calls           int    // of media, 0 to look for the most
	profile         string // file for a CPU profile of the media node
}

func main() {
	var o options
	role := flag.String("role", "", "used by the bench itself")
	only := flag.String("only", "", "webhooks or media; both when empty")
	flag.StringVar(&o.peer, "peer", "bench/peers/node", "folder of the Node peer; empty for none")
	flag.IntVar(&o.seconds, "seconds", 5, "measured time of each step")
	flag.IntVar(&o.connections, "connections", 32, "HTTP connections")
	flag.IntVar(&o.calls, "calls", 0, "this number of media calls alone, whatever the delay; 0 to look for the most")
	flag.StringVar(&o.profile, "profile", "", "file for a CPU profile of the media node")
	flag.Parse()
	o.webhooks, o.media = *only != "media", *only != "webhooks"
	if err := run(*role, o); err != nil {
		fmt.Fprintln(os.Stderr, "trunkline-bench:", err)
		os.Exit(1)
	}
}

func run(role string, o options) error {
	if role != "" {
		return runRole(role)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	// The load shares its core with NATS: one thread, and little collecting.
	pin(os.Getpid(), coreRest)
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(restGC)
	peer, err := openPeer(o.peer)
	if err != nil {
		return err
	}
	fmt.Println("Measured on core 0; NATS, agents and load on core 1. Absolute figures vary with the machine; ratios of one run are firmer.")
	if o.webhooks {
		if err := benchWebhooks(ctx, o, peer); err != nil {
			return fmt.Errorf("webhooks: %w", err)
		}
	}
	if o.media {
		if err := benchMedia(ctx, o, peer); err != nil {
			return fmt.Errorf("media: %w", err)
		}
	}
	return nil
}

func (o options) measured() time.Duration { return time.Duration(o.seconds) * time.Second }
