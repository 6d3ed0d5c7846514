package catalog

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/money"
)

// stores is a Postgres and a Redis that a test changes and takes away.
type stores struct {
	mu           sync.Mutex
	prices       map[string]money.Money
	word         string
	noPG, noRed  error
	loads        int
	duringChange func() // runs inside a load, after it has read
}

func (s *stores) changes(context.Context, time.Time) (map[string]money.Money, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	read := map[string]money.Money{}
	for sku, price := range s.prices {
		read[sku] = price
	}
	if f := s.duringChange; f != nil {
		s.duringChange = nil
		f()
	}
	return read, time.Now(), s.noPG
}

func (s *stores) version(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.word, s.noRed
}

func (s *stores) put(amount int64, word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prices["tea"], s.word = money.Money{Amount: amount, Currency: "CNY"}, word
}

func pricesOf(s *stores) *Prices {
	s.prices = map[string]money.Money{"tea": {Amount: 1, Currency: "CNY"}}
	return &Prices{changes: s.changes, version: s.version, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func wantPrice(t *testing.T, p *Prices, amount int64) {
	t.Helper()
	now, _, err := p.Now(t.Context())
	if err != nil || now["tea"].Amount != amount {
		t.Errorf("got %v, %v; want %d", now, err, amount)
	}
}

func TestAnnouncedPriceIsSeenAtOnce(t *testing.T) {
	s := &stores{}
	p := pricesOf(s)
	wantPrice(t, p, 1)
	s.put(2, "w1")
	wantPrice(t, p, 2)
	wantPrice(t, p, 2)
	if s.loads != 2 {
		t.Errorf("%d loads for two versions", s.loads)
	}
}

// A load that read before the announcement must not pass for one after it.
func TestPriceAnnouncedDuringALoad(t *testing.T) {
	s := &stores{}
	p := pricesOf(s)
	wantPrice(t, p, 1)
	s.put(2, "w1")
	s.duringChange = func() { s.prices["tea"], s.word = money.Money{Amount: 3, Currency: "CNY"}, "w2" }
	wantPrice(t, p, 2)
	wantPrice(t, p, 3)
}

func TestKnownPricesGoOn(t *testing.T) {
	s := &stores{}
	p := pricesOf(s)
	wantPrice(t, p, 1)
	s.put(2, "w1")
	s.noPG = errors.New("away")
	for range 100 {
		wantPrice(t, p, 1)
	}
	if s.loads > 5 {
		t.Errorf("a store that is away was asked %d times at once", s.loads)
	}
	s.noPG, s.noRed = nil, errors.New("away")
	wantPrice(t, p, 1)
}

func TestPricesSayWhetherTheyAreSure(t *testing.T) {
	s := &stores{}
	p := pricesOf(s)
	sure := func(want bool) {
		t.Helper()
		if _, sure, err := p.Now(t.Context()); sure != want || err != nil {
			t.Errorf("sure %t, %v", sure, err)
		}
	}
	sure(true)
	s.put(2, "w1")
	s.noPG = errors.New("away")
	sure(false)
	p.failed, s.noPG = time.Time{}, nil
	sure(true)
	// Somebody announces again and again: a load after the question is enough.
	s.put(3, "w2")
	s.duringChange = func() { s.word = "w3" }
	sure(true)
	wantPrice(t, p, 3)
}

func TestAStoreThatHangsKeepsNobody(t *testing.T) {
	s := &stores{}
	p := pricesOf(s)
	wantPrice(t, p, 1)
	s.put(2, "w1")
	release := make(chan struct{})
	p.changes = func(ctx context.Context, _ time.Time) (map[string]money.Money, time.Time, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil, time.Time{}, ctx.Err()
	}
	p.begin()
	p.began = time.Now().Add(-2 * patience)
	if known, sure, err := p.Now(t.Context()); sure || err != nil || known["tea"].Amount != 1 {
		t.Errorf("%v %t %v", known, sure, err)
	}
	close(release)
}

func TestPricesThatWereNeverLoaded(t *testing.T) {
	s := &stores{noPG: errors.New("away")}
	p := pricesOf(s)
	if _, _, err := p.Now(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestRunLoadsAndEnds(t *testing.T) {
	s := &stores{noRed: errors.New("away")}
	p := pricesOf(s)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { p.Run(ctx); close(ended) }()
	cancel()
	<-ended
	wantPrice(t, p, 1)
}
