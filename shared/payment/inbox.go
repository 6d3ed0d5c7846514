package payment

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
	"bazaar/shared/pg"
)

const noticeColumns = `inbox_id, provider, notify_id, source, out_trade_no, trade_no, trade_status, amount,
	app_id, seller_id, raw, state, reason, tries, received_at, traceparent`

// Notify stores a notice once and gives its inbox id. fresh is false when it
// was there: the provider repeats a notification under one notify_id until it
// is answered, and what it said first stays. A notice that is Rejected is final.
func (Store) Notify(ctx context.Context, q pg.Querier, n Notice) (id int64, fresh bool, err error) {
	err = q.QueryRow(ctx, `
		insert into payment.inbox (provider, notify_id, source, out_trade_no, trade_no, trade_status, amount,
			app_id, seller_id, raw, state, reason, next_try_at, traceparent)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, case when $11 = 'new' then now() end, $13)
		on conflict (provider, notify_id) do nothing returning inbox_id`,
		n.Provider, n.NotifyID, string(n.Source), n.OutTradeNo, n.TradeNo, n.TradeStatus, n.Amount,
		n.AppID, n.SellerID, n.Raw, string(n.State), n.Reason, n.TraceParent).Scan(&id)
	if err == nil {
		return id, true, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return 0, false, pg.Fault(err, "storing a notice")
	}
	err = q.QueryRow(ctx, `select inbox_id from payment.inbox where provider = $1 and notify_id = $2`, n.Provider, n.NotifyID).Scan(&id)
	return id, false, pg.Fault(err, "finding a stored notice")
}

// Claim locks those of the notices that still wait and that nobody else has
// locked, by id. Notices that are not given are done or in other hands.
func (Store) Claim(ctx context.Context, tx pgx.Tx, ids []int64) ([]Notice, error) {
	rows, err := tx.Query(ctx, `select `+noticeColumns+` from payment.inbox
		where inbox_id = any($1) and next_try_at is not null order by inbox_id for update skip locked`, ids)
	return collectNotices(rows, err)
}

// ClaimDue locks at most limit notices that wait and whose time has come, the
// longest due first, as Claim does.
func (Store) ClaimDue(ctx context.Context, tx pgx.Tx, limit int) ([]Notice, error) {
	rows, err := tx.Query(ctx, `select `+noticeColumns+` from payment.inbox
		where next_try_at <= now() order by next_try_at, inbox_id limit $1 for update skip locked`, limit)
	return collectNotices(rows, err)
}

// Conclude ends a claimed notice in a final state. ErrGuarded when it has ended.
func (Store) Conclude(ctx context.Context, tx pgx.Tx, id int64, state NoticeState, reason string) error {
	tag, err := tx.Exec(ctx, `update payment.inbox set state = $2, reason = $3, next_try_at = null
		where inbox_id = $1 and next_try_at is not null and $2 not in ('new', 'unmatched')`, id, string(state), reason)
	return guarded(tag.RowsAffected(), err, "concluding a notice")
}

// Postpone leaves a claimed notice unmatched and due again after 1 s, 2 s, 4 s
// and so on, a minute at most. ErrGuarded when it has ended.
func (Store) Postpone(ctx context.Context, tx pgx.Tx, id int64, reason string) error {
	tag, err := tx.Exec(ctx, `update payment.inbox set state = 'unmatched', reason = $2, tries = tries + 1,
			next_try_at = now() + least(interval '1 minute', interval '1 second' * power(2, least(tries, 10)))
		where inbox_id = $1 and next_try_at is not null`, id, reason)
	return guarded(tag.RowsAffected(), err, "postponing a notice")
}

func collectNotices(rows pgx.Rows, err error) ([]Notice, error) {
	if err != nil {
		return nil, pg.Fault(err, "claiming notices")
	}
	notices, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n Notice, err error) {
		err = row.Scan(&n.ID, &n.Provider, &n.NotifyID, &n.Source, &n.OutTradeNo, &n.TradeNo, &n.TradeStatus, &n.Amount,
			&n.AppID, &n.SellerID, &n.Raw, &n.State, &n.Reason, &n.Tries, &n.ReceivedAt, &n.TraceParent)
		n.ReceivedAt = n.ReceivedAt.UTC()
		return n, err
	})
	return notices, pg.Fault(err, "claiming notices")
}

func isNotFound(err error) bool { return fault.KindOf(err) == fault.NotFound }
