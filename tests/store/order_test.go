package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/order"
	"bazaar/shared/pg"
	"bazaar/shared/stock"
	"bazaar/tests/support"
)

// shop is a database with stock, and the two domains of an order.
type shop struct {
	*pg.Pool
	orders order.Store
	stock  stock.Store
}

// newShop puts units of each SKU in.
func newShop(t *testing.T, units int64, skus ...string) *shop {
	s := &shop{Pool: support.Postgres(t)}
	for _, sku := range skus {
		must(t, s.restock(t.Context(), sku, units))
	}
	t.Cleanup(func() { support.MustHold(t, s) })
	return s
}

func (s *shop) restock(ctx context.Context, sku string, units int64) error {
	return s.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := s.stock.Ensure(ctx, tx, sku); err != nil {
			return err
		}
		_, err := s.stock.Restock(ctx, tx, uuid.NewString(), sku, units)
		return err
	})
}

// draft is an order of one unit of each SKU at 5.00.
func draft(user string, skus ...string) order.Draft {
	d := order.Draft{OrderID: uuid.NewString(), UserID: user, Fingerprint: "f", Currency: "CNY", PlacedAt: time.Now()}
	for _, sku := range skus {
		d.Lines = append(d.Lines, order.Line{SKU: sku, Quantity: 1, Amount: 500})
		d.Amount += 500
	}
	return d
}

// reserve does what reserve-stock does with a batch.
func (s *shop) reserve(ctx context.Context, within time.Duration, drafts ...order.Draft) (events []event.Event, err error) {
	err = s.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		fresh, err := s.orders.Take(ctx, tx, drafts, within)
		if err != nil || len(fresh) == 0 {
			return err
		}
		var wanted []stock.Demand
		for _, d := range fresh {
			w := stock.Demand{Reference: d.OrderID}
			for _, l := range d.Lines {
				w.Lines = append(w.Lines, stock.Line{SKU: l.SKU, Quantity: l.Quantity})
			}
			wanted = append(wanted, w)
		}
		granted, err := s.stock.Reserve(ctx, tx, wanted)
		if err != nil {
			return err
		}
		verdicts := make([]order.Verdict, len(fresh))
		for i, d := range fresh {
			verdicts[i].Draft = d
			if !granted[i].Granted {
				verdicts[i].Reason = "sold_out"
			}
		}
		events, err = s.orders.Decide(ctx, tx, verdicts)
		return err
	})
	return events, err
}

func (s *shop) item(t *testing.T, sku string) stock.Item {
	t.Helper()
	items, err := s.stock.Items(t.Context(), s, []string{sku})
	if err != nil {
		t.Fatal(err)
	}
	return items[sku]
}

