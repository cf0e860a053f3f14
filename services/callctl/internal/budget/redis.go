package budget

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// answerWithin bounds one request to Redis: an order waits for it.
const answerWithin = 2 * time.Second

//go:embed take.lua
var takeSource string

var take = redis.NewScript(takeSource)

// Redis is a Budget that all nodes share. It counts by the clock of the Redis
// server; what it holds expires by itself.
type Redis struct {
	client *redis.Client
	now    func() time.Time // nil for the server's clock
}

// OpenRedis makes a budget at a Redis server (redis://, rediss:// or unix://).
// It does not connect yet.
func OpenRedis(url string) (*Redis, error) {
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("the Redis URL cannot be read; want redis://[user:password@]host:port/db") // it may hold a password
	}
	opts.ContextTimeoutEnabled = true
	opts.DialTimeout = answerWithin
	// Whoever asks comes again by itself.
	opts.MaxRetries, opts.DialerRetries = -1, 1
	// A server before 8 knows no such notifications.
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &Redis{client: redis.NewClient(opts)}, nil
}

// Close drops the connections.
func (r *Redis) Close() error { return r.client.Close() }

// Take implements Budget.
func (r *Redis) Take(ctx context.Context, trunk, call string, l Limits, patience time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	now := ""
	if r.now != nil {
		now = millis(r.now())
	}
	wait, err := take.Run(ctx, r.client, []string{slotsKey(trunk), turnsKey(trunk), "trunkline:{" + trunk + "}:next"},
		call, l.PerSecond, l.Calls, patience.Milliseconds(), Lease.Milliseconds(), Busy.Milliseconds(), forgotten.Milliseconds(), now).Int64()
	if err != nil {
		return 0, fmt.Errorf("dial budget: %w", err)
	}
	return time.Duration(wait) * time.Millisecond, nil
}

// Keep implements Budget.
func (r *Redis) Keep(ctx context.Context, trunk string, calls []string) error {
	if len(calls) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	now, err := r.clock(ctx)
	if err != nil {
		return fmt.Errorf("dial budget: %w", err)
	}
	slots := make([]redis.Z, len(calls))
	for i, call := range calls {
		slots[i] = redis.Z{Score: float64(now.Add(Lease).UnixMilli()), Member: call}
	}
	pipe := r.client.Pipeline()
	pipe.ZAdd(ctx, slotsKey(trunk), slots...)
	pipe.PExpire(ctx, slotsKey(trunk), 4*Lease)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("dial budget: %w", err)
	}
	return nil
}

// Free implements Budget.
func (r *Redis) Free(ctx context.Context, trunk, call string) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	pipe := r.client.Pipeline()
	pipe.ZRem(ctx, slotsKey(trunk), call)
	pipe.ZRem(ctx, turnsKey(trunk), call)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("dial budget: %w", err)
	}
	return nil
}

func (r *Redis) clock(ctx context.Context) (time.Time, error) {
	if r.now != nil {
		return r.now(), nil
	}
	return r.client.Time(ctx).Result()
}

// The braces put all keys of a trunk on one node of a Redis cluster.
func slotsKey(trunk string) string { return "trunkline:{" + trunk + "}:slots" }
func turnsKey(trunk string) string { return "trunkline:{" + trunk + "}:turns" }

func millis(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMicro())/1000, 'f', 3, 64)
}
