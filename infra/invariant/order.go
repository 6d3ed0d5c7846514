package invariant

import (
	"fmt"
	"strings"

	"bazaar/shared/order"
)

// orderRules are of an order by itself: its row, its lines, its history.
func orderRules() []Rule {
	return []Rule{
		{Name: "history_is_a_path", Means: "an order's history leads step by step from placed to where it is", Query: `
			select format('order %s is %s in version %s; history %s', o.order_id, o.state, o.version,
				(select string_agg(format('%s:%s>%s', version, from_state, to_state), ' ' order by version)
					from orders.history where order_id = o.order_id))
			from orders.order o left join (
				select order_id, max(to_state) filter (where newest) last, max(version) version,
					bool_and(version = number and from_state = before) joined
				from (select order_id, version, from_state, to_state,
						row_number() over w number, lag(to_state, 1, 'placed') over w before, lead(version) over w is null newest
					from orders.history window w as (partition by order_id order by version)) step
				group by order_id) h using (order_id)
			where not h.joined or (h.last, h.version) is distinct from (o.state, o.version)`},
		{Name: "transitions_are_permitted", Means: "every step of a history is one of the table of transitions", Query: `
			select format('order %s, version %s: %s by %s to %s', order_id, version, from_state, event, to_state)
			from orders.history where (from_state, event, to_state) not in (` + steps() + `)`},
		{Name: "history_goes_forward", Means: "an order's history does not go back in time, but for a clock that is set by a minute", Query: `
			select format('order %s: version %s at %s, the next one at %s', order_id, version, at, next)
			from (select order_id, version, at, lead(at) over (partition by order_id order by version) next from orders.history) step
			where next < at - interval '1 minute'`},
		{Name: "order_fits_its_state", Means: "an order has a reason, a time to pay, a time to ask again and a parcel exactly in the states that have one", Query: `
			select format('order %s is %s: reason %s, expires %s, next try %s, carrier %s, tracking %s', order_id, state,
				coalesce(reason, '-'), coalesce(expires_at::text, '-'), coalesce(next_try_at::text, '-'), coalesce(carrier, '-'), coalesce(tracking, '-'))
			from orders.order
			where (reason is not null) <> (state in ('rejected', 'closing', 'closed'))
				or (expires_at is null) <> (state = 'rejected')
				or (next_try_at is not null) <> (state = 'closing')
				or (carrier is not null) <> (state in ('shipped', 'completed'))
				or (tracking is not null) <> (state in ('shipped', 'completed'))`},
		{Name: "lines_make_the_amount", Means: "the lines of an order add up to its amount", Query: `
			select format('order %s has the amount %s, its lines %s', o.order_id, o.amount, coalesce(l.amount::text, 'are missing'))
			from orders.order o left join (
				select order_id, sum(quantity * amount::numeric) amount from orders.line group by order_id) l using (order_id)
			where l.amount is distinct from o.amount`},
		{Name: "lines_are_numbered", Means: fmt.Sprintf("the lines of an order are numbered from 1, to %d at most", order.MaxLines), Query: fmt.Sprintf(`
			select format('order %%s has %%s lines, numbered %%s to %%s', order_id, count(*), min(line_no), max(line_no))
			from orders.line group by order_id
			having min(line_no) <> 1 or max(line_no) <> count(*) or count(*) > %d`, order.MaxLines)},
		{Name: "currency_is_a_code", Means: "an order's currency is three capital letters", Query: `
			select format('order %s is in %s', order_id, currency) from orders.order where currency !~ '^[A-Z]{3}$'`},
	}
}

// steps is the table of transitions as rows of SQL: from, by what, to.
func steps() string {
	var rows []string
	for _, t := range order.Transitions() {
		rows = append(rows, fmt.Sprintf("('%s', '%s', '%s')", t.From, t.Verb, t.To))
	}
	return "values " + strings.Join(rows, ", ")
}

// states is the states that are so, as a list of SQL.
func states(so func(order.State) bool) string {
	var names []string
	seen := map[order.State]bool{}
	for _, t := range order.Transitions() {
		if so(t.To) && !seen[t.To] {
			seen[t.To] = true
			names = append(names, fmt.Sprintf("'%s'", t.To))
		}
	}
	return strings.Join(names, ", ")
}
