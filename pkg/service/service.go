// Package service is what Trunkline's services share around their work: how a
// program starts and stops, its log, its health and its metrics.
package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/config"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// Shared are the settings that every service has.
type Shared struct {
	NATS           bus.Config
	SecretKey      string `env:"SECRET_KEY" help:"seals credentials and signs callback URLs; the same for all services; 32 characters or more"`
	SecretPrevious string `env:"SECRET_KEY_PREVIOUS" help:"the secret before the last rotation, still accepted"`
	LogLevel       string `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error"`
}

// Main runs one service as a program: settings from the environment (settings
// points to the service's own), a bus, a log on stderr, and run until SIGINT or
// SIGTERM; a second one ends it at once. It returns the exit status.
func Main(name string, settings any, run func(context.Context, *trunk.Keys, *bus.Bus, *logrus.Logger) error) int {
	err := main(name, settings, run)
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	return 1
}

func main(name string, settings any, run func(context.Context, *trunk.Keys, *bus.Bus, *logrus.Logger) error) error {
	var shared Shared
	if len(os.Args) > 1 {
		return help(name, shared, settings)
	}
	if err := config.Load(os.Environ(), &shared, settings); err != nil {
		return err
	}
	log, err := NewLog(os.Stderr, shared.LogLevel)
	if err != nil {
		return err
	}
	keys, err := trunk.NewKeys(shared.SecretKey, shared.SecretPrevious)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	starting, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	b, err := bus.Connect(starting, shared.NATS, "trunkline-"+name, log)
	if err != nil {
		return err
	}
	defer b.Close()
	return run(ctx, keys, b, log)
}

func help(name string, settings ...any) error {
	if os.Args[1] != "--help" && os.Args[1] != "-h" {
		return errors.New("takes no arguments but --help; it is set up by environment variables")
	}
	_, err := fmt.Printf("trunkline %s is set up by these environment variables. A secret NAME may also be given as NAME_FILE.\n\n%s",
		name, config.Reference(settings...))
	return err
}

// NewLog makes a JSON log of a level.
func NewLog(to io.Writer, level string) (*logrus.Logger, error) {
	l, err := logrus.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("TRUNKLINE_LOG_LEVEL: %w", err)
	}
	log := logrus.New()
	log.SetOutput(to)
	log.SetLevel(l)
	log.SetFormatter(&logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano})
	return log, nil
}

// MaskNumber hides the middle of a number for logs.
func MaskNumber(number string) string {
	const shown = 5
	if len(number) <= shown+2 {
		return "*****"
	}
	return number[:shown] + "*****" + number[len(number)-2:]
}
