package catalog

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"bazaar/shared/fault"
	"bazaar/shared/money"
	"bazaar/shared/pg"
	"bazaar/shared/rdb"
)

// versionKey holds a random word that changes with every Announce. It is no
// counter: a Redis that was emptied could count up to a number seen before.
const versionKey = "catalog:version"

const (
	// overlap is how far each load looks back: longer than a transaction that
	// writes a product may take from its timestamp to its commit.
	overlap = time.Minute
	// loading bounds one load.
	loading = time.Second
	// every is the pace of loads when nothing is announced.
	every = time.Second
)

// Announce tells every Prices, after the commit, that a price has changed: who
// asks for prices after Announce has returned gets the new one.
func Announce(ctx context.Context, c *rdb.Client) error {
	return rdb.Fault(c.Set(ctx, versionKey, uuid.NewString(), 0).Err(), "announcing a price")
}

// Prices knows every price in memory. It is at most a second behind, and not at
// all behind what was announced. With Postgres or Redis away the known prices
// go on.
type Prices struct {
	changes func(ctx context.Context, since time.Time) (map[string]money.Money, time.Time, error)
	version func(ctx context.Context) (string, error)
	log     *slog.Logger
	loads   singleflight.Group

	mu     sync.Mutex
	known  map[string]money.Money // never changed in place; nil until the first load
	seen   string                 // the version before the last load
	latest time.Time
	failed time.Time // when a load last failed; zero when the last one worked
}

// NewPrices makes an empty memory of prices; Run fills it.
func NewPrices(pool *pg.Pool, c *rdb.Client, log *slog.Logger) *Prices {
	return &Prices{
		changes: func(ctx context.Context, since time.Time) (map[string]money.Money, time.Time, error) {
			return Store{}.changes(ctx, pool, since)
		},
		version: func(ctx context.Context) (string, error) {
			word, err := c.Get(ctx, versionKey).Result()
			if errors.Is(err, redis.Nil) {
				err = nil
			}
			return word, rdb.Fault(err, "reading the version of the catalogue")
		},
		log: log,
	}
}

// Run loads what changed every second until ctx ends.
func (p *Prices) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		p.load(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Now gives the prices by SKU; the map must not be changed. Error: a fault
// unavailable as long as they were never loaded.
func (p *Prices) Now(ctx context.Context) (map[string]money.Money, error) {
	word, err := p.version(ctx)
	known, done := p.current(word, err != nil)
	// A load that we join may have begun before the announcement; a second one has not.
	for range 2 {
		if done {
			break
		}
		p.load(ctx)
		known, done = p.current(word, err != nil)
	}
	if known == nil {
		return nil, fault.New(fault.Unavailable, "unavailable", "The prices are not known yet.").After(time.Second)
	}
	return known, nil
}

// current gives what is known, and whether it must do: it is of this version,
// or the version is not to be had, or a load has just failed.
func (p *Prices) current(word string, unknown bool) (map[string]money.Money, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.failed.IsZero() && time.Since(p.failed) < every {
		return p.known, true
	}
	return p.known, p.known != nil && (unknown || p.seen == word)
}

// load reads what changed; several callers share one load.
func (p *Prices) load(ctx context.Context) {
	_, _, _ = p.loads.Do("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loading)
		defer cancel()
		if err := p.loadOnce(ctx); err != nil {
			p.mu.Lock()
			first := p.failed.IsZero()
			p.failed = time.Now()
			p.mu.Unlock()
			if first {
				p.log.WarnContext(ctx, "loading prices: the known ones go on", "error", err.Error())
			}
		}
		return nil, nil
	})
}

func (p *Prices) loadOnce(ctx context.Context) error {
	// The version first: a price announced after this line is loaded again.
	word, failed := p.version(ctx)
	p.mu.Lock()
	since, first := p.latest, p.known == nil
	p.mu.Unlock()
	if !first {
		since = since.Add(-overlap)
	}
	changed, latest, err := p.changes(ctx, since)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = time.Time{}
	if latest.After(p.latest) {
		p.latest = latest
	}
	if failed == nil {
		p.seen = word
	}
	if first || !contains(p.known, changed) {
		known := make(map[string]money.Money, len(p.known)+len(changed))
		maps.Copy(known, p.known)
		maps.Copy(known, changed)
		p.known = known
	}
	return nil
}

// contains reports whether all has every entry of some.
func contains(all, some map[string]money.Money) bool {
	for sku, price := range some {
		if all[sku] != price {
			return false
		}
	}
	return true
}
