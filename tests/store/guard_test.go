package store_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/order"
	"bazaar/shared/pg"
	"bazaar/shared/stock"
)

// demandOf is the stock that a draft's order holds.
func demandOf(d order.Draft) stock.Demand {
	w := stock.Demand{Reference: d.OrderID}
	for _, l := range d.Lines {
		w.Lines = append(w.Lines, stock.Line{SKU: l.SKU, Quantity: l.Quantity})
	}
	return w
}

// What is under nobody's reservation can neither be released nor sold, nor can
// more come back than was sold: whoever asks has lost count.
func TestNoStockFallsBelowZero(t *testing.T) {
	t.Parallel()
	s := newShop(t, 5, "A")
	never := []stock.Demand{demandOf(draft("u1", "A"))}
	for name, effect := range map[string]func(context.Context, pgx.Tx, []stock.Demand) error{
		"release": s.stock.Release, "confirm": s.stock.Confirm,
	} {
		err := s.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error { return effect(ctx, tx, never) })
		if err == nil {
			t.Errorf("%s: units that nobody had reserved", name)
		}
	}
	for _, column := range []string{"available", "reserved", "sold"} {
		if _, err := s.Exec(t.Context(), `update stock.item set `+column+` = -1`); !pg.IsCode(err, "23514") {
			t.Errorf("%s fell below zero: %v", column, err)
		}
	}
	if got := s.item(t, "A"); got.Available != 5 || got.Reserved != 0 || got.Sold != 0 {
		t.Errorf("%+v", got)
	}
}

// A second release of one order would give back what another has reserved.
func TestStockIsReleasedOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, 5, "A")
	first, second := draft("u1", "A"), draft("u2", "A")
	if _, err := s.reserve(t.Context(), time.Hour, first, second); err != nil {
		t.Fatal(err)
	}
	twice := s.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		for range 2 {
			if err := s.stock.Release(ctx, tx, []stock.Demand{demandOf(first)}); err != nil {
				return err
			}
		}
		return nil
	})
	if !pg.IsCode(twice, "23505") {
		t.Errorf("released twice: %v", twice)
	}
	if got := s.item(t, "A"); got.Available != 3 || got.Reserved != 2 {
		t.Errorf("%+v", got)
	}
}

// Whoever moves an order by an old reading of it, without or in spite of a
// lock, moves nothing and writes no history.
func TestMoveIsFromWhatWasSeen(t *testing.T) {
	t.Parallel()
	s := newShop(t, 5, "A")
	d := draft("u1", "A")
	if _, err := s.reserve(t.Context(), time.Hour, d); err != nil {
		t.Fatal(err)
	}
	seen, err := s.orders.ByID(t.Context(), s, d.OrderID)
	if err != nil {
		t.Fatal(err)
	}
	move := func(v order.Verb, o *order.Order) error {
		return s.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			_, err := s.orders.Move(ctx, tx, v, order.Change{Actor: "u1", Reason: "cancelled"}, o)
			return err
		})
	}
	now := *seen
	if err := move(order.Cancel, &now); err != nil {
		t.Fatal(err)
	}
	otherState, otherVersion := *seen, now
	otherVersion.Version = seen.Version
	for name, o := range map[string]*order.Order{"its state": &otherState, "its version": &otherVersion} {
		if err := move(order.Pay, o); err == nil {
			t.Errorf("it was paid although %s had changed", name)
		}
	}
	got, err := s.orders.ByID(t.Context(), s, d.OrderID)
	if err != nil || got.State != order.StateClosing || got.Version != now.Version {
		t.Errorf("%+v, %v", got, err)
	}
}

// While a payment for an order is being written nobody closes the order, and
// two may start one beside each other.
func TestPayableHoldsTheOrderOpen(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1, "A")
	d := draft("u1", "A")
	if _, err := s.reserve(t.Context(), time.Hour, d); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	err := s.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		if _, err := s.orders.Payable(ctx, tx, d.OrderID, "u1"); err != nil {
			return err
		}
		return s.InTx(ctx, func(ctx context.Context, beside pgx.Tx) error {
			if _, err := beside.Exec(ctx, `set local lock_timeout = '200ms'`); err != nil {
				return err
			}
			if _, err := s.orders.Payable(ctx, beside, d.OrderID, "u1"); err != nil {
				t.Errorf("a second payment beside the first: %v", err)
			}
			if _, err := s.orders.LockOne(ctx, beside, d.OrderID); !pg.IsCode(err, "55P03") {
				t.Errorf("somebody could close it meanwhile: %v", err)
			}
			return enough
		})
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}

// Two batches hold the same orders, one in the opposite order of the other. The
// second waits for the first: a deadlock would cost a second, and one of them
// its turn. Both are held up between their first order and their last.
func TestBatchesWithOrdersInCommonDoNotDeadlock(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1, "A")
	batch := []order.Draft{draft("u1", "A"), draft("u1", "A"), draft("u1", "A")}
	slices.SortFunc(batch, func(a, b order.Draft) int { return strings.Compare(a.OrderID, b.OrderID) })
	opposite := slices.Clone(batch)
	slices.Reverse(opposite)
	// Every one is a transaction of its own, which nobody tries again.
	take := func(drafts ...order.Draft) (pgx.Tx, error) {
		tx, err := s.Begin(t.Context())
		if err != nil {
			return nil, err
		}
		_, err = s.orders.Take(t.Context(), tx, drafts, time.Hour)
		return tx, err
	}
	middle, err := take(batch[1])
	must(t, err)
	taken := make(chan error, 2)
	for _, drafts := range [][]order.Draft{batch, opposite} {
		go func() {
			tx, err := take(drafts...)
			taken <- errors.Join(err, tx.Rollback(context.Background()))
		}()
	}
	until(t, 10*time.Second, func() bool {
		var waiting int
		err := s.QueryRow(t.Context(), `select count(*) from pg_stat_activity
			where datname = current_database() and wait_event_type = 'Lock'`).Scan(&waiting)
		return err == nil && waiting == 2
	})
	must(t, middle.Rollback(t.Context()))
	for range 2 {
		if err := <-taken; err != nil {
			t.Error(err)
		}
	}
}
