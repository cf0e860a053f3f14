// Command media runs Trunkline's media service.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	_ "github.com/trunkline-io/trunkline/pkg/provider/all"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/media"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(media.GCPercent)
	}
	var cfg media.Config
	os.Exit(service.Main("media", &cfg, func(ctx context.Context, keys *trunk.Keys, b *bus.Bus, log *logrus.Logger) error {
		cfg.Links.Keys = keys
		return media.Run(ctx, cfg, b, log)
	}))
}
