package main

func paymentMutants() []mutant {
	return []mutant{{
		name: "one-attempt", guard: "one payment of an order is open at a time",
		edits: []edit{{"infra/schema/migrations/00005_payment.sql",
			`create unique index payment_open on payment.payment (order_id) where status = 'WAIT';`, ``}},
		pkg: store, red: []string{"TestPaymentOneAttemptIsOpen"}, green: "TestPaymentSucceedsOnce",
	}, {
		name: "paid-once", guard: "one payment of an order succeeds",
		edits: []edit{{"infra/schema/migrations/00005_payment.sql",
			`create unique index payment_succeeded on payment.payment (order_id) where status = 'SUCCESS';`, ``}},
		pkg: store, red: []string{"TestPaymentSucceedsOnce"}, green: "TestPaymentOneAttemptIsOpen",
	}, {
		name: "payment-guard", guard: "a payment succeeds from waiting, from no other state",
		edits: []edit{{"shared/payment/store.go", `paid_at = now()
		where payment_id = $1 and status = 'WAIT'`, `paid_at = now()
		where payment_id = $1`}},
		pkg: store, red: []string{"TestPaymentSucceedsOnce"}, green: "TestPaymentOneAttemptIsOpen",
	}, {
		name: "inbox-once", guard: "a notice is stored once under the provider's id",
		edits: []edit{
			{"infra/schema/migrations/00005_payment.sql", `default '',
  unique (provider, notify_id)`, `default ''`},
			{"shared/payment/inbox.go", `on conflict (provider, notify_id) do nothing`, `on conflict do nothing`},
		},
		pkg: store, red: []string{"TestInboxKeepsANoticeOnce"}, green: "TestInboxPostponesLongerEachTime",
	}}
}

func providerMutants() []mutant {
	return []mutant{{
		name: "amount", guard: "the money that came is compared with what the payment is about",
		edits: []edit{{"shared/payment/verdict.go", `case n.Amount != p.Amount:`, `case false:`}},
		pkg:   pay, red: []string{"TestForgeriesPayNothing"}, green: "TestPayAnOrder",
	}, {
		name: "provider-signature", guard: "a notification is signed by the provider",
		edits: []edit{{"shared/payment/alipay/notification.go", `verifyNotification(params, provider); err != nil {`,
			`verifyNotification(params, provider); err != nil && false {`}},
		pkg: pay, red: []string{"TestForgeriesPayNothing"}, green: "TestPayAnOrder",
	}, {
		name: "callback-early", guard: "the provider hears success only of what is stored",
		edits: []edit{{"functions/payment-callback/handler.go", `h.store(ctx, notice)
	if err != nil {
		return fn.Reply{}, err`, `h.store(ctx, notice)
	if err != nil {
		return answer(accepted), nil`}},
		pkg: pay, red: []string{"TestTheProviderComesAgainWhenTheStoreWasAway"}, green: "TestPayAnOrder",
	}}
}
