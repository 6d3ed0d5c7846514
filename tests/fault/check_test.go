package fault_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/infra/invariant"
	"bazaar/infra/trigger"
	"bazaar/shared/bus"
	"bazaar/shared/idem"
	"bazaar/shared/pg"
)

// readAgain is of how many orders every reader is asked; the others are looked
// at in the store alone.
const readAgain = 1000

// settle resolves what has no answer by asking again, as a buyer would, and
// waits until everything that was accepted is decided. A key that was accepted
// is not asked again: that could bring back an order that was lost.
func (h *house) settle(t *testing.T, records []*record) {
	t.Helper()
	each(records, func(r *record) {
		if _, body := r.accepted(); body >= 0 {
			return
		}
		if !within(patience, func() bool { return r.resolve() }) {
			t.Errorf("key %s is not resolved: %v", r.key, r.answers[len(r.answers)-1])
		}
	})
	h.drained(t)
	// The provider tells again, later and later, what nobody has taken from it.
	within(patience, func() bool {
		wrong, err := h.moneyDiffers(t.Context(), h.Pool, records)
		return err == nil && len(wrong) == 0
	})
}

// resolve tries the key again with the body that it was accepted with, or with
// one and then the other. It reports whether the key stands for an order now.
func (r *record) resolve() bool {
	_, body := r.accepted()
	if body < 0 {
		body = 0
	}
	a := r.ask(body)
	if a.Status == http.StatusUnprocessableEntity && body == 0 {
		a = r.ask(1) // the answer to the other body was lost
	}
	return a.Status == http.StatusAccepted
}

// drained waits until nothing is on its way any more.
func (h *house) drained(t *testing.T) {
	t.Helper()
	var left string
	if !within(patience, func() bool { left = h.underway(t.Context()); return left == "" }) {
		t.Errorf("after %s there is still %s", patience, left)
	}
}

// underway says what is not done yet; empty when everything is.
func (h *house) underway(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	queue, err := h.js.Stream(ctx, bus.QueueStream)
	if err != nil {
		return "no word from NATS: " + err.Error()
	}
	if n := queue.CachedInfo().State.Msgs; n > 0 {
		return fmt.Sprintf("%d messages in the queue", n)
	}
	consumer, err := h.js.Consumer(ctx, bus.PaymentsStream, "settle-order")
	if err != nil {
		return "no word from NATS: " + err.Error()
	}
	if i := consumer.CachedInfo(); i.NumPending > 0 || i.NumAckPending > 0 {
		return fmt.Sprintf("%d notices pending, %d not acknowledged", i.NumPending, i.NumAckPending)
	}
	figures, err := invariant.Underway(ctx, h.Pool)
	if err != nil {
		return "no word from PostgreSQL: " + err.Error()
	}
	for _, f := range figures {
		if f.Count > 0 {
			return f.String()
		}
	}
	return ""
}

// mustHold checks what must be true once all is settled.
func (h *house) mustHold(t *testing.T, records []*record) {
	t.Helper()
	wrong, err := h.wrong(t.Context(), h.Pool, records)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong[:min(len(wrong), 20)] {
		t.Error(w)
	}
	if len(wrong) > 20 {
		t.Errorf("and %d more", len(wrong)-20)
	}
}

// wrong is what is not as it must be: in what clients were answered, in the
// stores, at the provider and on the bus, in what clients are answered now, and
// among the dead letters.
func (h *house) wrong(ctx context.Context, q pg.Querier, records []*record) ([]string, error) {
	var wrong list
	for _, r := range records {
		wrong.add(r.contradictions()...)
	}
	found, err := h.stored(ctx, q, records)
	if err != nil {
		return nil, err
	}
	wrong.add(found...)
	// After the store was looked at: to ask again could bring back what was lost.
	each(records[:min(len(records), readAgain)], func(r *record) { wrong.add(r.rereads()...) })
	err = trigger.NewLetters(h.js).Each(ctx, "", func(l trigger.Letter) error {
		wrong.add(fmt.Sprintf("a dead letter of %s: %s %s: %s", l.Function, l.Event, l.Kind, l.Reason))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the dead letters: %w", err)
	}
	return wrong.all, nil
}

// stored is what the stores, the provider's books and the bus say that must not be.
func (h *house) stored(ctx context.Context, q pg.Querier, records []*record) ([]string, error) {
	var wrong []string
	for _, differ := range []func(context.Context, pg.Querier, []*record) ([]string, error){ordersDiffer, h.moneyDiffers, h.eventsDiffer} {
		found, err := differ(ctx, q, records)
		if err != nil {
			return nil, err
		}
		wrong = append(wrong, found...)
	}
	findings, err := invariant.Examine(ctx, q, invariant.Rules(terms()))
	for _, f := range findings {
		for _, row := range f.Rows {
			wrong = append(wrong, f.Rule.Name+": "+row)
		}
	}
	return wrong, err
}

// terms are those of this house. When all is settled nothing waits at all; the
// patience is for what the checks themselves take.
func terms() invariant.Terms {
	t := invariant.Standard()
	t.CloseGrace = closeGrace
	return t
}

// list is filled by many.
type list struct {
	mu  sync.Mutex
	all []string
}

func (l *list) add(more ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, more...)
}