func TestNoOversellUnderContention(t *testing.T) {
	t.Parallel()
	const buyers, units = 300, 100
	s := newShop(t, units, "A", "B", "C")
	var all sync.WaitGroup
	errs := make(chan error, buyers)
	for i := range buyers {
		all.Go(func() {
			skus := []string{"A", "B", "C"}
			if i%2 == 1 {
				skus = []string{"C", "B", "A"} // the opposite order must not deadlock
			}
			_, err := s.reserve(t.Context(), time.Minute, draft(fmt.Sprintf("u%d", i), skus...))
			errs <- err
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	for _, sku := range []string{"A", "B", "C"} {
		if got := s.item(t, sku); got.Available != 0 || got.Reserved != units {
			t.Errorf("%+v", got)
		}
	}
	var reserved, rejected int
	err := s.QueryRow(t.Context(), `select count(*) filter (where state = 'reserved'),
		count(*) filter (where state = 'rejected' and reason = 'sold_out') from orders.order`).Scan(&reserved, &rejected)
	if err != nil || reserved != units || rejected != buyers-units {
		t.Errorf("%d reserved, %d rejected, %v", reserved, rejected, err)
	}
}

func TestBatchGrantsInItsOrderAllOrNone(t *testing.T) {
	t.Parallel()
	s := newShop(t, 2, "A", "B")
	third := draft("u3", "A", "B")
	third.Lines[1].Quantity, third.Amount = 2, 1500 // one B too many
	batch := []order.Draft{draft("u1", "A"), draft("u2", "B"), third, draft("u4", "A"), draft("u5", "A")}
	events, err := s.reserve(t.Context(), time.Minute, batch...)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{order.Reserved, order.Reserved, order.Rejected, order.Reserved, order.Rejected}
	for i, e := range events {
		if e.Type != want[i] || e.Subject != batch[i].OrderID {
			t.Errorf("event %d is %s of %s, want %s of %s", i, e.Type, e.Subject, want[i], batch[i].OrderID)
		}
	}
	if a, b := s.item(t, "A"), s.item(t, "B"); a.Available != 0 || b.Available != 1 {
		t.Errorf("%+v %+v", a, b)
	}
}

func TestAnOrderIsTakenOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, 10, "A")
	d := draft("u1", "A")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := s.reserve(t.Context(), time.Minute, d, draft("other", "A")); err != nil && fault.KindOf(err) != fault.Unavailable {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var n int
	if err := s.QueryRow(t.Context(), `select count(*) from stock.entry where reference = $1`, d.OrderID).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d entries, %v", n, err)
	}
}

func TestUnknownSKUIsSoldOut(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1, "A")
	events, err := s.reserve(t.Context(), time.Minute, draft("u1", "A", "nowhere"))
	if err != nil || len(events) != 1 || events[0].Type != order.Rejected {
		t.Fatalf("%v %v", events, err)
	}
	if got := s.item(t, "A"); got.Available != 1 {
		t.Errorf("the line that could be had was kept: %+v", got)
	}
}

func TestMoveNeedsItsTransition(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1, "A")
	d := draft("u1", "A")
	if _, err := s.reserve(t.Context(), time.Minute, d); err != nil {
		t.Fatal(err)
	}
	err := s.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		o, err := s.orders.LockOne(ctx, tx, d.OrderID)
		if err != nil {
			return err
		}
		_, err = s.orders.Move(ctx, tx, order.Ship, order.Change{Actor: "u1"}, o)
		return err
	})
	if !fault.Is(err, "invalid_transition") {
		t.Errorf("%v", err)
	}
}

// A transaction that began first and got the lock last writes the later time.
func TestHistoryGoesForwardInTime(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1, "A")
	d := draft("u1", "A")
	if _, err := s.reserve(t.Context(), time.Hour, d); err != nil {
		t.Fatal(err)
	}
	move := func(ctx context.Context, tx pgx.Tx, v order.Verb, reason string) error {
		o, err := s.orders.LockOne(ctx, tx, d.OrderID)
		if err != nil {
			return err
		}
		_, err = s.orders.Move(ctx, tx, v, order.Change{Actor: "u1", Reason: reason}, o)
		return err
	}
	must(t, s.InTx(t.Context(), func(ctx context.Context, early pgx.Tx) error {
		if _, err := pg.Now(ctx, early); err != nil {
			return err
		}
		if err := s.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error { return move(ctx, tx, order.Cancel, "cancelled") }); err != nil {
			return err
		}
		if err := move(ctx, early, order.Conclude, ""); err != nil {
			return err
		}
		return s.stock.Release(ctx, early, []stock.Demand{{Reference: d.OrderID, Lines: []stock.Line{{SKU: "A", Quantity: 1}}}})
	}))
	views, err := s.orders.Views(t.Context(), s, []string{d.OrderID})
	must(t, err)
	steps := views[d.OrderID].History
	if len(steps) != 3 || steps[1].At.Before(steps[0].At) || steps[2].At.Before(steps[1].At) {
		t.Errorf("%+v", steps)
	}
}

