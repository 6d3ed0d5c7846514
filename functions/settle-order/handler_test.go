package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
	"bazaar/shared/pg"
	"bazaar/shared/stock"
)

// books are one order, its payment and the notices, in memory.
type books struct {
	order   *order.Order
	payment payment.Payment
	notices map[int64]*payment.Notice
	trade   alipay.Trade
	deaf    error
	down    error

	moves     []order.Verb
	confirmed int
	released  int
	alarms    []payment.Outcome
	putOff    []time.Duration
	now       time.Time
}

func newBooks() *books {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &books{
		now: now,
		order: &order.Order{
			ID: "o", UserID: "u", State: order.StateReserved, Version: 1, Amount: 500, ExpiresAt: now.Add(-time.Hour),
			Lines: []order.Line{{SKU: "a", Quantity: 2, Amount: 250}},
		},
		payment: payment.Payment{
			ID: "p", OrderID: "o", Provider: alipay.Provider, OutTradeNo: "n_1", Status: payment.Wait, Amount: 500,
			Currency: alipay.Currency, BusyUntil: now.Add(-time.Hour),
		},
		notices: map[int64]*payment.Notice{},
	}
}

func merchant() alipay.Merchant { return alipay.Merchant{AppID: "app", SellerID: "seller"} }

func (b *books) notice(status string) *payment.Notice {
	n := &payment.Notice{
		ID: int64(len(b.notices) + 1), Provider: alipay.Provider, OutTradeNo: "n_1", TradeNo: "t", TradeStatus: status,
		Amount: 500, AppID: "app", SellerID: "seller", State: payment.New,
	}
	b.notices[n.ID] = n
	return n
}

func (b *books) InTx(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
	if b.down != nil {
		return b.down
	}
	return f(ctx, nil)
}

func (b *books) QueryRow(context.Context, string, ...any) pgx.Row { return clock(b.now) }

func (b *books) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, errors.New("not asked for")
}

func (b *books) Query(context.Context, string, ...any) (pgx.Rows, error) {
	return nil, errors.New("not asked for")
}

func (b *books) SendBatch(context.Context, *pgx.Batch) pgx.BatchResults { return nil }

// clock is the row that says what time it is.
type clock time.Time

func (c clock) Scan(into ...any) error {
	*into[0].(*time.Time) = time.Time(c)
	return nil
}

func (b *books) LockOne(context.Context, pgx.Tx, string) (*order.Order, error) { return b.order, nil }

func (b *books) Expiring(context.Context, pgx.Tx, int) ([]*order.Order, error) {
	if b.order.State == order.StateReserved && !b.now.Before(b.order.ExpiresAt) {
		return []*order.Order{b.order}, nil
	}
	return nil, nil
}

func (b *books) ClosingDue(context.Context, pgx.Tx, int) ([]*order.Order, error) {
	if b.order.State == order.StateClosing {
		return []*order.Order{b.order}, nil
	}
	return nil, nil
}

func (b *books) PutOff(_ context.Context, _ pg.Querier, _ *order.Order, wait time.Duration, _ time.Time) error {
	b.putOff = append(b.putOff, wait)
	return nil
}

func (b *books) Move(_ context.Context, _ pgx.Tx, v order.Verb, _ order.Change, orders ...*order.Order) ([]event.Event, error) {
	for _, o := range orders {
		t, err := order.Find(o.State, v)
		if err != nil {
			return nil, err
		}
		o.State = t.To
		b.moves = append(b.moves, v)
	}
	return nil, nil
}

func (b *books) Confirm(_ context.Context, _ pgx.Tx, d []stock.Demand) error {
	b.confirmed += int(d[0].Lines[0].Quantity)
	return nil
}

func (b *books) Release(_ context.Context, _ pgx.Tx, d []stock.Demand) error {
	b.released += int(d[0].Lines[0].Quantity)
	return nil
}

func (b *books) OfTrades(_ context.Context, _ pg.Querier, numbers []string) (map[string]payment.Payment, error) {
	if slices.Contains(numbers, b.payment.OutTradeNo) {
		return map[string]payment.Payment{b.payment.OutTradeNo: b.payment}, nil
	}
	return nil, nil
}

func (b *books) LatestOf(context.Context, pg.Querier, []string) (map[string]payment.Payment, error) {
	return map[string]payment.Payment{"o": b.payment}, nil
}

func (b *books) ByTrade(context.Context, pgx.Tx, string) (payment.Payment, error) {
	return b.payment, nil
}

