package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

func paymentDraft() payment.Draft {
	return payment.Draft{
		ID: uuid.NewString(), OrderID: uuid.NewString(), UserID: "alice", Provider: alipay.Provider,
		Amount: 8800, Currency: "CNY", Busy: 10 * time.Second,
	}
}

// paymentTx runs one step in a transaction of its own.
func paymentTx(t *testing.T, pool *pg.Pool, f func(ctx context.Context, tx pgx.Tx) error) error {
	t.Helper()
	return pool.InTx(context.Background(), f)
}

func openPayment(t *testing.T, pool *pg.Pool, d payment.Draft) payment.Payment {
	t.Helper()
	p, err := payment.Store{}.Open(context.Background(), pool, d)
	if err != nil {
		t.Fatalf("opening a payment: %v", err)
	}
	return p
}

func TestPaymentAttempts(t *testing.T) {
	t.Parallel()
	pool, store, ctx := support.Postgres(t), payment.Store{}, context.Background()
	d := paymentDraft()
	p := openPayment(t, pool, d)
	if p.Attempt != 1 || p.Status != payment.Wait || p.OutTradeNo != strings.ReplaceAll(d.OrderID, "-", "")+"_1" {
		t.Fatalf("%+v", p)
	}
	if again := openPayment(t, pool, d); again.ID != p.ID || again.Attempt != 1 {
		t.Errorf("the same id again is %+v", again)
	}
	second := d
	second.ID = uuid.NewString()
	if _, err := store.Open(ctx, pool, second); !errors.Is(err, payment.ErrOpen) {
		t.Errorf("beside an open attempt: %v", err)
	}
	other := paymentDraft()
	other.ID = d.ID
	if _, err := store.Open(ctx, pool, other); !errors.Is(err, payment.ErrTaken) {
		t.Errorf("the id for another order: %v", err)
	}
	if err := store.Started(ctx, pool, p.ID, "qr", "url"); err != nil {
		t.Fatal(err)
	}
	if err := store.Closed(ctx, pool, p.ID); err != nil {
		t.Fatal(err)
	}
	if err := store.Closed(ctx, pool, p.ID); !errors.Is(err, payment.ErrGuarded) {
		t.Errorf("closing twice: %v", err)
	}
	if closed := openPayment(t, pool, d); closed.Status != payment.Closed || closed.QRCode != "qr" {
		t.Errorf("a closed attempt's id again is %+v", closed)
	}
	if next := openPayment(t, pool, second); next.Attempt != 2 || next.OutTradeNo == p.OutTradeNo {
		t.Errorf("the next attempt is %+v", next)
	}
	all, err := store.OfOrder(ctx, pool, d.OrderID)
	if err != nil || len(all) != 2 || all[0].ID != p.ID {
		t.Errorf("%+v, %v", all, err)
	}
	latest, err := store.Latest(ctx, pool, d.OrderID)
	if err != nil || latest == nil || latest.ID != second.ID {
		t.Errorf("%+v, %v", latest, err)
	}
	if none, err := store.Latest(ctx, pool, uuid.NewString()); err != nil || none != nil {
		t.Errorf("%+v, %v", none, err)
	}
	for _, id := range []string{uuid.NewString(), "x", ""} {
		if _, err := store.ByID(ctx, pool, id); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// Fifty keys at once open one attempt.
func TestPaymentOneAttemptIsOpen(t *testing.T) {
	t.Parallel()
	pool := support.Postgres(t)
	order := uuid.NewString()
	var opened, refused atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			d := paymentDraft()
			d.OrderID = order
			switch _, err := (payment.Store{}).Open(context.Background(), pool, d); {
			case err == nil:
				opened.Add(1)
			case errors.Is(err, payment.ErrOpen):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if opened.Load() != 1 || refused.Load() != 49 {
		t.Errorf("%d opened, %d refused", opened.Load(), refused.Load())
	}
}

func TestPaymentSucceedsOnce(t *testing.T) {
	t.Parallel()
	pool, store, ctx := support.Postgres(t), payment.Store{}, context.Background()
	p := openPayment(t, pool, paymentDraft())
	succeed := func(id, trade string) error {
		return paymentTx(t, pool, func(ctx context.Context, tx pgx.Tx) error {
			return store.Succeed(ctx, tx, id, trade)
		})
	}
	var won atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			switch err := succeed(p.ID, "trade-1"); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, payment.ErrGuarded):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d succeeded", won.Load())
	}
	if err := store.Closed(ctx, pool, p.ID); !errors.Is(err, payment.ErrGuarded) {
		t.Errorf("closing what is paid: %v", err)
	}
	if err := store.Started(ctx, pool, p.ID, "late", "late"); err != nil {
		t.Errorf("a late answer of the provider: %v", err)
	}
	got, err := store.ByID(ctx, pool, p.ID)
	if err != nil || got.Status != payment.Success || got.TradeNo != "trade-1" || got.PaidAt.IsZero() || got.QRCode != "" {
		t.Errorf("%+v, %v", got, err)
	}
	// One trade never pays twice.
	if other := openPayment(t, pool, paymentDraft()); !pg.IsCode(succeed(other.ID, "trade-1"), "23505") {
		t.Error("one trade paid two payments")
	}
	// Nor do two attempts of one order both succeed.
	d := paymentDraft()
	d.OrderID = p.OrderID
	if second := openPayment(t, pool, d); !pg.IsCode(succeed(second.ID, "trade-2"), "23505") {
		t.Error("an order is paid twice")
	}
	if latest, err := store.Latest(ctx, pool, p.OrderID); err != nil || latest.ID != p.ID {
		t.Errorf("what matters most is %+v, %v", latest, err)
	}
}

func TestPaymentLookups(t *testing.T) {
	t.Parallel()
	pool, store, ctx := support.Postgres(t), payment.Store{}, context.Background()
	a, b := openPayment(t, pool, paymentDraft()), openPayment(t, pool, paymentDraft())
	latest, err := store.LatestOf(ctx, pool, []string{a.OrderID, b.OrderID, uuid.NewString()})
	if err != nil || len(latest) != 2 || latest[a.OrderID].ID != a.ID || latest[b.OrderID].ID != b.ID {
		t.Errorf("%+v, %v", latest, err)
	}
	trades, err := store.OfTrades(ctx, pool, []string{a.OutTradeNo, "unknown_1"})
	if err != nil || len(trades) != 1 || trades[a.OutTradeNo].ID != a.ID {
		t.Errorf("%+v, %v", trades, err)
	}
	err = paymentTx(t, pool, func(ctx context.Context, tx pgx.Tx) error {
		if p, err := store.ByTrade(ctx, tx, a.OutTradeNo); err != nil || p.ID != a.ID {
			return fmt.Errorf("%+v, %w", p, err)
		}
		if _, err := store.ByTrade(ctx, tx, "unknown_1"); fault.KindOf(err) != fault.NotFound {
			return fmt.Errorf("an unknown trade: %w", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPaymentBusyIsRenewedNeverShortened(t *testing.T) {
	t.Parallel()
	pool := support.Postgres(t)
	d := paymentDraft()
	d.Busy = time.Hour
	long := openPayment(t, pool, d).BusyUntil
	d.Busy = time.Second
	if got := openPayment(t, pool, d).BusyUntil; !got.Equal(long) {
		t.Errorf("busy until %s, not %s", got, long)
	}
	d.Busy = 2 * time.Hour
	if got := openPayment(t, pool, d).BusyUntil; got.Before(long.Add(59 * time.Minute)) {
		t.Errorf("busy until %s only", got)
	}
}

func paymentNotice(id string) payment.Notice {
	return payment.Notice{
		Provider: alipay.Provider, NotifyID: id, Source: payment.FromNotify, OutTradeNo: "o_1", TradeNo: "t1",
		TradeStatus: alipay.TradeSuccess, Amount: 8800, AppID: "a", SellerID: "s", Raw: "raw", State: payment.New,
	}
}

func TestInboxKeepsANoticeOnce(t *testing.T) {
	t.Parallel()
	pool, store := support.Postgres(t), payment.Store{}
	var fresh atomic.Int32
	ids := make([]int64, 20)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			err := paymentTx(t, pool, func(ctx context.Context, tx pgx.Tx) error {
				id, first, err := store.Notify(ctx, tx, paymentNotice("n1"))
				if first {
					fresh.Add(1)
				}
				ids[i] = id
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] || id == 0 {
			t.Errorf("the ids are %v", ids)
			break
		}
	}
	if fresh.Load() != 1 {
		t.Errorf("%d were the first", fresh.Load())
	}
}

func TestInboxIsClaimedByOneAndConcludedOnce(t *testing.T) {
	t.Parallel()
	pool, store, ctx := support.Postgres(t), payment.Store{}, context.Background()
	id, _, err := store.Notify(ctx, pool, paymentNotice("n1"))
	if err != nil {
		t.Fatal(err)
	}
	rejected := paymentNotice("n2")
	rejected.State, rejected.Reason = payment.Rejected, "foreign"
	final, _, err := store.Notify(ctx, pool, rejected)
	if err != nil {
		t.Fatal(err)
	}
	err = paymentTx(t, pool, func(ctx context.Context, tx pgx.Tx) error {
		claimed, err := store.Claim(ctx, tx, []int64{final, id, 999})
		if err != nil || len(claimed) != 1 || claimed[0].ID != id || claimed[0].Amount != 8800 || claimed[0].ReceivedAt.IsZero() {
			t.Errorf("claimed %+v, %v", claimed, err)
		}
		err = pool.InTx(ctx, func(ctx context.Context, beside pgx.Tx) error {
			for name, claim := range map[string]func() ([]payment.Notice, error){
				"by id": func() ([]payment.Notice, error) { return store.Claim(ctx, beside, []int64{id}) },
				"due":   func() ([]payment.Notice, error) { return store.ClaimDue(ctx, beside, 10) },
			} {
				if got, err := claim(); err != nil || len(got) != 0 {
					t.Errorf("%s: claimed by two: %+v, %v", name, got, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return store.Conclude(ctx, tx, id, payment.Applied, "")
	})
	if err != nil {
		t.Fatal(err)
	}
	err = paymentTx(t, pool, func(ctx context.Context, tx pgx.Tx) error {
		if got, err := store.Claim(ctx, tx, []int64{id}); err != nil || len(got) != 0 {
			t.Errorf("claimed what is done: %+v, %v", got, err)
		}
		if err := store.Conclude(ctx, tx, id, payment.Late, ""); !errors.Is(err, payment.ErrGuarded) {
			t.Errorf("concluded twice: %v", err)
		}
		if err := store.Postpone(ctx, tx, id, ""); !errors.Is(err, payment.ErrGuarded) {
			t.Errorf("postponed what is done: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestInboxPostponesLongerEachTime(t *testing.T) {
	t.Parallel()
	pool, store, ctx := support.Postgres(t), payment.Store{}, context.Background()
	id, _, err := store.Notify(ctx, pool, paymentNotice("n1"))
	if err != nil {
		t.Fatal(err)
	}
	for try, want := range []float64{1, 2, 4, 8, 16, 32, 60, 60} {
		err := paymentTx(t, pool, func(ctx context.Context, tx pgx.Tx) error {
			if claimed, err := store.Claim(ctx, tx, []int64{id}); err != nil || len(claimed) != 1 || claimed[0].Tries != try {
				t.Errorf("try %d: %+v, %v", try, claimed, err)
			}
			if err := store.Postpone(ctx, tx, id, "unknown trade"); err != nil {
				return err
			}
			var seconds float64
			err := tx.QueryRow(ctx, `select extract(epoch from next_try_at - now())::float8 from payment.inbox where inbox_id = $1`, id).Scan(&seconds)
			if seconds != want {
				t.Errorf("try %d waits %v s, not %v", try, seconds, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err = paymentTx(t, pool, func(ctx context.Context, tx pgx.Tx) error {
		due, err := store.ClaimDue(ctx, tx, 10)
		if len(due) != 0 {
			t.Errorf("due at once: %+v", due)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(ctx, `update payment.inbox set next_try_at = now()`); err != nil {
		t.Fatal(err)
	}
	err = paymentTx(t, pool, func(ctx context.Context, tx pgx.Tx) error {
		due, err := store.ClaimDue(ctx, tx, 10)
		if len(due) != 1 || due[0].State != payment.Unmatched {
			t.Errorf("not due: %+v", due)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
