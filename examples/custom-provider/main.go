// Command trunkline-acme runs any of Trunkline's services with Acme built in,
// beside the providers that come with Trunkline:
//
//	trunkline-acme ingress|callctl|media|registry
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	_ "github.com/trunkline-io/trunkline/pkg/provider/all"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl"
	"github.com/trunkline-io/trunkline/services/ingress"
	"github.com/trunkline-io/trunkline/services/media"
	"github.com/trunkline-io/trunkline/services/registry"

	_ "example.com/trunkline-acme/acme" // the one line that adds a provider
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: trunkline-acme ingress|callctl|media|registry [--help]")
		os.Exit(2)
	}
	name := os.Args[1]
	os.Args = os.Args[1:]
	os.Exit(run(name))
}

func run(name string) int {
	switch name {
	case "ingress":
		var cfg ingress.Config
		return service.Main(name, &cfg, func(ctx context.Context, keys *trunk.Keys, b *bus.Bus, log *logrus.Logger) error {
			cfg.Links.Keys = keys
			return ingress.Run(ctx, cfg, b, log)
		})
	case "callctl":
		var cfg callctl.Config
		return service.Main(name, &cfg, func(ctx context.Context, keys *trunk.Keys, b *bus.Bus, log *logrus.Logger) error {
			cfg.Links.Keys = keys
			return callctl.Run(ctx, cfg, b, log)
		})
	case "media":
		var cfg media.Config
		return service.Main(name, &cfg, func(ctx context.Context, keys *trunk.Keys, b *bus.Bus, log *logrus.Logger) error {
			cfg.Links.Keys = keys
			return media.Run(ctx, cfg, b, log)
		})
	case "registry":
		var cfg registry.Config
		return service.Main(name, &cfg, func(ctx context.Context, keys *trunk.Keys, b *bus.Bus, log *logrus.Logger) error {
			cfg.Links.Keys = keys
			return registry.Run(ctx, cfg, b, log)
		})
	}
	fmt.Fprintf(os.Stderr, "trunkline-acme: there is no service %q\n", name)
	return 2
}
