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
	// loading bounds one load, and patience how long a caller waits for one: a
	// store that hangs must not keep everybody who asks for a price.
	loading  = 5 * time.Second
	patience = time.Second
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
	asOf   time.Time              // when the last load that worked began
	latest time.Time
	failed time.Time // when a load last failed; zero when the last one worked
	began  time.Time // when the load that runs began; zero when none does
}

// NewPrices makes an empty memory of prices; Run fills it.
func NewPrices(pool *pg.Pool, c *rdb.Client, log *slog.Logger) *Prices {
	return &Prices{
		changes: func(ctx context.Context, since time.Time) (map[string]money.Money, time.Time, error) {
			return Store{}.changes(ctx, pool, since)
		},
		version: func(ctx context.Context) (string, error) {
			word, err := c.Read(ctx, versionKey)
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
		p.load(ctx, loading)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Now gives the prices by SKU; the map must not be changed. sure is false when
// they may be behind what was announced, since a store is away: a SKU that is
// missing may be new. Error: a fault unavailable as long as they were never
// loaded.
func (p *Prices) Now(ctx context.Context) (known map[string]money.Money, sure bool, err error) {
	asked := time.Now()
	word, failed := p.version(ctx)
	known, enough, sure := p.current(asked, word, failed != nil)
	// A load that we join may have begun before the announcement; a second one has not.
	for range 2 {
		if enough {
			break
		}
		p.load(ctx, patience)
		known, enough, sure = p.current(asked, word, failed != nil)
	}
	if known == nil {
		return nil, false, fault.New(fault.Unavailable, "unavailable", "The prices are not known yet.").After(time.Second)
	}
	return known, sure, nil
}

// current gives what is known, whether it must do, and whether it is sure. It
// is sure when it is of this version, or was loaded after it was asked for (the
// version may have changed again); it must do when the version is not to be had,
// a load has just failed, or one takes too long.
func (p *Prices) current(asked time.Time, word string, unknown bool) (known map[string]money.Money, enough, sure bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sure = p.known != nil && (!unknown && p.seen == word || p.asOf.After(asked))
	failing := !p.failed.IsZero() && time.Since(p.failed) < every
	hanging := !p.began.IsZero() && time.Since(p.began) > patience
	return p.known, sure || failing || hanging || p.known != nil && unknown, sure
}

// load reads what changed, and waits for it at most so long; several callers
// share one load.
func (p *Prices) load(ctx context.Context, atMost time.Duration) {
	done := p.loads.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loading)
		defer cancel()
		p.begin()
		p.end(ctx, p.loadOnce(ctx))
		return nil, nil
	})
	over := time.NewTimer(atMost)
	defer over.Stop()
	select {
	case <-done:
	case <-over.C:
	case <-ctx.Done():
	}
}

func (p *Prices) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began = time.Now()
}

// end notes how a load ended. The first failure of several is logged.
func (p *Prices) end(ctx context.Context, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.failed.IsZero()
	p.began, p.failed = time.Time{}, time.Time{}
	if err == nil {
		return
	}
	p.failed = time.Now()
	if first {
		p.log.WarnContext(ctx, "loading prices: the known ones go on", "error", err.Error())
	}
}

func (p *Prices) loadOnce(ctx context.Context) error {
	// The version first: a price announced after this line is loaded again.
	began := time.Now()
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
	p.asOf = began
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
