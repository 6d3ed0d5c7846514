package invariant

// settledRules are of what is on its way: nothing waits for longer than the
// patience after it should have been done.
func settledRules(t Terms) []Rule {
	patience := t.Patience.Milliseconds()
	rules := []Rule{
		{Name: "outbox_is_published", Means: "no event has been in the outbox for long", Args: []any{patience}, Query: `
			select format('%s of %s since %s', type, aggregate, created_at)
			from outbox.event where created_at < now() - $1::bigint * interval '1 millisecond'`},
		{Name: "inbox_is_applied", Means: "no notice of the provider has been waiting for long", Args: []any{patience}, Query: `
			select format('notice %s about %s since %s', inbox_id, out_trade_no, received_at)
			from payment.inbox where next_try_at is not null and state = 'new' and received_at < now() - $1::bigint * interval '1 millisecond'`},
		{Name: "inbox_is_matched", Means: "no notice of the provider has been matching no payment of ours for long", Args: []any{patience}, Query: `
			select format('notice %s about %s since %s, tried %s times', inbox_id, out_trade_no, received_at, tries)
			from payment.inbox where next_try_at is not null and state = 'unmatched' and received_at < now() - $1::bigint * interval '1 millisecond'`},
		{Name: "reservation_ends", Means: "no order holds its stock long after its time to pay", Args: []any{patience}, Query: `
			select format('order %s is reserved, until %s', order_id, expires_at)
			from orders.order where state = 'reserved' and expires_at < now() - $1::bigint * interval '1 millisecond'`},
		{Name: "closing_ends", Means: "no order is closing long after its time to pay and the grace", Args: []any{patience, t.CloseGrace.Milliseconds()}, Query: `
			select format('order %s is closing, expired %s, asked %s times, next at %s', order_id, expires_at, tries, next_try_at)
			from orders.order where state = 'closing' and expires_at < now() - ($1::bigint + $2::bigint) * interval '1 millisecond'`},
	}
	for i := range rules {
		rules[i].Settled = true
	}
	return rules
}
