package store_test

import "fmt"

// damage is something that nothing of ours does to the market. rule is the one
// that it is made to break; also names those that cannot hold then either.
type damage struct{ rule, what, sql, also string }

// The market has one order in each state, whose buyer has the state's name.
func damages() []damage {
	all := append(orderDamages(), stockDamages()...)
	all = append(all, paymentDamages()...)
	all = append(all, eventDamages()...)
	all = append(all, keyDamages()...)
	all = append(all, messageDamages()...)
	return append(all, sessionDamages()...)
}

func of(user string) string {
	return fmt.Sprintf("order_id = (select order_id from orders.order where user_id = '%s')", user)
}

func orderDamages() []damage {
	step := func(set string, version int, user string) string {
		return fmt.Sprintf("update orders.history set %s where version = %d and %s", set, version, of(user))
	}
	row := func(set, user string) string {
		return fmt.Sprintf("update orders.order set %s where user_id = '%s'", set, user)
	}
	lines := func(set, user string) string { return "update orders.line set " + set + " where " + of(user) }
	return []damage{
		{"history_is_a_path", "a step is missing", `delete from orders.history where version = 2 and ` + of("completed"), ""},
		{"history_is_a_path", "the first step is missing", `delete from orders.history where version = 1 and ` + of("completed"), ""},
		{"history_is_a_path", "the last step is missing", `delete from orders.history where version = 4 and ` + of("completed"), ""},
		{"history_is_a_path", "all steps are missing", `delete from orders.history where ` + of("rejected"), "event_tells_of_a_move"},
		{"history_is_a_path", "the versions have a gap", `update orders.history set version = 9 where version = 4 and ` + of("completed") +
			`; update orders.order set version = 9 where user_id = 'completed'`, ""},
		{"history_is_a_path", "the version is another", row("version = version + 1", "paid"), ""},
		{"history_is_a_path", "it leads elsewhere", step("event = 'pay', to_state = 'paid'", 2, "closing"), ""},
		{"history_is_a_path", "a step begins elsewhere", step("event = 'cancel', to_state = 'closing'", 2, "completed"), ""},
		{"history_is_a_path", "it does not begin at placed", `delete from orders.history where version = 1 and ` + of("closing") +
			`; update orders.history set version = 1 where ` + of("closing") + `; ` + row("version = 1", "closing"), ""},
		{"transitions_are_permitted", "a verb that does not lead there", step("event = 'ship'", 2, "paid"), ""},
		{"transitions_are_permitted", "a state that nothing leads to", step("to_state = 'placed'", 2, "completed"), "history_is_a_path"},
		{"history_goes_forward", "a step before the one before it", step("at = at - interval '1 hour'", 2, "completed"), ""},
		{"order_fits_its_state", "a reason to be paid", row("reason = 'cancelled'", "paid"), ""},
		{"order_fits_its_state", "rejected without a reason", row("reason = null", "rejected"), ""},
		{"order_fits_its_state", "rejected, and may still be paid", row("expires_at = now()", "rejected"), ""},
		{"order_fits_its_state", "closed, and never had a time to pay", row("expires_at = null", "closed"), ""},
		{"order_fits_its_state", "asks about what is closed", row("next_try_at = now()", "closed"), ""},
		{"order_fits_its_state", "never asks about what is closing", `alter table orders.order drop constraint order_check1; ` + row("next_try_at = null", "closing"), ""},
		{"order_fits_its_state", "shipped by nobody", row("carrier = null", "shipped"), ""},
		{"order_fits_its_state", "completed without tracking", row("tracking = null", "completed"), ""},
		{"order_fits_its_state", "a parcel of what is not shipped", row("carrier = 'SF'", "paid"), ""},
		{"lines_make_the_amount", "another amount", row("amount = amount + 1", "rejected"), ""},
		{"lines_make_the_amount", "another price", lines("amount = amount + 1", "rejected"), ""},
		{"lines_make_the_amount", "a price that no sum can hold", lines("amount = 9223372036854775807", "reserved"), ""},
		{"lines_make_the_amount", "no lines", `delete from orders.line where ` + of("rejected"), ""},
		{"lines_are_numbered", "they begin later", lines("line_no = line_no + 10", "reserved"), ""},
		{"lines_are_numbered", "a gap", lines("line_no = 3", "reserved") + " and line_no = 2", ""},
		{"lines_are_numbered", "51 lines", `insert into orders.line (order_id, line_no, sku, quantity, amount)
			select order_id, n, 'more-' || n, 1, 0 from orders.order, generate_series(2, 51) n where user_id = 'rejected'`, ""},
		{"currency_is_a_code", "in small letters", row("currency = 'cny'", "rejected"), ""},
		{"reservation_ends", "three minutes over", row("expires_at = now() - interval '3 minutes'", "reserved"), ""},
		{"closing_ends", "four minutes over", row("expires_at = now() - interval '4 minutes'", "closing"), ""},
	}
}

