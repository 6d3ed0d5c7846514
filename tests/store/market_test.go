package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/idem"
	"bazaar/shared/identity"
	"bazaar/shared/order"
	"bazaar/shared/outbox"
	"bazaar/shared/payment"
	"bazaar/shared/stock"
)

// newMarket is a shop in the middle of its day, in which every rule holds.
func newMarket(t *testing.T) *shop {
	t.Helper()
	s := newShop(t, 0)
	s.fill(t)
	return s
}

// fill has the domains write an order in each state with its stock and its
// payment, notices of every sort, events that wait, answered keys, and people
// who came and went.
func (s *shop) fill(t *testing.T) {
	t.Helper()
	for _, sku := range []string{"A", "B"} {
		putProduct(t, s, sku, "Tea", 500)
		must(t, s.restock(t.Context(), sku, 100))
	}
	s.live(t, "reserved")
	s.live(t, "closing", order.Cancel)
	s.live(t, "closed", order.Cancel, order.Conclude)
	s.live(t, "paid", order.Pay)
	s.live(t, "shipped", order.Pay, order.Ship)
	s.live(t, "completed", order.Pay, order.Ship, order.Receive)
	events, err := s.reserve(t.Context(), time.Hour, draft("rejected", "nowhere"))
	must(t, err)
	must(t, outbox.Add(t.Context(), s, events...))
	s.told(t)
	s.keys(t)
	s.people(t)
	talkOf(t, s.Pool)
}

// live is trade for one that must succeed.
func (s *shop) live(t *testing.T, user string, verbs ...order.Verb) {
	t.Helper()
	must(t, s.trade(t.Context(), user, verbs...))
}

// trade takes an order of user through verbs, with what belongs to each of them.
// Only of an order that has just been reserved the event waits still.
func (s *shop) trade(ctx context.Context, user string, verbs ...order.Verb) error {
	d := draft(user, "A", "B")
	events, err := s.reserve(ctx, time.Hour, d)
	if err != nil {
		return err
	}
	if len(verbs) == 0 {
		return outbox.Add(ctx, s, events...)
	}
	p := paymentDraft()
	p.OrderID, p.UserID, p.Amount = d.OrderID, user, d.Amount
	attempt, err := payment.Store{}.Open(ctx, s, p)
	for _, v := range verbs {
		if err != nil {
			return err
		}
		err = s.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			o, err := s.orders.LockOne(ctx, tx, d.OrderID)
			if err != nil {
				return err
			}
			return s.move(ctx, tx, o, v, attempt)
		})
	}
	return err
}

// move does what the functions do with an order under its lock.
func (s *shop) move(ctx context.Context, tx pgx.Tx, o *order.Order, v order.Verb, p payment.Payment) error {
	change := order.Change{Actor: o.UserID}
	held := []stock.Demand{{Reference: o.ID}}
	for _, l := range o.Lines {
		held[0].Lines = append(held[0].Lines, stock.Line{SKU: l.SKU, Quantity: l.Quantity})
	}
	var err error
	switch v {
	case order.Cancel:
		change.Reason = "cancelled"
	case order.Ship:
		change.Carrier, change.Tracking = "SF", "1"
	case order.Conclude:
		if err = s.stock.Release(ctx, tx, held); err == nil {
			err = payment.Store{}.Closed(ctx, tx, p.ID)
		}
	case order.Pay:
		if err = s.stock.Confirm(ctx, tx, held); err == nil {
			err = s.apply(ctx, tx, p)
		}
	}
	if err != nil {
		return err
	}
	_, err = s.orders.Move(ctx, tx, v, change, o)
	return err
}

// apply makes a payment succeed by a notice.
func (s *shop) apply(ctx context.Context, tx pgx.Tx, p payment.Payment) error {
	n := noticeOf(p)
	id, _, err := payment.Store{}.Notify(ctx, tx, n)
	if err != nil {
		return err
	}
	if err := (payment.Store{}).Succeed(ctx, tx, p.ID, n.TradeNo); err != nil {
		return err
	}
	return payment.Store{}.Conclude(ctx, tx, id, payment.Applied, "")
}

func noticeOf(p payment.Payment) payment.Notice {
	n := paymentNotice("of-" + p.OutTradeNo)
	n.OutTradeNo, n.TradeNo, n.Amount = p.OutTradeNo, "trade-of-"+p.OutTradeNo, p.Amount
	return n
}

// told adds notices about nothing of ours, one in each state but applied; the
// event of the new one waits.
func (s *shop) told(t *testing.T) {
	t.Helper()
	for _, state := range []payment.NoticeState{payment.New, payment.Unmatched, payment.Late, payment.Ignored, payment.Rejected} {
		id, _, err := payment.Store{}.Notify(t.Context(), s, paymentNotice(string(state)))
		must(t, err)
		must(t, s.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			switch state {
			case payment.New:
				event, err := payment.NotifiedEvent(id)
				must(t, err)
				return outbox.Add(ctx, tx, event)
			case payment.Unmatched:
				return payment.Store{}.Postpone(ctx, tx, id, "no payment")
			}
			return payment.Store{}.Conclude(ctx, tx, id, state, "because")
		}))
	}
}

// keys adds keys that are in progress, and those that gave a restock and a payment.
func (s *shop) keys(t *testing.T) {
	t.Helper()
	keys := idem.NewPostgres(s.Pool)
	begin := func(scope, owner string) idem.Record {
		r, _, err := keys.Begin(t.Context(), idem.Claim{Key: idem.Key{Scope: scope, Owner: owner, Key: "k"}, Fingerprint: "f", Holder: "h", Lease: time.Minute})
		must(t, err)
		return r
	}
	begin("create-payment", "in-progress")
	restock := begin("restock", "admin")
	must(t, s.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := s.stock.Restock(ctx, tx, restock.ID, "A", 7)
		return err
	}))
	must(t, keys.Finish(t.Context(), restock, idem.Answer{Status: 200, Body: []byte(`{}`)}))
	var id string
	must(t, s.QueryRow(t.Context(), `select payment_id::text from payment.payment where user_id = 'closing'`).Scan(&id))
	must(t, keys.Finish(t.Context(), begin("create-payment", "closing"),
		idem.Answer{Status: 201, Body: fmt.Appendf(nil, `{"payment_id":"%s","status":"WAIT"}`, id)}))
	must(t, keys.Finish(t.Context(), begin("create-payment", "paid"), idem.Answer{Status: 409, Body: []byte(`{"code":"order_not_payable"}`)}))
}

// people adds sessions: one that goes on after a refresh, and one that ended.
func (s *shop) people(t *testing.T) {
	t.Helper()
	mustExec(t, s, `insert into identity.account (user_id, username, password_hash) values ('here', 'here', 'h'), ('gone', 'gone', 'h')`)
	people := identity.NewStore(s.Pool, identity.Settings{RefreshTTL: time.Hour, RefreshGrace: time.Minute}, revokeFor)
	refresh(t, people, signIn(t, people, "here").RefreshToken)
	must(t, people.SignOut(t.Context(), signIn(t, people, "gone").SessionID))
}
