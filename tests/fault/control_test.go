package fault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bazaar/shared/event"
	"bazaar/shared/order"
)

// errEnough ends a transaction that did harm.
var errEnough = errors.New("enough")

// TestTheChecksSeeWhatIsWrong in what clients were told, and in the stores: a
// check that nothing can fail proves nothing.
func TestTheChecksSeeWhatIsWrong(t *testing.T) {
	h := open(t)
	buyer := h.as(t, "control-"+uuid.NewString()[:8])
	records := h.batch(t, buyer, h.product(t, 100), 3)
	h.payAll(t, records[2:])
	h.settle(t, records)
	h.mustHold(t, records)
	t.Run("answers", func(t *testing.T) { h.sees(t, records, answersGoneWrong()) })
	t.Run("stores", func(t *testing.T) { h.seesInStores(t, records) })
	t.Run("letters", func(t *testing.T) { h.seesALetter(t, records) })
}

// damage is done to a copy of a record, the first of three.
type damage struct {
	does func(first, second *record)
	said string // what must be among what is wrong
}

func told202(id string) answer {
	return answer{Status: http.StatusAccepted, Body: fmt.Appendf(nil, `{"order_id":%q}`, id)}
}

func answersGoneWrong() map[string]damage {
	say := func(r *record, body int, a answer) { r.answers = append(r.answers, told{body, a}) }
	return map[string]damage{
		"one key, two orders":   {func(r, _ *record) { say(r, 0, told202(uuid.NewString())) }, "stands for the orders"},
		"one key, two bodies":   {func(r, _ *record) { id, _ := r.accepted(); say(r, 1, told202(id)) }, "with two bodies"},
		"an order without id":   {func(r, _ *record) { say(r, 0, told202("")) }, "names no order"},
		"an unknown answer":     {func(r, _ *record) { say(r, 0, answer{Status: 500, Code: "internal"}) }, "none of the contract"},
		"a key nobody accepted": {func(r, _ *record) { r.answers = nil }, "stands for no order"},
		"two keys, one order":   {func(r, other *record) { r.answers = slices.Clone(other.answers) }, "stand for one order"},
		"an order of nobody":    {func(r, _ *record) { r.answers = []told{{0, told202(uuid.NewString())}} }, "was accepted and is not there"},
		"other lines":           {func(r, _ *record) { r.lines[0] = []line{{r.lines[0][0].SKU, 2}} }, "is 200"},
		"another key":           {func(r, other *record) { r.key = other.key }, ", not for "},
	}
}

// sees does each damage to copies of the records and looks.
func (h *house) sees(t *testing.T, records []*record, damages map[string]damage) {
	for name, d := range damages {
		copies := make([]*record, len(records))
		for i, r := range records {
			copies[i] = &record{owner: r.owner, key: r.key, lines: r.lines, answers: slices.Clone(r.answers)}
		}
		d.does(copies[0], copies[1])
		wrong, err := h.wrong(t.Context(), h.Pool, copies)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.Join(wrong, "\n"), d.said) {
			t.Errorf("%s: found %q, want one with %q", name, wrong, d.said)
		}
	}
}

// seesInStores does harm in transactions that are taken back. The last of the
// records is paid, the others are reserved.
func (h *house) seesInStores(t *testing.T, records []*record) {
	reserved, paid := ids(records)[0], ids(records)[2]
	for _, c := range []struct{ order, harm, said string }{
		{reserved, `update orders.order set user_id = 'x' where order_id = $1`, "is not there"},
		{reserved, `insert into orders.order (order_id, user_id, state, version, amount, currency, fingerprint, created_at)
			select gen_random_uuid(), user_id, 'rejected', 1, 0, currency, '', now() from orders.order where order_id = $1`, "is of no key"},
		{reserved, `update orders.history set from_state = 'closed' where order_id = $1`, "was decided 0 times"},
		{reserved, `insert into orders.history (order_id, version, from_state, to_state, event, actor)
			values ($1, 2, 'placed', 'rejected', '', '')`, "was decided 2 times"},
		{reserved, `update stock.item set available = available + 1
			where sku in (select sku from orders.line where order_id = $1)`, "its entries"},
		{paid, `update orders.order set state = 'shipped' where order_id = $1`, "the provider says"},
		{paid, `update orders.history set version = 3 where order_id = $1 and version = 2`, "the bus was told"},
		{paid, `delete from orders.history where order_id = $1 and version = 2`, "a step that it has not made"},
	} {
		var wrong []string
		err := h.Pool.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, c.harm, c.order)
			if err == nil && tag.RowsAffected() == 1 {
				wrong, err = h.stored(ctx, tx, records)
			}
			return errors.Join(err, errEnough)
		})
		if !errors.Is(err, errEnough) || !strings.Contains(strings.Join(wrong, "\n"), c.said) {
			t.Errorf("%s: found %q, want one with %q (%v)", c.harm, wrong, c.said, err)
		}
	}
}

// seesALetter writes a dead letter, looks and drops it.
func (h *house) seesALetter(t *testing.T, records []*record) {
	e, err := event.New(order.Placed, uuid.NewString(), "", map[string]string{"order_id": "not one"})
	if err != nil {
		t.Fatal(err)
	}
	h.publish(t, e)
	h.drained(t)
	wrong, err := h.wrong(t.Context(), h.Pool, records)
	if err != nil {
		t.Fatal(err)
	}
	if len(wrong) != 1 || !strings.Contains(wrong[0], e.ID) {
		t.Errorf("found %q, want the letter of %s alone", wrong, e.ID)
	}
	h.drop(t)
}
