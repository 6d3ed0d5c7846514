package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"bazaar/shared/catalog"
	"bazaar/shared/fault"
	"bazaar/shared/money"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

func putProduct(t *testing.T, q pg.Querier, sku, title string, amount int64) bool {
	t.Helper()
	_, created, err := catalog.Store{}.Put(t.Context(), q, catalog.Product{SKU: sku, Title: title, Price: money.Money{Amount: amount, Currency: "CNY"}})
	must(t, err)
	return created
}

func TestProductIsPutAndRead(t *testing.T) {
	t.Parallel()
	pool := support.Postgres(t)
	if !putProduct(t, pool, "tea", "Tea", 250) || putProduct(t, pool, "tea", "Green tea", 300) {
		t.Error("the first put makes, the second changes")
	}
	mustExec(t, pool, `update catalog.product set image = '/tea.webp'`)
	putProduct(t, pool, "tea", "Green tea", 300)
	p, err := catalog.Store{}.ByID(t.Context(), pool, "tea")
	if err != nil || p.Title != "Green tea" || p.Price != (money.Money{Amount: 300, Currency: "CNY"}) || p.Image == nil || *p.Image != "/tea.webp" {
		t.Errorf("got %+v, %v", p, err)
	}
	if _, err := (catalog.Store{}).ByID(t.Context(), pool, "pot"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no product: %v", err)
	}
}

func TestListOfProducts(t *testing.T) {
	t.Parallel()
	pool := support.Postgres(t)
	for i := range 7 {
		putProduct(t, pool, fmt.Sprintf("tea-%d", i), fmt.Sprintf("Tee Nr. %d: 50%% Ü_ber", i), 1)
	}
	putProduct(t, pool, "pot", "Kanne", 1)
	find := func(words string) (skus []string) {
		t.Helper()
		s := catalog.Search{Words: words, Limit: 3}
		for {
			page, next, err := catalog.Store{}.List(t.Context(), pool, s)
			must(t, err)
			for _, p := range page {
				skus = append(skus, p.SKU)
			}
			if next == "" {
				return skus
			}
			s.After = next
		}
	}
	for words, n := range map[string]int{"": 8, "TEA": 7, "0%": 7, "%": 7, "_": 7, "kanne": 1, "'; --": 0} {
		got := find(words)
		if len(got) != n || !slices.IsSorted(got) {
			t.Errorf("%q: %v", words, got)
		}
	}
	for _, cursor := range []string{"!", "AA", "_w", strings.Repeat("eHh4", 22)} {
		if _, _, err := (catalog.Store{}).List(t.Context(), pool, catalog.Search{Limit: 1, After: cursor}); !fault.Is(err, "invalid_cursor") {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

// A price is seen by whoever asks after the announcement, whatever the pace of
// the loads; without one within seconds, also when its transaction was long.
func TestPricesFollowTheCatalogue(t *testing.T) {
	t.Parallel()
	pool, cache := support.Postgres(t), support.Redis(t)
	putProduct(t, pool, "tea", "Tea", 1)
	p := catalog.NewPrices(pool, cache, slog.New(slog.DiscardHandler))
	price := func(sku string) int64 {
		t.Helper()
		now, _, err := p.Now(t.Context())
		must(t, err)
		return now[sku].Amount
	}
	for amount := int64(1); amount <= 20; amount++ {
		putProduct(t, pool, "tea", "Tea", amount)
		must(t, catalog.Announce(t.Context(), cache))
		if got := price("tea"); got != amount {
			t.Fatalf("announced %d, got %d", amount, got)
		}
	}
	// An emptied Redis is a change too.
	putProduct(t, pool, "tea", "Tea", 21)
	must(t, cache.FlushAll(t.Context()).Err())
	if got := price("tea"); got != 21 {
		t.Errorf("after a loss: %d", got)
	}

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { p.Run(ctx); close(ended) }()
	slow, err := pool.Begin(t.Context())
	must(t, err)
	putProduct(t, slow, "slow", "Slow", 5)
	putProduct(t, pool, "fast", "Fast", 6) // later, but seen before
	until(t, 10*time.Second, func() bool { return price("fast") == 6 })
	must(t, slow.Commit(t.Context()))
	until(t, 10*time.Second, func() bool { return price("slow") == 5 })
	cancel()
	<-ended
}

func TestKnownPricesOutliveTheStores(t *testing.T) {
	t.Parallel()
	settings, server := support.FreshPostgres(t)
	pool := support.OpenPostgres(t, settings)
	cache, redis := support.FreshRedis(t)
	putProduct(t, pool, "tea", "Tea", 1)
	p := catalog.NewPrices(pool, cache, slog.New(slog.DiscardHandler))
	check := func(when string) {
		t.Helper()
		if now, _, err := p.Now(t.Context()); err != nil || now["tea"].Amount != 1 {
			t.Errorf("%s: %v, %v", when, now, err)
		}
	}
	check("at first")
	must(t, catalog.Announce(t.Context(), cache))
	server.Kill()
	check("without Postgres")
	redis.Kill()
	check("without both")
}