func stockDamages() []damage {
	entry := func(reference, kind string, available, reserved, sold int) string {
		return fmt.Sprintf(`insert into stock.entry (reference, sku, kind, available, reserved, sold) values (%s, 'A', '%s', %d, %d, %d);`,
			reference, kind, available, reserved, sold)
	}
	const nobody, rejected = `'00000000-0000-0000-0000-000000000001'`, `(select order_id from orders.order where user_id = 'rejected')`
	const beside = "entry_has_its_order stock_ledger"
	item := func(set string) string { return `update stock.item set ` + set + ` where sku = 'A'` }
	entries := func(user string) string {
		return `(select order_id from orders.order where user_id = '` + user + `') and sku = 'A'`
	}
	all := []damage{
		{"stock_ledger", "a unit from nowhere", item("available = available + 1"), ""},
		{"stock_ledger", "an item that nothing was put in", `insert into stock.item (sku, available) values ('new', 1)`, ""},
		{"stock_of_orders", "reserved for nobody", entry(nobody, "reserve", -1, 1, 0) + item("available = available - 1, reserved = reserved + 1"), "entry_has_its_order"},
		{"stock_of_orders", "sold to nobody", entry(nobody, "confirm", 0, -1, 1) + item("reserved = reserved - 1, sold = sold + 1"), "entry_has_its_order"},
		{"stock_of_orders", "of a SKU that no order has", `insert into stock.item (sku, reserved) values ('new', 1)`, "stock_ledger"},
		{"entry_has_its_order", "taken for nobody, and given back", entry(nobody, "reserve", -1, 1, 0) + entry(nobody, "release", 1, -1, 0), ""},
		{"entry_has_its_order", "of a SKU that the order does not have", entry(rejected, "reserve", -1, 1, 0) + entry(rejected, "release", 1, -1, 0), ""},
		{"order_has_its_entries", "closed and never reserved", `delete from stock.entry where reference = ` + entries("closed"), ""},
		{"order_has_its_entries", "other units than the line's", `update stock.entry set available = 2 * available, reserved = 2 * reserved where reference = ` + entries("closed"), ""},
		{"order_has_its_entries", "paid and not sold", `delete from stock.entry where kind = 'confirm' and reference = ` + entries("paid"), "stock_ledger"},
		{"order_has_its_entries", "rejected and reserved", `update orders.line set sku = 'A' where ` + of("rejected") + `;` +
			entry(rejected, "reserve", -1, 1, 0) + entry(rejected, "release", 1, -1, 0), ""},
		{"order_has_its_entries", "returned", entry(`(select order_id from orders.order where user_id = 'completed')`, "return", 1, 0, -1), "stock_ledger"},
		{"product_has_its_item", "a product without", `insert into catalog.product (sku, title, amount, currency) values ('new', 'New', 1, 'CNY')`, ""},
		{"entry_is_of_its_kind", "an unknown kind", `alter table stock.entry drop constraint entry_kind_check;` + entry(nobody, "gift", 0, 0, 0), "entry_has_its_order"},
		{"entry_is_of_its_kind", "a restock of nothing", entry(nobody, "restock", 0, 0, 0), ""},
		{"entry_is_of_its_kind", "a restock that reserves", entry(nobody, "restock", 1, 1, 0), "stock_ledger"},
		{"entry_is_of_its_kind", "a restock that sells", entry(nobody, "restock", 1, 0, 1), "stock_ledger"},
	}
	for _, column := range []string{"available", "reserved", "sold"} {
		all = append(all, damage{"no_oversell", "less than nothing " + column,
			`alter table stock.item drop constraint item_` + column + `_check; insert into stock.item (sku, ` + column + `) values ('new', -1)`,
			map[string]string{"available": "stock_ledger"}[column]})
		if column != "available" {
			all[len(all)-1].also = "stock_ledger stock_of_orders"
		}
	}
	for kind, wrong := range map[string][][3]int{
		"reserve": {{0, 0, 0}, {0, 1, 0}, {-1, 1, 1}, {1, -1, 0}},
		"confirm": {{0, 0, 0}, {0, 0, 1}, {1, -1, 1}, {0, 1, -1}},
		"release": {{0, 0, 0}, {1, 0, 0}, {1, -1, 1}, {-1, 1, 0}},
		"return":  {{0, 0, 0}, {1, 0, 0}, {1, 1, -1}, {-1, 0, 1}},
	} {
		for _, w := range wrong {
			also := beside
			if w == [3]int{} {
				also = "entry_has_its_order"
			}
			all = append(all, damage{"entry_is_of_its_kind", fmt.Sprintf("a %s of %v", kind, w), entry(nobody, kind, w[0], w[1], w[2]), also})
		}
	}
	return all
}

