package main

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/event"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
	"bazaar/shared/pg"
)

// ledger is the books with transactions that can be told apart from the store,
// and with moves that emit an event.
type ledger struct {
	*books
	open      pgx.Tx // nil outside a transaction
	recorded  []pg.Querier
	announced int
}

// transaction is one; nothing here asks it anything.
type transaction struct{ pgx.Tx }

func (l *ledger) InTx(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
	l.open = &transaction{}
	defer func() { l.open = nil }()
	return f(ctx, l.open)
}

func (l *ledger) Move(ctx context.Context, tx pgx.Tx, v order.Verb, c order.Change, orders ...*order.Order) ([]event.Event, error) {
	_, err := l.books.Move(ctx, tx, v, c, orders...)
	return []event.Event{{ID: string(v)}}, err
}

// Whatever makes an order move, its event is written with it or not at all, and
// nobody hears of it before both are there for good.
func TestEventsAreRecordedInTheTransaction(t *testing.T) {
	for name, act := range map[string]func(*Handler, *books) error{
		"a notice": func(h *Handler, b *books) error { return h.apply(t.Context(), b.notice(alipay.TradeSuccess).ID) },
		"a sweep": func(h *Handler, b *books) error {
			b.payment = payment.Payment{} // nobody to be asked
			return h.expire(t.Context())
		},
	} {
		l := &ledger{books: newBooks()}
		h := l.handler()
		h.Store, h.Orders = l, l
		h.Record = func(_ context.Context, q pg.Querier, evs ...event.Event) error {
			if len(evs) > 0 {
				l.recorded = append(l.recorded, q)
			}
			if l.open == nil || q != pg.Querier(l.open) {
				t.Errorf("%s: %d events are recorded beside the transaction", name, len(evs))
			}
			return nil
		}
		h.Announce = func(_ context.Context, evs ...event.Event) {
			l.announced += len(evs)
			if l.open != nil {
				t.Errorf("%s: announced before the commit", name)
			}
		}
		if err := act(h, l.books); err != nil || len(l.recorded) != 1 || l.announced == 0 {
			t.Errorf("%s: %v, %d recorded, %d announced", name, err, len(l.recorded), l.announced)
		}
	}
}
