package payment

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/pg"
)

// ErrOpen means that another attempt of the order is not closed yet.
var ErrOpen = errors.New("another attempt to pay the order is open")

// ErrTaken means that the id belongs to a payment of another order.
var ErrTaken = errors.New("the payment's id is taken by another order")

// ErrGuarded means that a row was no longer in the state that was decided on:
// read again and decide again.
var ErrGuarded = errors.New("the payment or notice is no longer in that state")

// Store is the SQL of the schema payment. Decisions on time are made by the
// database's clock. Rows are locked after those of orders.
type Store struct{}

const columns = `payment_id, order_id, user_id, attempt, provider, out_trade_no, coalesce(trade_no, ''), status,
	amount, currency, coalesce(qr_code, ''), coalesce(pay_url, ''), created_at, busy_until, coalesce(paid_at, '0001-01-01Z'::timestamptz)`

func scan(row pgx.Row, p *Payment) error {
	err := row.Scan(&p.ID, &p.OrderID, &p.UserID, &p.Attempt, &p.Provider, &p.OutTradeNo, &p.TradeNo, &p.Status,
		&p.Amount, &p.Currency, &p.QRCode, &p.PayURL, &p.CreatedAt, &p.BusyUntil, &p.PaidAt)
	p.CreatedAt, p.BusyUntil, p.PaidAt = p.CreatedAt.UTC(), p.BusyUntil.UTC(), p.PaidAt.UTC()
	return err
}

func one(row pgx.Row, doing string) (Payment, error) {
	var p Payment
	err := scan(row, &p)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, NotFound()
	}
	return p, pg.Fault(err, doing)
}

func collect(rows pgx.Rows, err error, doing string) ([]Payment, error) {
	if err != nil {
		return nil, pg.Fault(err, doing)
	}
	payments, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Payment, err error) {
		return p, scan(row, &p)
	})
	return payments, pg.Fault(err, doing)
}

// Open writes the next attempt to pay an order, under a lock on the order that
// keeps it payable. With the id of an attempt that is there already it gives
// that one, and while it waits makes it busy for d.Busy from now; when that one
// pays another order, ErrTaken. While another attempt waits it is ErrOpen, as it
// is when another call opened one at the same moment.
func (Store) Open(ctx context.Context, q pg.Querier, d Draft) (Payment, error) {
	p, err := one(q.QueryRow(ctx, `
		with renewed as (
			update payment.payment set busy_until = greatest(busy_until, now() + $8::bigint * interval '1 millisecond')
			where payment_id = $1 and status = 'WAIT' returning *
		), opened as (
			insert into payment.payment (payment_id, order_id, user_id, attempt, provider, out_trade_no, status, amount, currency, busy_until)
			select $1, $2, $3, n, $4, $5::text || n, 'WAIT', $6, $7, now() + $8::bigint * interval '1 millisecond'
			from (select coalesce(max(attempt), 0) + 1 as n from payment.payment where order_id = $2) next
			on conflict do nothing returning * -- the id is there, or another attempt waits, or took the number n
		)
		select `+columns+` from renewed union all select `+columns+` from opened
		union all
		select `+columns+` from payment.payment where payment_id = $1 and status <> 'WAIT'`,
		d.ID, d.OrderID, d.UserID, d.Provider, tradeBase(d.OrderID), d.Amount, d.Currency, d.Busy.Milliseconds()),
		"opening a payment")
	switch {
	case isNotFound(err):
		return Payment{}, ErrOpen
	case err != nil:
		return Payment{}, err
	case p.OrderID != d.OrderID:
		return Payment{}, fmt.Errorf("opening a payment: %w", ErrTaken)
	}
	return p, nil
}

// ByID gives a payment; not_found when there is none.
func (Store) ByID(ctx context.Context, q pg.Querier, id string) (Payment, error) {
	if !IsID(id) {
		return Payment{}, NotFound()
	}
	return one(q.QueryRow(ctx, `select `+columns+` from payment.payment where payment_id = $1`, id), "reading a payment")
}