func paymentDamages() []damage {
	pay := func(set, user string) string {
		return "update payment.payment set " + set + " where user_id = '" + user + "'"
	}
	notice := func(set, user string) string {
		return "update payment.inbox set " + set + " where out_trade_no = (select out_trade_no from payment.payment where user_id = '" + user + "')"
	}
	told := func(set, state string) string {
		return "update payment.inbox set " + set + " where state = '" + state + "'"
	}
	// attempt is one more payment of an order, or of another order, and paid is
	// the notice that made it succeed.
	attempt := func(order, number, status string) string {
		return `insert into payment.payment (payment_id, order_id, user_id, attempt, provider, out_trade_no, status, amount, currency, busy_until, trade_no, paid_at)
			select gen_random_uuid(), ` + order + `, user_id, ` + number + `, 'alipay', replace(` + order + `::text, '-', '') || '_` + number + `', '` + status + `',
				amount, currency, now(), case when '` + status + `' = 'SUCCESS' then 'another' end, case when '` + status + `' = 'SUCCESS' then now() end
			from orders.order where user_id = `
	}
	const paid = `; insert into payment.inbox (provider, notify_id, source, out_trade_no, trade_no, trade_status, amount, app_id, seller_id, raw, state, next_try_at)
		select provider, 'another', 'notify', out_trade_no, trade_no, 'TRADE_SUCCESS', amount, 'a', 's', '', 'applied', null from payment.payment where trade_no = 'another'`
	const stranger = `'00000000-0000-0000-0000-000000000001'::uuid`
	return []damage{
		{"paid_once", "paid, and still reserved", attempt("order_id", "1", "SUCCESS") + `'reserved'` + paid, ""},
		{"paid_once", "paid twice", `drop index payment.payment_succeeded; ` + attempt("order_id", "2", "SUCCESS") + `'completed'` + paid, ""},
		{"paid_once", "paid by nothing", `delete from payment.inbox where out_trade_no in (select out_trade_no from payment.payment where user_id = 'shipped');
			delete from payment.payment where user_id = 'shipped'`, ""},
		{"paid_once", "another amount", pay("amount = amount - 1", "shipped") + "; " + notice("amount = amount - 1", "shipped"), "payment_is_of_its_order"},
		{"payment_is_of_its_order", "another's", pay("user_id = 'other'", "closed"), ""},
		{"payment_is_of_its_order", "another amount", pay("amount = amount - 1", "closed"), ""},
		{"payment_is_of_its_order", "another currency", pay("currency = 'EUR'", "closed"), ""},
		{"payment_is_of_its_order", "no order", attempt(stranger, "1", "CLOSED") + `'closed'`, ""},
		{"attempts_are_numbered", "from 2", pay("attempt = 2, out_trade_no = replace(order_id::text, '-', '') || '_2'", "closed"), ""},
		{"attempts_are_numbered", "with a gap", attempt("order_id", "3", "CLOSED") + `'closed'`, ""},
		{"trade_is_of_its_attempt", "another number", pay("out_trade_no = 'mine'", "closed"), ""},
		{"open_payment_has_open_order", "closed", pay("status = 'WAIT'", "closed"), ""},
		{"open_payment_has_open_order", "no order", attempt(stranger, "1", "WAIT") + `'closed'`, "payment_is_of_its_order"},
		{"payment_fits_its_status", "a trade of what is not paid", pay("trade_no = 'x'", "closing"), ""},
		{"payment_fits_its_status", "a time of what is not paid", pay("paid_at = now()", "closing"), ""},
		{"payment_fits_its_status", "paid by no trade", pay("trade_no = null", "paid"), "applied_is_paid"},
		{"payment_fits_its_status", "paid at no time", pay("paid_at = null", "paid"), ""},
		{"applied_once", "by none", notice("state = 'ignored', reason = 'x'", "paid"), ""},
		{"applied_once", "by two", `insert into payment.inbox (provider, notify_id, source, out_trade_no, trade_no, trade_status, amount, app_id, seller_id, raw, state, next_try_at)
			select provider, 'another', source, out_trade_no, trade_no, 'TRADE_FINISHED', amount, app_id, seller_id, raw, state, null
			from payment.inbox where state = 'applied' limit 1`, ""},
		{"applied_is_paid", "it says waiting", notice("trade_status = 'WAIT_BUYER_PAY'", "paid"), ""},
		{"applied_is_paid", "another trade", notice("trade_no = 'x'", "paid"), ""},
		{"applied_is_paid", "another amount", notice("amount = amount - 1", "paid"), ""},
		{"applied_is_paid", "another provider", notice("provider = 'x'", "paid"), ""},
		{"applied_is_paid", "no payment", told("state = 'applied', reason = ''", "ignored"), ""},
		{"applied_is_paid", "not paid", notice("out_trade_no = (select out_trade_no from payment.payment where user_id = 'closing')", "paid"), "applied_once"},
		{"notice_fits_its_state", "due after it was applied", notice("next_try_at = now()", "paid"), ""},
		{"notice_fits_its_state", "new and never due", told("next_try_at = null", "new"), ""},
		{"notice_fits_its_state", "late without a reason", told("reason = ''", "late"), ""},
		{"notice_fits_its_state", "applied with a reason", notice("reason = 'x'", "paid"), ""},
		{"inbox_is_applied", "three minutes old", told("received_at = now() - interval '3 minutes'", "new"), ""},
		{"inbox_is_matched", "three minutes old", told("received_at = now() - interval '3 minutes'", "unmatched"), ""},
	}
}