// owners are whose keys these are.
func owners(records []*record) []string {
	names := map[string]bool{}
	for _, r := range records {
		names[r.owner.name] = true
	}
	return slices.Collect(maps.Keys(names))
}

// ordersDiffer compares the orders of these buyers in the store with their keys:
// one each, reserved or rejected once, and no other.
func ordersDiffer(ctx context.Context, q pg.Querier, records []*record) ([]string, error) {
	var wrong []string
	keys := map[string]string{}
	for _, r := range records {
		id, _ := r.accepted()
		if other := keys[id]; other != "" {
			wrong = append(wrong, fmt.Sprintf("the keys %s and %s stand for one order %s", other, r.key, id))
		}
		keys[id] = r.key
		if should := (idem.Key{Scope: idem.ScopeOrder, Owner: r.owner.name, Key: r.key}).ID(); id != should {
			wrong = append(wrong, fmt.Sprintf("key %s stands for %s, not for %s", r.key, id, should))
		}
	}
	rows, err := q.Query(ctx, `
		select o.order_id::text, o.state, (select count(*) from orders.history h
			where h.order_id = o.order_id and h.from_state = 'placed' and h.to_state in ('reserved', 'rejected'))
		from orders.order o where o.user_id = any($1)`, owners(records))
	if err != nil {
		return nil, fmt.Errorf("reading the orders: %w", err)
	}
	var id, state string
	var decided int
	_, err = pgx.ForEachRow(rows, []any{&id, &state, &decided}, func() error {
		if keys[id] == "" {
			wrong = append(wrong, fmt.Sprintf("order %s (%s) is of no key", id, state))
		}
		if decided != 1 || state == "placed" {
			wrong = append(wrong, fmt.Sprintf("order %s (%s) was decided %d times", id, state, decided))
		}
		delete(keys, id)
		return nil
	})
	for id, key := range keys {
		wrong = append(wrong, fmt.Sprintf("order %s of key %s was accepted and is not there", id, key))
	}
	return wrong, err
}

// rereads asks for the order and for the key once more, with both bodies, and
// says what differs from what was answered before.
func (r *record) rereads() (wrong []string) {
	id, body := r.accepted()
	if id == "" {
		return []string{fmt.Sprintf("key %s stands for no order", r.key)}
	}
	a := r.owner.call("GET", "manage-order/"+id, "", nil)
	v := a.view()
	if a.Status != http.StatusOK || !slices.Contains([]string{"reserved", "rejected", "paid", "closed"}, v.Status) || !slices.Equal(v.Lines, r.lines[body]) {
		wrong = append(wrong, fmt.Sprintf("order %s of %v is %s", id, r.lines[body], a))
	}
	if a := r.ask(body); a.Status != http.StatusAccepted || a.view().OrderID != id || !a.Replayed {
		wrong = append(wrong, fmt.Sprintf("key %s again: %s, want the replay of %s", r.key, a, id))
	}
	if a := r.ask(1 - body); a.Status != http.StatusUnprocessableEntity {
		wrong = append(wrong, fmt.Sprintf("key %s with another body: %s, want 422", r.key, a))
	}
	return wrong
}

// moneyDiffers compares our books with the provider's: what it has been paid is
// paid, and nothing else is.
func (h *house) moneyDiffers(ctx context.Context, q pg.Querier, records []*record) (wrong []string, err error) {
	rows, err := q.Query(ctx, `
		select p.out_trade_no, o.state from payment.payment p join orders.order o using (order_id)
		where o.user_id = any($1)`, owners(records))
	if err != nil {
		return nil, fmt.Errorf("reading the payments: %w", err)
	}
	var number, state string
	_, err = pgx.ForEachRow(rows, []any{&number, &state}, func() error {
		var their struct{ Status string }
		a := send("GET", h.Paysim+"/api/trades/"+number, "", "", nil)
		if err := json.Unmarshal(a.Body, &their); err != nil && a.Status != http.StatusNotFound {
			return fmt.Errorf("reading the trade %s: %w", number, err)
		}
		if got := their.Status == "TRADE_SUCCESS"; got != (state == "paid") {
			wrong = append(wrong, fmt.Sprintf("the provider says %q of %s, whose order is %s", their.Status, number, state))
		}
		return nil
	})
	return wrong, err
}

// each does f with every record, a few at a time.
func each(records []*record, f func(*record)) {
	places := make(chan struct{}, 16)
	var all sync.WaitGroup
	for _, r := range records {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			f(r)
		})
	}
	all.Wait()
}