func TestExpiryWaitsForItsTimeAndSkipsLockedRows(t *testing.T) {
	t.Parallel()
	s := newShop(t, 3, "A")
	due, held, later := draft("u1", "A"), draft("u2", "A"), draft("u3", "A")
	for d, within := range map[string]time.Duration{due.OrderID: 0, held.OrderID: 0, later.OrderID: time.Hour} {
		one := draft("u", "A")
		one.OrderID = d
		if _, err := s.reserve(t.Context(), within, one); err != nil {
			t.Fatal(err)
		}
	}
	err := s.InTx(t.Context(), func(ctx context.Context, holder pgx.Tx) error {
		if _, err := s.orders.LockOne(ctx, holder, held.OrderID); err != nil {
			return err
		}
		return s.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			got, err := s.orders.Expiring(ctx, tx, 10)
			if err != nil || len(got) != 1 || got[0].ID != due.OrderID || len(got[0].Lines) != 1 {
				t.Errorf("expiring %+v, %v", got, err)
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPayableSharesALockAndRefusesTheRest(t *testing.T) {
	t.Parallel()
	s := newShop(t, 2, "A")
	open, past := draft("u1", "A"), draft("u1", "A")
	if _, err := s.reserve(t.Context(), time.Hour, open); err != nil {
		t.Fatal(err)
	}
	if _, err := s.reserve(t.Context(), 0, past); err != nil {
		t.Fatal(err)
	}
	ask := func(id, user string) error {
		return s.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			_, err := s.orders.Payable(ctx, tx, id, user)
			return err
		})
	}
	for name, c := range map[string]struct {
		id, user, code string
	}{
		"past its time": {past.OrderID, "u1", "order_not_payable"},
		"another's":     {open.OrderID, "u2", "not_found"},
		"none":          {uuid.NewString(), "u1", "not_found"},
		"no id of ours": {"x", "u1", "not_found"},
	} {
		if err := ask(c.id, c.user); !fault.Is(err, c.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := ask(open.OrderID, "u1"); err != nil {
		t.Error(err)
	}
}

func TestListPagesThroughEveryOrderOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, 100, "A")
	at := time.Now().Truncate(time.Microsecond)
	for i := range 25 {
		d := draft("u1", "A")
		d.PlacedAt = at.Add(time.Duration(i/3) * time.Second) // several share an instant
		if _, err := s.reserve(t.Context(), time.Hour, d, draft("u2", "A")); err != nil {
			t.Fatal(err)
		}
	}
	seen, after := map[string]bool{}, ""
	for {
		views, next, err := s.orders.List(t.Context(), s, order.Page{UserID: "u1", Limit: 10, After: after})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range views {
			if seen[v.OrderID] || !v.BelongsTo("u1") || len(v.Lines) != 1 || len(v.History) != 1 {
				t.Errorf("%+v", v)
			}
			seen[v.OrderID] = true
		}
		if after = next; next == "" {
			break
		}
	}
	if len(seen) != 25 {
		t.Errorf("%d orders", len(seen))
	}
	if _, _, err := s.orders.List(t.Context(), s, order.Page{Limit: 1, After: "AAAA"}); !fault.Is(err, "invalid_cursor") {
		t.Errorf("%v", err)
	}
}

func TestRestockNeverTakesWhatIsReserved(t *testing.T) {
	t.Parallel()
	s := newShop(t, 5, "A")
	if _, err := s.reserve(t.Context(), time.Hour, draft("u1", "A"), draft("u2", "A")); err != nil {
		t.Fatal(err)
	}
	restock := func(reference string, quantity int64) (item stock.Item, err error) {
		err = s.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			item, err = s.stock.Restock(ctx, tx, reference, "A", quantity)
			return err
		})
		return item, err
	}
	if _, err := restock(uuid.NewString(), -4); !fault.Is(err, "stock_reserved") {
		t.Errorf("%v", err)
	}
	reference := uuid.NewString()
	for range 2 { // the second changes nothing
		if item, err := restock(reference, -3); err != nil || item.Available != 0 || item.Reserved != 2 {
			t.Errorf("%+v %v", item, err)
		}
	}
}
