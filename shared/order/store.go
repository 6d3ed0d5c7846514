package order

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/pg"
)

// Store is the SQL of the schema orders that changes something. Orders are
// locked by id, before any stock.
type Store struct{}

// columns of orders.order as scan reads them.
const columns = `order_id::text, user_id, state, coalesce(reason, ''), version, amount, currency, fingerprint,
	created_at, coalesce(expires_at, 'epoch'::timestamptz), tries, traceparent`

func scan(row pgx.Row, o *Order) error {
	var expires time.Time
	err := row.Scan(&o.ID, &o.UserID, &o.State, &o.Reason, &o.Version, &o.Amount, &o.Currency, &o.Fingerprint,
		&o.CreatedAt, &expires, &o.Tries, &o.TraceParent)
	if expires.Unix() != 0 {
		o.ExpiresAt = expires
	}
	return err
}

func collect(rows pgx.Rows, err error, doing string) ([]*Order, error) {
	if err != nil {
		return nil, pg.Fault(err, doing)
	}
	orders, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Order, error) {
		o := &Order{}
		return o, scan(row, o)
	})
	return orders, pg.Fault(err, doing)
}

// Lock locks the orders that exist among ids, in one order, and reads them with
// their lines.
func (s Store) Lock(ctx context.Context, tx pgx.Tx, ids []string) ([]*Order, error) {
	rows, err := tx.Query(ctx, `select `+columns+` from orders.order
		where order_id = any($1::text[]::uuid[]) order by order_id for update`, ids)
	orders, err := collect(rows, err, "locking orders")
	if err != nil {
		return nil, err
	}
	return orders, addLines(ctx, tx, orders)
}

// LockOne is Lock for one order: a fault not_found where there is none.
func (s Store) LockOne(ctx context.Context, tx pgx.Tx, id string) (*Order, error) {
	orders, err := s.Lock(ctx, tx, []string{id})
	if err != nil {
		return nil, err
	}
	if len(orders) == 0 {
		return nil, NotFound()
	}
	return orders[0], nil
}

// Expiring locks up to limit reserved orders whose time to pay has passed. Rows
// that somebody else has locked are left to the next sweep.
func (s Store) Expiring(ctx context.Context, tx pgx.Tx, limit int) ([]*Order, error) {
	return s.due(ctx, tx, `state = 'reserved' and expires_at <= now()`, "expires_at", limit)
}

// ClosingDue locks up to limit closing orders that are due to be asked about.
func (s Store) ClosingDue(ctx context.Context, tx pgx.Tx, limit int) ([]*Order, error) {
	return s.due(ctx, tx, `state = 'closing' and next_try_at <= now()`, "next_try_at", limit)
}

// due finds candidates in the order of their time, then locks them in the order
// of their ids; the condition is repeated for those that moved in between.
func (s Store) due(ctx context.Context, tx pgx.Tx, condition, by string, limit int) ([]*Order, error) {
	rows, err := tx.Query(ctx, `select `+columns+` from orders.order
		where order_id = any(array(select order_id from orders.order where `+condition+` order by `+by+` limit $1))
			and `+condition+` order by order_id for update skip locked`, limit)
	orders, err := collect(rows, err, "locking orders that are due")
	if err != nil {
		return nil, err
	}
	return orders, addLines(ctx, tx, orders)
}

// Payable shares a lock on an order that its buyer may pay: nobody closes it
// until the transaction ends. Errors: not_found, also for another's order;
// conflict order_not_payable.
func (Store) Payable(ctx context.Context, tx pgx.Tx, id, userID string) (Payable, error) {
	var p Payable
	var state State
	var open bool
	err := tx.QueryRow(ctx, `select state, amount, currency, coalesce(expires_at, now()), coalesce(expires_at > now(), false)
		from orders.order where order_id = $1 and user_id = $2 for share`, id, userID).
		Scan(&state, &p.Amount, &p.Currency, &p.ExpiresAt, &open)
	switch {
	case missing(err):
		return p, NotFound()
	case err != nil:
		return p, pg.Fault(err, "reading an order to be paid")
	case state != StateReserved || !open:
		return p, fault.New(fault.Conflict, "order_not_payable", "An order can be paid while it is reserved; this one is %s.", state)
	}
	return p, nil
}