// OfOrder gives the attempts to pay an order, the first one first.
func (Store) OfOrder(ctx context.Context, q pg.Querier, orderID string) ([]Payment, error) {
	rows, err := q.Query(ctx, `select `+columns+` from payment.payment where order_id = $1 order by attempt`, orderID)
	return collect(rows, err, "reading the payments of an order")
}

// Latest gives the attempt of an order that matters most, nil when it has none:
// the one that is paid, else the last.
func (s Store) Latest(ctx context.Context, q pg.Querier, orderID string) (*Payment, error) {
	latest, err := s.LatestOf(ctx, q, []string{orderID})
	if p, ok := latest[orderID]; ok {
		return &p, err
	}
	return nil, err
}

// LatestOf is Latest for many orders, by order id; those without any are not in
// the map.
func (Store) LatestOf(ctx context.Context, q pg.Querier, orderIDs []string) (map[string]Payment, error) {
	rows, err := q.Query(ctx, `select distinct on (order_id) `+columns+` from payment.payment
		where order_id = any($1::uuid[]) order by order_id, status = 'SUCCESS' desc, attempt desc`, orderIDs)
	payments, err := collect(rows, err, "reading the payments of orders")
	latest := make(map[string]Payment, len(payments))
	for _, p := range payments {
		latest[p.OrderID] = p
	}
	return latest, err
}

// OfTrades gives the payments with these numbers, without a lock, by
// out_trade_no: enough to know which orders to lock first.
func (Store) OfTrades(ctx context.Context, q pg.Querier, outTradeNos []string) (map[string]Payment, error) {
	rows, err := q.Query(ctx, `select `+columns+` from payment.payment where out_trade_no = any($1)`, outTradeNos)
	payments, err := collect(rows, err, "reading payments by their trades")
	found := make(map[string]Payment, len(payments))
	for _, p := range payments {
		found[p.OutTradeNo] = p
	}
	return found, err
}

// ByTrade gives the payment of a number and locks it; not_found when there is
// none. Lock its order before: see OfTrades.
func (Store) ByTrade(ctx context.Context, tx pgx.Tx, outTradeNo string) (Payment, error) {
	return one(tx.QueryRow(ctx, `select `+columns+` from payment.payment where out_trade_no = $1 for update`, outTradeNo),
		"locking a payment")
}

// Started writes what the provider answered to an attempt that still waits, and
// ends its being busy. An attempt that no longer waits stays as it is.
func (Store) Started(ctx context.Context, q pg.Querier, id, qrCode, payURL string) error {
	_, err := q.Exec(ctx, `update payment.payment set qr_code = $2, pay_url = $3, busy_until = least(busy_until, now())
		where payment_id = $1 and status = 'WAIT'`, id, qrCode, payURL)
	return pg.Fault(err, "writing what the provider answered")
}

// Closed ends a waiting attempt that the provider says is unpaid for good.
// ErrGuarded when it does not wait any more.
func (Store) Closed(ctx context.Context, q pg.Querier, id string) error {
	tag, err := q.Exec(ctx, `update payment.payment set status = 'CLOSED' where payment_id = $1 and status = 'WAIT'`, id)
	return guarded(tag.RowsAffected(), err, "closing a payment")
}

// Succeed makes a waiting attempt paid by the provider's trade. ErrGuarded when
// it does not wait any more. Two attempts of one order, or one trade for two
// payments, cannot both succeed: the database refuses the second.
func (Store) Succeed(ctx context.Context, tx pgx.Tx, id, tradeNo string) error {
	tag, err := tx.Exec(ctx, `update payment.payment set status = 'SUCCESS', trade_no = $2, paid_at = now()
		where payment_id = $1 and status = 'WAIT'`, id, tradeNo)
	return guarded(tag.RowsAffected(), err, "making a payment succeed")
}

func guarded(changed int64, err error, doing string) error {
	if err == nil && changed != 1 {
		return fmt.Errorf("%s: %w", doing, ErrGuarded)
	}
	return pg.Fault(err, doing)
}
