// Package bustest gives tests a bus over a real NATS server in the process.
package bustest

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/natsd"
)

// Server starts a server of its own for the test.
func Server(t testing.TB) *natsd.Server {
	t.Helper()
	s, err := natsd.Start(natsd.Config{Dir: t.TempDir(), Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// New connects to a server of its own.
func New(t testing.TB) *bus.Bus {
	t.Helper()
	return Connect(t, Server(t))
}

// Connect connects to a server of the test's over loopback TCP.
func Connect(t testing.TB, s *natsd.Server) *bus.Bus {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	b, err := bus.Connect(ctx, bus.Config{URL: s.ClientURL(), Replicas: 1, MediaConn: 2}, t.Name(), Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// Log writes what is worth a warning into the test's output.
func Log(t testing.TB) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	log.SetLevel(logrus.WarnLevel)
	log.AddHook(hook{t})
	return log
}

type hook struct{ t testing.TB }

// Levels are the levels that reach the test's output.
func (hook) Levels() []logrus.Level { return logrus.AllLevels }

// Fire writes one line.
func (h hook) Fire(e *logrus.Entry) error {
	line, err := e.String()
	if err == nil && h.t.Context().Err() == nil {
		h.t.Log(line)
	}
	return err
}