func eventDamages() []damage {
	event := func(set, typ string) string {
		return "update outbox.event set " + set + " where type = '" + typ + "'"
	}
	body := func(field, value string) string { return "body = jsonb_set(body, '{" + field + "}', " + value + ")" }
	nested := func(inner, field, value string) string {
		return "jsonb_set(" + inner + ", '{" + field + "}', " + value + ")"
	}
	// relabel makes an event of another id, type or subject in every place.
	relabel := func(column, field, value, typ string) string {
		return event(column+" = '"+value+"', "+body(field, `'"`+value+`"'`), typ)
	}
	const reserved, notified = "order.reserved", "payment.notified"
	return []damage{
		{"event_is_as_labelled", "another id", event(body("id", `'"x"'`), reserved), ""},
		{"event_is_as_labelled", "another type", event(body("type", `'"x"'`), reserved), ""},
		{"event_is_as_labelled", "another subject", event(body("subject", `'"x"'`), reserved), ""},
		{"event_is_as_labelled", "no subject", event("body = body - 'subject'", notified), ""},
		{"event_waits_once", "twice", `insert into outbox.event (event_id, aggregate, type, body) select event_id, aggregate, type, body from outbox.event`, ""},
		{"event_tells_of_a_move", "of what did not happen", relabel("type", "type", "order.paid", reserved), ""},
		{"event_tells_of_a_move", "of a version that is not there", event(
			"event_id = aggregate || '.2', body = "+nested(nested("body", "id", "to_jsonb(aggregate || '.2')"), "data,version", "'2'"), reserved), ""},
		{"event_tells_of_a_move", "of an order that is not there", relabel("aggregate", "subject", "00000000-0000-0000-0000-000000000001", reserved), ""},
		{"event_tells_of_a_move", "of no order", relabel("aggregate", "subject", "x", reserved), ""},
		{"event_tells_of_a_move", "another order's data", event(body("data,order_id", `'"x"'`), reserved), ""},
		{"event_tells_of_a_move", "another version's data", event(body("data,version", `'2'`), reserved), ""},
		{"event_tells_of_a_notice", "one that is not there", event(
			"aggregate = '999', body = "+nested(nested("body", "subject", `'"999"'`), "data,inbox_id", "'999'"), notified), ""},
		{"event_tells_of_a_notice", "none", relabel("aggregate", "subject", "x", notified), ""},
		{"event_tells_of_a_notice", "another notice's data", event(body("data,inbox_id", "'999'"), notified), ""},
		{"outbox_is_published", "three minutes old", event("created_at = now() - interval '3 minutes'", reserved), ""},
	}
}