func (b *books) Succeed(_ context.Context, _ pgx.Tx, _, tradeNo string) error {
	b.payment.Status, b.payment.TradeNo = payment.Success, tradeNo
	return nil
}

func (b *books) Closed(context.Context, pg.Querier, string) error {
	b.payment.Status = payment.Closed
	return nil
}

func (b *books) Notify(_ context.Context, _ pg.Querier, n payment.Notice) (int64, bool, error) {
	n.ID = int64(len(b.notices) + 1)
	b.notices[n.ID] = &n
	return n.ID, true, nil
}

func (b *books) Claim(_ context.Context, _ pgx.Tx, ids []int64) ([]payment.Notice, error) {
	if n := b.notices[ids[0]]; n != nil && (n.State == payment.New || n.State == payment.Unmatched) {
		return []payment.Notice{*n}, nil
	}
	return nil, nil
}

func (b *books) ClaimDue(ctx context.Context, tx pgx.Tx, _ int) (due []payment.Notice, err error) {
	for id := range b.notices {
		waiting, _ := b.Claim(ctx, tx, []int64{id})
		due = append(due, waiting...)
	}
	return due, nil
}

func (b *books) Conclude(_ context.Context, _ pgx.Tx, id int64, s payment.NoticeState, reason string) error {
	b.notices[id].State, b.notices[id].Reason = s, reason
	return nil
}

func (b *books) Postpone(_ context.Context, _ pgx.Tx, id int64, reason string) error {
	b.notices[id].State, b.notices[id].Reason = payment.Unmatched, reason
	return nil
}

func (b *books) Ask(context.Context, string) (alipay.Trade, error) { return b.trade, b.deaf }

func (b *books) Follow(context.Context, *order.Order) func() { return func() {} }
func (b *books) Tell(context.Context, []event.Event)         {}

func (b *books) Raise(_ context.Context, _ payment.Notice, v payment.Verdict) {
	b.alarms = append(b.alarms, v.Outcome)
}
func (b *books) Deaf(context.Context, payment.Payment, error) {}

// provider asks the books' trade.
type provider struct{ *books }

func (p provider) Query(ctx context.Context, number string) (alipay.Trade, error) {
	return p.Ask(ctx, number)
}

func (b *books) handler() *Handler {
	return &Handler{
		Store: b, Orders: b, Stock: b, Payments: b, Provider: provider{b}, Merchant: merchant(), Trail: b, Alarm: b,
		Record:     func(context.Context, pg.Querier, ...event.Event) error { return nil },
		Announce:   func(context.Context, ...event.Event) {},
		CloseGrace: time.Minute, BusyMargin: 10 * time.Second,
	}
}

func TestWhatANoticeDoes(t *testing.T) {
	for name, c := range map[string]struct {
		set    func(*books, *payment.Notice)
		state  payment.NoticeState
		order  order.State
		alarms int
	}{
		"money for a reserved order": {func(*books, *payment.Notice) {}, payment.Applied, order.StatePaid, 0},
		"money while it is closing":  {func(b *books, _ *payment.Notice) { b.order.State = order.StateClosing }, payment.Applied, order.StatePaid, 0},
		"money after it was closed":  {func(b *books, _ *payment.Notice) { b.order.State = order.StateClosed }, payment.Late, order.StateClosed, 1},
		"money for a closed attempt": {func(b *books, _ *payment.Notice) { b.payment.Status = payment.Closed }, payment.Late, order.StateReserved, 1},
		"the same money again": {func(b *books, _ *payment.Notice) {
			b.order.State, b.payment.Status, b.payment.TradeNo = order.StatePaid, payment.Success, "t"
		}, payment.Ignored, order.StatePaid, 0},
		"money by another trade": {func(b *books, _ *payment.Notice) {
			b.order.State, b.payment.Status, b.payment.TradeNo = order.StatePaid, payment.Success, "s"
		}, payment.Late, order.StatePaid, 1},
		"another amount":              {func(_ *books, n *payment.Notice) { n.Amount = 1 }, payment.Rejected, order.StateReserved, 1},
		"another merchant's":          {func(_ *books, n *payment.Notice) { n.AppID = "x" }, payment.Rejected, order.StateReserved, 1},
		"no money yet":                {func(_ *books, n *payment.Notice) { n.TradeStatus = alipay.WaitBuyerPay }, payment.Ignored, order.StateReserved, 0},
		"a trade that closed":         {func(_ *books, n *payment.Notice) { n.TradeStatus = alipay.TradeClosed }, payment.Ignored, order.StateReserved, 0},
		"nothing of ours yet":         {func(_ *books, n *payment.Notice) { n.OutTradeNo = "z" }, payment.Unmatched, order.StateReserved, 0},
		"nothing of ours after a day": {func(_ *books, n *payment.Notice) { n.OutTradeNo, n.Tries = "z", unmatchedTries }, payment.Rejected, order.StateReserved, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBooks()
			n := b.notice(alipay.TradeSuccess)
			c.set(b, n)
			e, err := payment.NotifiedEvent(n.ID)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // a redelivery changes nothing
				if failed, err := b.handler().Notified(t.Context(), []event.Event{e}); err != nil || len(failed) > 0 {
					t.Fatalf("%v %v", failed, err)
				}
			}
			if n.State != c.state || b.order.State != c.order || len(b.alarms) != c.alarms {
				t.Errorf("notice %s (%s), order %s, %d alarms", n.State, n.Reason, b.order.State, len(b.alarms))
			}
			if sold := b.confirmed == 2; sold != (c.state == payment.Applied) {
				t.Errorf("%d units were sold", b.confirmed)
			}
		})
	}
}

