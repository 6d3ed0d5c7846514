package main

import (
	"context"

	"bazaar/shared/fault"
	"bazaar/shared/idem"
	"bazaar/shared/money"
	"bazaar/shared/order"
	"bazaar/shared/pg"
)

// stored is what Postgres has of the orders.
type stored struct {
	pool   *pg.Pool
	orders order.Store
}

// known rebuilds the answer to an order that Postgres has.
func (s stored) known(ctx context.Context, id string) (idem.Record, bool, error) {
	o, err := s.orders.ByID(ctx, s.pool, id)
	if fault.KindOf(err) == fault.NotFound {
		return idem.Record{}, false, nil
	}
	if err != nil {
		return idem.Record{}, false, err
	}
	answer, err := accept(o.ID, money.Money{Amount: o.Amount, Currency: o.Currency})
	return idem.Record{ID: o.ID, Fingerprint: o.Fingerprint, Answer: answer}, err == nil, err
}

func (s stored) views(ctx context.Context, ids []string) (map[string]order.View, error) {
	return s.orders.Views(ctx, s.pool, ids)
}