func keyDamages() []damage {
	key := func(set, where string) string { return "update idem.answer set " + set + " where " + where }
	return []damage{
		{"finished_key_has_its_answer", "no body", key("body = null", "status = 409"), ""},
		{"finished_key_has_its_answer", "no status", `alter table idem.answer drop constraint answer_check; ` + key("status = null", "status = 409"), ""},
		{"finished_key_has_its_answer", "a body before the end", key("body = ''", "state = 'in_progress'"), ""},
		{"finished_key_has_its_answer", "a status before the end", key("status = 409", "state = 'in_progress'"), ""},
		{"answered_restock_is_booked", "another's entry", key("id = '00000000-0000-0000-0000-000000000001'", "scope = 'restock'"), ""},
		{"answered_payment_is_there", "another's payment", key("owner = 'other'", "status = 201"), ""},
		{"answered_payment_is_there", "no such payment", key(`body = '{"payment_id":"00000000-0000-0000-0000-000000000001"}'`, "status = 201"), ""},
		{"answered_payment_is_there", "no id", key(`body = '{"payment_id":"x"}'`, "status = 201"), ""},
		{"answered_payment_is_there", "no JSON", key(`body = '\xff00'`, "status = 201"), ""},
	}
}

func sessionDamages() []damage {
	const here, gone = "user_id = 'here'", "user_id = 'gone'"
	session := func(set, who string) string { return "update identity.session set " + set + " where " + who }
	return []damage{
		{"ended_session_is_over", "for no reason", session("end_reason = null", gone), ""},
		{"ended_session_is_over", "a reason for an end that is not", session("end_reason = 'x'", here), ""},
		{"ended_session_is_over", "a token is left", `insert into identity.refresh_token (token_hash, session_id, expires_at)
			select '\x00', session_id, now() from identity.session where ` + gone, ""},
		{"ended_session_is_revoked", "not at all", `delete from identity.revocation`, ""},
		{"ended_session_is_revoked", "not for long enough", `update identity.revocation set until = until - interval '2 minutes'`, ""},
		{"session_can_be_refreshed", "no token", `delete from identity.refresh_token`, ""},
		{"session_can_be_refreshed", "all are replaced", `update identity.refresh_token set replaced_at = now()`, ""},
	}
}
