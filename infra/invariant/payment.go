package invariant

import (
	"fmt"
	"strings"

	"bazaar/shared/order"
	"bazaar/shared/payment/alipay"
)

// paymentRules are of the payments, the notices about them, and their orders.
func paymentRules() []Rule {
	rules := []Rule{
		{Name: "paid_once", Means: "an order is paid exactly when one payment of it succeeded, in its amount", Query: `
			select format('order %s is %s over %s, with %s successful payments of %s', o.order_id, o.state, o.amount, coalesce(p.n, 0), coalesce(p.amount, 0))
			from orders.order o left join (
				select order_id, count(*) n, sum(amount) amount from payment.payment where status = 'SUCCESS' group by order_id) p using (order_id)
			where coalesce(p.n, 0) <> case when o.state in ({sold}) then 1 else 0 end or p.amount <> o.amount`},
		{Name: "payment_is_of_its_order", Means: "a payment has the buyer, the amount and the currency of its order", Query: `
			select format('payment %s of %s %s by %s; order %s of %s %s by %s', p.payment_id, p.amount, p.currency, p.user_id,
				p.order_id, o.amount, o.currency, o.user_id)
			from payment.payment p left join orders.order o using (order_id)
			where (p.user_id, p.amount, p.currency) is distinct from (o.user_id, o.amount, o.currency)`},
		{Name: "attempts_are_numbered", Means: "the attempts to pay an order are numbered from 1, without a gap", Query: `
			select format('order %s has %s attempts, numbered %s to %s', order_id, count(*), min(attempt), max(attempt))
			from payment.payment group by order_id having min(attempt) <> 1 or max(attempt) <> count(*)`},
		{Name: "trade_is_of_its_attempt", Means: "a payment's number at the provider is made of its order and its attempt", Query: `
			select format('payment %s, attempt %s of order %s, is %s', payment_id, attempt, order_id, out_trade_no)
			from payment.payment where out_trade_no <> replace(order_id::text, '-', '') || '_' || attempt`},
		{Name: "open_payment_has_open_order", Means: "a payment that can still be paid is of an order that holds its stock", Query: `
			select format('payment %s waits, order %s is %s', p.payment_id, p.order_id, coalesce(o.state, 'not there'))
			from payment.payment p left join orders.order o using (order_id)
			where p.status = 'WAIT' and (o.state is null or o.state not in ({held}))`},
		{Name: "payment_fits_its_status", Means: "a payment has a trade of the provider and a time exactly when it succeeded", Query: `
			select format('payment %s is %s: trade %s, paid %s', payment_id, status, coalesce(trade_no, '-'), coalesce(paid_at::text, '-'))
			from payment.payment where (trade_no is not null) <> (status = 'SUCCESS') or (paid_at is not null) <> (status = 'SUCCESS')`},
		{Name: "applied_once", Means: "a payment that succeeded was applied by one notice", Query: `
			select format('payment %s was applied by %s notices', p.payment_id, coalesce(i.n, 0))
			from payment.payment p left join (
				select out_trade_no, count(*) n from payment.inbox where state = 'applied' group by out_trade_no) i using (out_trade_no)
			where p.status = 'SUCCESS' and coalesce(i.n, 0) <> 1`},
		{Name: "applied_is_paid", Means: "a notice that was applied says paid, and its payment succeeded by that trade and amount", Query: `
			select format('notice %s says %s of %s in trade %s for %s; payment %s is %s, %s in trade %s', i.inbox_id, i.trade_status, i.amount,
				i.trade_no, i.out_trade_no, coalesce(p.payment_id::text, '-'), coalesce(p.status, '-'), p.amount, coalesce(p.trade_no, '-'))
			from payment.inbox i left join payment.payment p on p.out_trade_no = i.out_trade_no and p.provider = i.provider
			where i.state = 'applied' and (i.trade_status not in ({paid})
				or (p.status, p.trade_no, p.amount) is distinct from ('SUCCESS', i.trade_no, i.amount))`},
		{Name: "notice_fits_its_state", Means: "a notice is due again exactly while it waits, and says why it was not applied", Query: `
			select format('notice %s is %s (%s), due %s', inbox_id, state, reason, coalesce(next_try_at::text, '-')) from payment.inbox
			where (next_try_at is not null) <> (state in ('new', 'unmatched')) or (reason = '') <> (state in ('new', 'applied'))`},
	}
	fill := strings.NewReplacer("{held}", states(order.State.Holds), "{sold}", states(order.State.Sold),
		"{paid}", fmt.Sprintf("'%s', '%s'", alipay.TradeSuccess, alipay.TradeFinished))
	for i := range rules {
		rules[i].Query = fill.Replace(rules[i].Query)
	}
	return rules
}
