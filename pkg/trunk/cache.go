package trunk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// Cache is a watched, read-only copy of what is configured. It goes on
// answering while NATS is away. It is safe for concurrent use.
type Cache struct {
	keys *Keys
	log  *logrus.Logger

	mu           sync.RWMutex
	trunks       map[string]*Line
	numbers      map[string]Number
	applications map[string]Application
	changed      chan struct{} // closed at the next change of a trunk
}

// Line is a trunk with its account, ready to be used.
type Line struct {
	Trunk
	Revision uint64            // of the record
	Account  *provider.Account // nil where the configuration is broken; see Broken
	Broken   error
}

// Asked is the format that the carrier is asked to send and take in a call of an
// application: the application's, where the carrier has it, else the zero Format,
// for the carrier's own.
func (l *Line) Asked(a Application) media.Format {
	if slices.Contains(l.Account.Spec().Formats, a.Format) {
		return a.Format
	}
	return media.Format{}
}

// NewCache returns an empty cache; Watch fills it.
func NewCache(keys *Keys, log *logrus.Logger) *Cache {
	return &Cache{keys: keys, log: log, trunks: map[string]*Line{}, numbers: map[string]Number{},
		applications: map[string]Application{}, changed: make(chan struct{})}
}

// Watch keeps the cache current until ctx ends. loaded is called once, when
// the cache holds everything there is.
func (c *Cache) Watch(ctx context.Context, b *bus.Bus, loaded func()) error {
	var readers sync.WaitGroup
	var unread atomic.Int32
	unread.Store(3)
	errs := make(chan error, 3)
	ctx, cancel := context.WithCancel(ctx)
	defer readers.Wait()
	defer cancel()
	for bucket, apply := range map[string]func(bus.Change) error{
		subject.BucketTrunks:       c.setTrunk,
		subject.BucketNumbers:      func(ch bus.Change) error { return set(&c.mu, c.numbers, ch) },
		subject.BucketApplications: func(ch bus.Change) error { return set(&c.mu, c.applications, ch) },
	} {
		k, err := b.Bucket(ctx, bucket)
		if err != nil {
			return err
		}
		readers.Go(func() {
			errs <- k.Watch(ctx, func() {
				if unread.Add(-1) == 0 {
					loaded()
				}
			}, func(ch bus.Change) {
				if err := apply(ch); err != nil {
					c.log.WithError(err).WithField("key", ch.Key).Error("configuration is passed over")
				}
			})
			cancel()
		})
	}
	readers.Wait()
	return <-errs
}

func set[R any](mu *sync.RWMutex, into map[string]R, ch bus.Change) error {
	mu.Lock()
	defer mu.Unlock()
	if ch.Value == nil {
		delete(into, ch.Key)
		return nil
	}
	var r R
	if err := json.Unmarshal(ch.Value, &r); err != nil {
		return err
	}
	into[ch.Key] = r
	return nil
}

func (c *Cache) setTrunk(ch bus.Change) error {
	var line *Line
	if ch.Value != nil {
		line = &Line{Revision: ch.Revision}
		if err := json.Unmarshal(ch.Value, &line.Trunk); err != nil {
			return err
		}
		line.open(c.keys)
		c.announce(line)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if line == nil {
		delete(c.trunks, ch.Key)
	} else {
		c.trunks[ch.Key] = line
	}
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

func (l *Line) open(keys *Keys) {
	opened, err := keys.OpenSecrets(l.Trunk)
	if err != nil {
		l.Broken = err
		return
	}
	l.Account, l.Broken = provider.Open(l.Provider, opened.ProviderConfig())
}

func (c *Cache) announce(l *Line) {
	entry := c.log.WithFields(logrus.Fields{"org": l.Org, "trunk": l.Name, "provider": l.Provider})
	switch {
	case l.Broken != nil:
		entry.WithError(l.Broken).Error("trunk cannot be used")
	case l.AllowUnsigned:
		entry.Warn("trunk lets unsigned webhooks in: anybody can forge its calls")
	}
}

// Trunk returns a trunk. Its error says what to do.
func (c *Cache) Trunk(org, name string) (*Line, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	line, ok := c.trunks[subject.TrunkKey(org, name)]
	switch {
	case !ok:
		return nil, fmt.Errorf("there is no trunk %q in org %q: %w", name, org, bus.ErrNotFound)
	case line.Broken != nil:
		return nil, fmt.Errorf("trunk %q cannot be used: %w", name, line.Broken)
	}
	return line, nil
}

// Await is Trunk for who has just heard of a trunk: it waits, until ctx ends,
// for the cache to hold its record of the given revision or a later one.
func (c *Cache) Await(ctx context.Context, org, name string, revision uint64) (*Line, error) {
	for {
		c.mu.RLock()
		line, changed := c.trunks[subject.TrunkKey(org, name)], c.changed
		c.mu.RUnlock()
		if revision == 0 || line != nil && line.Revision >= revision {
			return c.Trunk(org, name)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return c.Trunk(org, name)
		}
	}
}

// Trunks returns all trunks that can be used, and a channel that is closed at
// the next change.
func (c *Cache) Trunks() ([]*Line, <-chan struct{}) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var list []*Line
	for _, line := range c.trunks {
		if line.Broken == nil {
			list = append(list, line)
		}
	}
	return list, c.changed
}

// ByAccount finds the trunks of a provider whose account has the given id.
func (c *Cache) ByAccount(providerName, account string) []*Line {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var found []*Line
	for _, line := range c.trunks {
		if line.Broken == nil && line.Provider == providerName && line.Account.ID() == account {
			found = append(found, line)
		}
	}
	return found
}

// Number returns the record of an address of a trunk, or of the trunk's
// default where the address has none.
func (c *Cache) Number(org, trunk, address string) (Number, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n, ok := c.numbers[subject.NumberKey(org, trunk, address)]
	if !ok {
		n, ok = c.numbers[subject.NumberKey(org, trunk, AnyNumber)]
	}
	return n, ok
}

// Application returns an application.
func (c *Cache) Application(org, name string) (Application, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	a, ok := c.applications[subject.ApplicationKey(org, name)]
	return a, ok
}

// CallerIDs returns the numbers of a trunk, sorted, without the default.
func (c *Cache) CallerIDs(org, trunk string) []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var list []string
	for _, n := range c.numbers {
		if n.Org == org && n.Trunk == trunk && n.Address != AnyNumber {
			list = append(list, n.Address)
		}
	}
	slices.Sort(list)
	return list
}
