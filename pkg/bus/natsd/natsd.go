// Package natsd runs a NATS server with JetStream inside the process: the
// broker of single-machine installations, of the demo and of tests.
package natsd

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Config of an embedded server.
type Config struct {
	Dir  string // where streams are kept
	Host string // address to listen on; 127.0.0.1 when empty
	Port int    // 0 for a free one
	Name string
}

// Server is a running NATS server. It implements bus.InProcess.
type Server struct{ *server.Server }

// Start runs a server and waits until it takes connections.
func Start(cfg Config) (*Server, error) {
	if cfg.Host == "" {
		cfg.Host = "127.0.0.1"
	}
	if cfg.Port == 0 {
		cfg.Port = server.RANDOM_PORT
	}
	s, err := server.NewServer(&server.Options{
		ServerName: cfg.Name, Host: cfg.Host, Port: cfg.Port, StoreDir: cfg.Dir,
		JetStream: true, NoSigs: true, NoLog: true, MaxPayload: 1 << 20, WriteDeadline: 5 * time.Second,
	})
	if err != nil {
		return nil, fmt.Errorf("nats server: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		s.Shutdown()
		return nil, errors.New("nats server: not ready within 10 seconds; is the port taken, or the data folder in use?")
	}
	return &Server{s}, nil
}

// Stop ends the server and waits until its files are closed.
func (s *Server) Stop() {
	s.Shutdown()
	s.WaitForShutdown()
}