func TestAnEventThatNamesNoNoticeFailsAlone(t *testing.T) {
	b := newBooks()
	n := b.notice(alipay.TradeSuccess)
	good, err := payment.NotifiedEvent(n.ID)
	if err != nil {
		t.Fatal(err)
	}
	bad := good
	bad.ID, bad.Data = "bad", []byte(`"x"`)
	failed, err := b.handler().Notified(t.Context(), []event.Event{bad, good})
	if err != nil || len(failed) != 1 || failed[0].ID != "bad" || n.State != payment.Applied {
		t.Errorf("%+v %v %s", failed, err, n.State)
	}
}

func TestAStoreThatIsAwayFailsTheCall(t *testing.T) {
	b := newBooks()
	e, err := payment.NotifiedEvent(b.notice(alipay.TradeSuccess).ID)
	if err != nil {
		t.Fatal(err)
	}
	b.down = fault.New(fault.Unavailable, "unavailable", "away")
	if failed, err := b.handler().Notified(t.Context(), []event.Event{e}); fault.KindOf(err) != fault.Unavailable || failed != nil {
		t.Errorf("%v %v", failed, err)
	}
}

func TestClosing(t *testing.T) {
	wait := alipay.Trade{OutTradeNo: "n_1", TradeNo: "t", Status: alipay.WaitBuyerPay, Fen: 500}
	closed, paid := wait, wait
	closed.Status = alipay.TradeClosed
	paid.Status, paid.PaidAt = alipay.TradeSuccess, time.Now()
	for name, c := range map[string]struct {
		set      func(*books)
		order    order.State
		released int
	}{
		"no payment was started":              {func(b *books) { b.payment = payment.Payment{} }, order.StateClosed, 2},
		"the attempt is closed":               {func(b *books) { b.payment.Status = payment.Closed }, order.StateClosed, 2},
		"unpaid past its grace":               {func(b *books) { b.trade = wait }, order.StateClosed, 2},
		"unpaid within its grace":             {func(b *books) { b.trade, b.order.ExpiresAt = wait, b.now.Add(-time.Second) }, order.StateClosing, 0},
		"closed at the provider, within it":   {func(b *books) { b.trade, b.order.ExpiresAt = closed, b.now.Add(-time.Second) }, order.StateClosed, 2},
		"unknown to the provider, past grace": {func(b *books) { b.deaf = &alipay.Refused{Answer: alipay.Answer{SubCode: alipay.TradeNotExist}} }, order.StateClosed, 2},
		"the provider does not answer":        {func(b *books) { b.deaf = alipay.ErrUnknown }, order.StateClosing, 0},
		"the provider refuses otherwise":      {func(b *books) { b.deaf = &alipay.Refused{Answer: alipay.Answer{SubCode: "ACQ.X"}} }, order.StateClosing, 0},
		"paid after all":                      {func(b *books) { b.trade = paid }, order.StatePaid, 0},
		"somebody may be starting it":         {func(b *books) { b.trade, b.payment.BusyUntil = closed, b.now.Add(-9*time.Second) }, order.StateClosing, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBooks()
			c.set(b)
			for range 2 { // the second sweep finds it as the first left it
				if _, err := b.handler().Tick(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			}
			if b.order.State != c.order || b.released != c.released {
				t.Errorf("order %s, %d released, moves %v", b.order.State, b.released, b.moves)
			}
		})
	}
}
