package bus

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"
)

// renewLease leaves room for two renewals that fail before the lease is over.
const renewLease = LeaseAge / 4

// Lease is one thing that at most one process does at a time. Around a change
// of hands two may do it for a moment, so what is done must bear that.
type Lease struct {
	Bucket *Bucket // LEASES
	Key    string
	Owner  string // shown to operators
	Log    *logrus.Logger
}

// Hold waits for the lease and then runs work, whose context ends when the
// lease is lost; and so on until ctx ends. It gives the lease back at once.
func (l Lease) Hold(ctx context.Context, work func(context.Context)) {
	for ctx.Err() == nil {
		revision, err := l.Bucket.Create(ctx, l.Key, []byte(l.Owner))
		if err == nil {
			l.Log.WithField("lease", l.Key).Info("lease is taken")
			l.keep(ctx, revision, work)
		} else if !errors.Is(err, ErrExists) && ctx.Err() == nil {
			l.Log.WithError(err).WithField("lease", l.Key).Warn("lease cannot be asked for")
		}
		rest(ctx, renewLease)
	}
}

// keep runs work until the lease is lost or ctx ends.
func (l Lease) keep(ctx context.Context, revision uint64, work func(context.Context)) {
	working, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		work(working)
	}()
	defer func() {
		stop()
		<-done
	}()
	for good := time.Now(); ; {
		rest(ctx, renewLease)
		if ctx.Err() != nil {
			stop()
			<-done
			l.giveBack(context.WithoutCancel(ctx))
			return
		}
		try, cancel := context.WithTimeout(ctx, renewLease)
		next, err := l.Bucket.Update(try, l.Key, []byte(l.Owner), revision)
		cancel()
		switch {
		case err == nil:
			revision, good = next, time.Now()
		case errors.Is(err, ErrChanged), time.Since(good) > LeaseAge-2*renewLease:
			l.Log.WithError(err).WithField("lease", l.Key).Warn("lease is lost")
			return
		}
	}
}

func (l Lease) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, renewLease)
	defer cancel()
	if err := l.Bucket.Delete(ctx, l.Key); err != nil {
		l.Log.WithError(err).WithField("lease", l.Key).Warn("lease is not given back") // it expires
	}
}

func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
