package invariant

// keyRules are of the answers that idempotency keys have in PostgreSQL: what
// was answered is there. The keys of orders are in Redis.
func keyRules() []Rule {
	// Escaped, the bytes of any body are a text. They are searched and not parsed,
	// and the ids compared as texts: no body can break the query.
	const paymentID = `left(split_part(encode(a.body, 'escape'), '"payment_id":"', 2), 36)`
	return []Rule{
		{Name: "finished_key_has_its_answer", Means: "a finished key has a status and a body, one in progress has none", Query: `
			select format('key %s of %s (%s) is %s: status %s', key, owner, scope, state, coalesce(status::text, '-')) from idem.answer
			where (status is not null) <> (state = 'done') or (body is not null) <> (state = 'done')`},
		{Name: "answered_restock_is_booked", Means: "a restock that was answered is in the ledger", Query: `
			select format('key %s of %s: no restock %s', a.key, a.owner, a.id) from idem.answer a
			where a.scope = 'restock' and a.status = 200
				and not exists (select from stock.entry e where e.reference = a.id and e.kind = 'restock')`},
		{Name: "answered_payment_is_there", Means: "a payment that was answered is there, and its buyer's", Query: `
			select format('key %s of %s: no payment %s', a.key, a.owner, ` + paymentID + `) from idem.answer a
			where a.scope = 'create-payment' and a.status = 201 and not exists (
				select from payment.payment p where p.payment_id::text = ` + paymentID + ` and p.user_id = a.owner)`},
	}
}
