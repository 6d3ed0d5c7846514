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

	"bazaar/infra/invariant"
	"bazaar/shared/bus"
	"bazaar/shared/idem"
)

// readAgain is of how many orders every reader is asked; the others are looked
// at in the store alone.
const readAgain = 1000

// settle resolves what has no answer by asking again, as a buyer would, and
// waits until everything that was accepted is decided.
func (h *house) settle(t *testing.T, records []*record) {
	t.Helper()
	each(records, func(r *record) {
		if !within(patience, func() bool { return r.resolve() }) {
			t.Errorf("key %s is not resolved: %v", r.key, r.answers[len(r.answers)-1])
		}
	})
	h.drained(t)
}

// resolve tries the key again with the body that it was accepted with, or with
// its first one. It reports whether the key stands for an order now.
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
	for what, query := range map[string]string{
		"events in the outbox":  `select count(*) from outbox.event`,
		"notices in the inbox":  `select count(*) from payment.inbox where state = 'new'`,
		"unmatched notices":     `select count(*) from payment.inbox where state = 'unmatched'`,
		"orders still in doubt": `select count(*) from orders.order where state = 'closing'`,
	} {
		var n int
		if err := h.Pool.QueryRow(ctx, query).Scan(&n); err != nil {
			return "no word from PostgreSQL: " + err.Error()
		}
		if n > 0 {
			return fmt.Sprintf("%d %s", n, what)
		}
	}
	return ""
}

// mustHold checks what must be true once all is settled.
func (h *house) mustHold(t *testing.T, records []*record) {
	t.Helper()
	var wrong []string
	for _, r := range records {
		wrong = append(wrong, r.contradictions()...)
	}
	for _, w := range wrong[:min(len(wrong), 10)] {
		t.Error(w)
	}
	if len(wrong) > 10 {
		t.Errorf("and %d more", len(wrong)-10)
	}
	h.ordersAre(t, records)
	each(records[:min(len(records), readAgain)], func(r *record) { r.read(t) })
	h.moneyAgrees(t, records)
	for _, l := range h.letters(t) {
		t.Errorf("a dead letter of %s: %s %s: %s", l.Function, l.Event, l.Kind, l.Reason)
	}
	broken, err := invariant.Check(t.Context(), h.Pool)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range broken {
		t.Error(v)
	}
}

// ordersAre compares the orders of these buyers in the store with their keys:
// one each, reserved or rejected once, and no other.
func (h *house) ordersAre(t *testing.T, records []*record) {
	t.Helper()
	keys := map[string]string{}
	owners := map[string]bool{}
	for _, r := range records {
		id, _ := r.accepted()
		keys[id] = r.key
		owners[r.owner.name] = true
		if should := (idem.Key{Scope: idem.ScopeOrder, Owner: r.owner.name, Key: r.key}).ID(); id != should {
			t.Errorf("key %s stands for %s, not for %s", r.key, id, should)
		}
	}
	rows, err := h.Pool.Query(t.Context(), `
		select o.order_id::text, o.state, count(*) filter (where h.from_state = 'placed')
		from orders.order o left join orders.history h using (order_id)
		where o.user_id = any($1) group by o.order_id`, slices.Collect(maps.Keys(owners)))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, state string
		var decided int
		if err := rows.Scan(&id, &state, &decided); err != nil {
			t.Fatal(err)
		}
		if keys[id] == "" {
			t.Errorf("order %s (%s) is of no key", id, state)
		}
		if decided != 1 {
			t.Errorf("order %s (%s) was decided %d times", id, state, decided)
		}
		delete(keys, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for id, key := range keys {
		t.Errorf("order %s of key %s was accepted and is not there", id, key)
	}
}

// read asks for the order and for the key once more, with both bodies.
func (r *record) read(t *testing.T) {
	id, body := r.accepted()
	if id == "" {
		return // told already
	}
	a := r.owner.call("GET", "manage-order/"+id, "", nil)
	v := a.view()
	if a.Status != http.StatusOK || !slices.Contains([]string{"reserved", "rejected", "paid", "closed"}, v.Status) || !slices.Equal(v.Lines, r.lines[body]) {
		t.Errorf("order %s of %v is %s", id, r.lines[body], a)
	}
	if a := r.ask(body); a.Status != http.StatusAccepted || a.view().OrderID != id || !a.Replayed {
		t.Errorf("key %s again: %s, want the replay of %s", r.key, a, id)
	}
	if a := r.ask(1 - body); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("key %s with another body: %s, want 422", r.key, a)
	}
}

// moneyAgrees compares our books with the provider's: what it has been paid is
// paid, and nothing else is. The provider tells again, later and later, what
// nobody has taken from it.
func (h *house) moneyAgrees(t *testing.T, records []*record) {
	t.Helper()
	var wrong string
	if !within(patience, func() bool { wrong = h.moneyDiffers(t, records); return wrong == "" }) {
		t.Error(wrong)
	}
}

func (h *house) moneyDiffers(t *testing.T, records []*record) string {
	t.Helper()
	owners := map[string]bool{}
	for _, r := range records {
		owners[r.owner.name] = true
	}
	rows, err := h.Pool.Query(t.Context(), `
		select p.out_trade_no, o.state from payment.payment p join orders.order o using (order_id)
		where o.user_id = any($1)`, slices.Collect(maps.Keys(owners)))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var number, state string
		if err := rows.Scan(&number, &state); err != nil {
			t.Fatal(err)
		}
		var their struct{ Status string }
		a := send("GET", h.Paysim+"/api/trades/"+number, "", "", nil)
		if err := json.Unmarshal(a.Body, &their); err != nil && a.Status != http.StatusNotFound {
			t.Fatal(err)
		}
		if got := their.Status == "TRADE_SUCCESS"; got != (state == "paid") {
			return fmt.Sprintf("the provider says %q of %s, whose order is %s", their.Status, number, state)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ""
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
