// Command callctl runs Trunkline's callctl service.
package main

import (
	"context"
	"os"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	_ "github.com/trunkline-io/trunkline/pkg/provider/all"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl"
)

func main() {
	var cfg callctl.Config
	os.Exit(service.Main("callctl", &cfg, func(ctx context.Context, keys *trunk.Keys, b *bus.Bus, log *logrus.Logger) error {
		cfg.Links.Keys = keys
		return callctl.Run(ctx, cfg, b, log)
	}))
}
