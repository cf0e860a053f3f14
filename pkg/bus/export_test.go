package bus

import (
	"context"

	"github.com/trunkline-io/trunkline/pkg/subject"
)

// LoseQueue deletes a queue at the server, as an operator may, once a worker
// waits for its orders.
func (b *Bus) LoseQueue(ctx context.Context, name string) error {
	for {
		consumer, err := b.js.Consumer(ctx, subject.StreamCommands, name)
		if err == nil && consumer.CachedInfo().NumWaiting > 0 {
			return b.js.DeleteConsumer(ctx, subject.StreamCommands, name)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