// Payable is what is needed to start a payment for an order.
type Payable struct {
	Amount    int64
	Currency  string
	ExpiresAt time.Time
}

// NotFound is the answer for an order that does not exist, or is another's.
func NotFound() *fault.Error {
	return fault.New(fault.NotFound, "not_found", "There is no such order.")
}

// Change is what goes along with a move.
type Change struct {
	Actor  string // a user id, or the function's name
	Note   string
	Reason string
	// Carrier and Tracking are of an order that is shipped.
	Carrier, Tracking string
}

// Move makes the transition by v of every order, which must be locked, with
// its row of history, and gives the events to be put into the outbox. The
// orders are changed in place. All are moved or none: the first that has no
// such transition fails the call with conflict invalid_transition.
func (s Store) Move(ctx context.Context, tx pgx.Tx, v Verb, c Change, orders ...*Order) ([]event.Event, error) {
	var emitted []event.Event
	batch := &pgx.Batch{}
	for _, o := range orders {
		t, err := Find(o.State, v)
		if err != nil {
			return nil, err
		}
		if c.Reason != "" {
			o.Reason = c.Reason
		}
		if t.To == StatePaid {
			o.Reason = "" // whatever was about to close it did not
		}
		queueMove(batch, o, t, c)
		o.State, o.Version = t.To, o.Version+1
		if t.Emit == "" {
			continue
		}
		e, err := changed(t.Emit, Changed{o.ID, o.UserID, o.Version, o.Reason}, o.TraceParent)
		if err != nil {
			return nil, err
		}
		emitted = append(emitted, e)
	}
	results := tx.SendBatch(ctx, batch)
	defer results.Close()
	for range batch.Len() {
		tag, err := results.Exec()
		if err != nil {
			return nil, pg.Fault(err, "moving an order")
		}
		if tag.RowsAffected() != 1 {
			return nil, fmt.Errorf("moving an order by %s: it was changed by somebody else under our lock", v)
		}
	}
	return emitted, pg.Fault(results.Close(), "moving orders")
}

// The time in the history is that of the statement: a transaction that began
// earlier and waited for the lock would write one before the step before it.
func queueMove(batch *pgx.Batch, o *Order, t Transition, c Change) {
	batch.Queue(`
		with moved as (
			update orders.order set state = $1, version = version + 1, reason = $2,
				next_try_at = case when $1 = 'closing' then now() end,
				carrier = coalesce($3, carrier), tracking = coalesce($4, tracking)
			where order_id = $5 and state = $6 and version = $7
			returning order_id, version
		)
		insert into orders.history (order_id, version, from_state, to_state, event, actor, note, at)
		select order_id, version, $6, $1, $8, $9, $10, clock_timestamp() from moved`,
		string(t.To), nullable(o.Reason), nullable(c.Carrier), nullable(c.Tracking), o.ID, string(t.From), o.Version, string(t.Verb), c.Actor, c.Note)
}

// nullable is nil for an empty text.
func nullable(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// PutOff makes a closing order due again after wait, at the latest at notAfter
// (zero: no limit), but not within the next second.
func (Store) PutOff(ctx context.Context, q pg.Querier, o *Order, wait time.Duration, notAfter time.Time) error {
	var limit *time.Time
	if !notAfter.IsZero() {
		limit = &notAfter
	}
	_, err := q.Exec(ctx, `update orders.order set tries = tries + 1,
		next_try_at = greatest(now() + interval '1 second', least(now() + $2::bigint * interval '1 millisecond', $3))
		where order_id = $1 and state = 'closing'`, o.ID, wait.Milliseconds(), limit)
	return pg.Fault(err, "putting off the closing of an order")
}
