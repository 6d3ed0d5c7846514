// Package invariant is what must be true of the stores whatever happened: one
// query a rule, each of which finds the rows that break it. It reads; it mends
// nothing.
package invariant

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/pg"
)

// Rule is one thing that must hold. Query gives one text a row that breaks it.
type Rule struct {
	Name  string
	Means string
	Query string
}

// Violation is a row that breaks a rule.
type Violation struct {
	Rule string
	Row  string
}

func (v Violation) String() string { return v.Rule + ": " + v.Row }

// Rules are all rules.
func Rules() []Rule {
	return []Rule{
		{"stock_ledger", "the entries of a SKU add up to its item", `
			select format('%s has %s/%s/%s, its entries %s/%s/%s', i.sku, i.available, i.reserved, i.sold, e.a, e.r, e.s)
			from stock.item i left join (
				select sku, sum(available) a, sum(reserved) r, sum(sold) s from stock.entry group by sku) e using (sku)
			where (i.available, i.reserved, i.sold) is distinct from (coalesce(e.a, 0), coalesce(e.r, 0), coalesce(e.s, 0))`},
		{"no_oversell", "no column of stock is negative", `
			select sku from stock.item where available < 0 or reserved < 0 or sold < 0`},
		{"stock_of_orders", "what is reserved and sold is what orders hold", `
			select format('%s: reserved %s, held by orders %s; sold %s, of orders %s', i.sku, i.reserved, o.held, i.sold, o.sold)
			from stock.item i join lateral (
				select coalesce(sum(l.quantity) filter (where o.state in ('reserved', 'closing')), 0) held,
					coalesce(sum(l.quantity) filter (where o.state in ('paid', 'shipped', 'completed')), 0) sold
				from orders.line l join orders.order o using (order_id) where l.sku = i.sku) o on true
			where i.reserved <> o.held or i.sold <> o.sold`},
		{"history_is_a_path", "an order's history leads step by step to where it is", `
			select format('%s: version %s, %s; history %s', o.order_id, o.version, o.state, h.path)
			from orders.order o left join lateral (
				select count(*) n, string_agg(from_state || '>' || to_state, ' ' order by version) path,
					(array_agg(to_state order by version desc))[1] last,
					bool_and(from_state = coalesce(before, 'placed')) joined
				from (select *, lag(to_state) over (order by version) before
					from orders.history where order_id = o.order_id) h) h on true
			where h.n <> o.version or h.last <> o.state or not h.joined`},
		{"paid_once", "an order is paid exactly when one payment of it succeeded, in its amount", `
			select format('%s is %s with %s successful payments of %s', o.order_id, o.state, count(p.*), sum(p.amount))
			from orders.order o left join payment.payment p on p.order_id = o.order_id and p.status = 'SUCCESS'
			group by o.order_id, o.state, o.amount
			having count(p.*) <> (case when o.state in ('paid', 'shipped', 'completed') then 1 else 0 end)
				or sum(p.amount) <> o.amount`},
		{"applied_once", "each successful payment was applied by one notice", `
			select format('%s was applied by %s notices', p.payment_id, count(i.*))
			from payment.payment p left join payment.inbox i on i.out_trade_no = p.out_trade_no and i.state = 'applied'
			where p.status = 'SUCCESS' group by p.payment_id having count(i.*) <> 1`},
		{"lines_make_the_amount", "the lines of an order add up to its amount", `
			select format('%s: %s, lines %s', o.order_id, o.amount, sum(l.quantity * l.amount))
			from orders.order o left join orders.line l using (order_id)
			group by o.order_id, o.amount having sum(l.quantity * l.amount) is distinct from o.amount`},
	}
}

// Check runs every rule and gives what breaks them, at most ten rows a rule.
func Check(ctx context.Context, q pg.Querier) ([]Violation, error) {
	var found []Violation
	for _, r := range Rules() {
		rows, err := q.Query(ctx, r.Query+" limit 10")
		if err != nil {
			return nil, fmt.Errorf("checking %s: %w", r.Name, err)
		}
		broken, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("checking %s: %w", r.Name, err)
		}
		for _, row := range broken {
			found = append(found, Violation{r.Name, row})
		}
	}
	return found, nil
}
