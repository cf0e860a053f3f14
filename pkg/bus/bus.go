// Package bus is how Trunkline's services talk: facts, orders, buckets, audio
// and requests over NATS. It is the only package that imports nats.go.
package bus

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/sirupsen/logrus"
)

// MinServer is the oldest NATS server that keeps the promises the streams
// rely on. Older ones accept the settings and ignore them without a word.
const MinServer = "2.12"

// Config says how to reach NATS.
type Config struct {
	URL       string `env:"NATS_URL" envDefault:"nats://127.0.0.1:4222" help:"NATS servers, comma-separated"`
	CredsFile string `env:"NATS_CREDS" help:"file with the JWT and seed of a NATS user"`
	Replicas  int    `env:"NATS_REPLICAS" envDefault:"1" help:"copies of every stream and bucket"`
	MediaConn int    `env:"NATS_MEDIA_CONNECTIONS" envDefault:"4" help:"connections that share the audio of calls"`

	// Client is for programs that use Trunkline and do not run it: streams and
	// buckets are taken as the services made them.
	Client bool `env:"-"`
	// InProcess, when set, is a server in this process; URL is not used.
	InProcess InProcess `env:"-"`
}

// InProcess is a NATS server that hands out connections without a socket.
type InProcess interface{ InProcessConn() (net.Conn, error) }

// Bus is a connection to NATS. It is safe for concurrent use.
type Bus struct {
	cfg  Config
	name string
	log  *logrus.Logger
	nc   *nats.Conn
	js   jetstream.JetStream
	pool []*nats.Conn
	seed maphash.Seed
}

// Connect dials NATS, refuses a server older than MinServer, and creates or
// updates every stream and bucket, unless for a client. name is shown in the
// server's monitoring.
func Connect(ctx context.Context, cfg Config, name string, log *logrus.Logger) (*Bus, error) {
	b := &Bus{cfg: cfg, name: name, log: log, seed: maphash.MakeSeed()}
	nc, err := b.dial(name, nil)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	b.nc = nc
	if err := b.setup(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Bus) setup(ctx context.Context) error {
	if version := b.nc.ConnectedServerVersion(); !atLeast(version, MinServer) {
		return fmt.Errorf("nats server %s is too old: Trunkline needs %s or newer", version, MinServer)
	}
	js, err := jetstream.New(b.nc, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		return fmt.Errorf("jetstream: %w", err)
	}
	b.js = js
	if err := b.prepare(ctx); err != nil {
		return err
	}
	audio := newGathering()
	for i := range max(b.cfg.MediaConn, 1) {
		nc, err := b.dial(b.name+"-media-"+strconv.Itoa(i), audio)
		if err != nil {
			return fmt.Errorf("connect to nats: %w", err)
		}
		b.pool = append(b.pool, nc)
	}
	return nil
}

// dial opens a connection, which gathers what it writes if pool is set.
func (b *Bus) dial(name string, pool *gathering) (*nats.Conn, error) {
	opts := []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		// A publish while the server is away fails at once: a caller waits.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		// Writing and connecting hold the connection's lock, so that no
		// caller's deadline helps while a frozen server lets them wait.
		nats.Timeout(dialLimit),
		nats.FlusherTimeout(time.Second),
		nats.ReconnectOnFlusherError(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil is a close of our own
				b.log.WithField("conn", name).WithError(err).Warn("nats is away")
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { b.log.WithField("conn", name).Info("nats is back") }),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			entry := b.log.WithField("conn", name).WithError(err)
			if sub != nil {
				entry = entry.WithField("subject", sub.Subject)
			}
			entry.Warn("nats reports an error")
		}),
	}
	if b.cfg.CredsFile != "" {
		opts = append(opts, nats.UserCredentials(b.cfg.CredsFile))
	}
	switch {
	case b.cfg.InProcess != nil && pool != nil:
		opts = append(opts, nats.InProcessServer(gatherInProcess{b.cfg.InProcess, pool}))
	case b.cfg.InProcess != nil:
		opts = append(opts, nats.InProcessServer(b.cfg.InProcess))
	case pool != nil:
		opts = append(opts, nats.SetCustomDialer(&gatherDialer{net.Dialer{Timeout: dialLimit}, pool}))
	}
	return nats.Connect(b.cfg.URL, opts...)
}

// Connected reports whether the server answers right now.
func (b *Bus) Connected() bool { return b.nc.IsConnected() }

// Close drops the connections at once.
func (b *Bus) Close() {
	for _, nc := range append(b.pool, b.nc) {
		nc.Close()
	}
}

// Ping makes a round trip to the server.
func (b *Bus) Ping(ctx context.Context) error { return flush(ctx, b.nc) }

// flush makes a round trip, within a limit where ctx has none.
func flush(ctx context.Context, nc *nats.Conn) error {
	ctx, cancel := within(ctx, replyLimit)
	defer cancel()
	return nc.FlushWithContext(ctx)
}

// dialLimit bounds the opening of a connection.
const dialLimit = 1500 * time.Millisecond

// Limits for callers that set none: what a connection loses while it breaks
// would be waited for until the program ends.
const (
	replyLimit   = 5 * time.Second // the server's own replies
	requestLimit = time.Minute     // those of a service, which may ask a carrier several things
)

// within bounds a ctx that has no deadline.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, bounded := ctx.Deadline(); bounded {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

// atLeast compares the first two numbers of dotted versions.
func atLeast(version, want string) bool {
	v, w := numbers(version), numbers(want)
	return v[0] > w[0] || v[0] == w[0] && v[1] >= w[1]
}

func numbers(version string) (n [2]int) {
	for i, part := range strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3) {
		if i < 2 {
			n[i], _ = strconv.Atoi(part)
		}
	}
	return n
}

// Errors of the bus.
var (
	// ErrNotFound: there is no such fact, key or message.
	ErrNotFound = errors.New("not found")
	// ErrExists: the key is taken.
	ErrExists = errors.New("exists already")
	// ErrChanged: somebody else wrote the key in between.
	ErrChanged = errors.New("changed in between")
	// ErrNoResponders: nobody listens on the subject.
	ErrNoResponders = errors.New("nobody listens")
	// ErrNotRecorded: the log refused a fact, and does not hold it either.
	ErrNotRecorded = errors.New("the event log refused the fact")

	// errEnded: the server or the connection ended what was to go on until ctx
	// ends, as when somebody deletes a consumer.
	errEnded = errors.New("ended before its time")
)
