package main

func stockMutants() []mutant {
	return []mutant{{
		name: "oversell", guard: "an order is granted only what is available",
		edits: []edit{{"shared/stock/stock.go", `if available[l.SKU] < l.Quantity {`, `if available[l.SKU] < 0 {`}},
		pkg:   store, red: []string{"TestNoOversellUnderContention"}, green: "TestMoveNeedsItsTransition",
	}, {
		name: "stock-lock", guard: "what is available is read under a lock",
		edits: []edit{{"shared/stock/store.go", `where sku = any($1) order by sku for update`, `where sku = any($1) order by sku`}},
		pkg:   store, red: []string{"TestNoOversellUnderContention"}, green: "TestMoveNeedsItsTransition",
	}, {
		name: "stock-floor", guard: "no column of the stock falls below zero, by statement and by table",
		edits: []edit{
			{"shared/stock/store.go", `where i.sku = s.sku and i.available + s.quantity * $5 >= 0
				and i.reserved + s.quantity * $6 >= 0 and i.sold + s.quantity * $7 >= 0`, `where i.sku = s.sku`},
			{"infra/schema/migrations/00003_catalog_and_stock.sql", `check (available >= 0)`, ``},
			{"infra/schema/migrations/00003_catalog_and_stock.sql", `check (reserved >= 0)`, ``},
			{"infra/schema/migrations/00003_catalog_and_stock.sql", `check (sold >= 0)`, ``},
		},
		pkg: store, red: []string{"TestNoStockFallsBelowZero"}, green: "TestNoOversellUnderContention",
	}, {
		name: "stock-key", guard: "an order has each effect on the stock once: the key of the ledger",
		edits: []edit{{"infra/schema/migrations/00003_catalog_and_stock.sql", `default now(),
  primary key (reference, sku, kind)`, `default now()`}},
		pkg: store, red: []string{"TestStockIsReleasedOnce"}, green: "TestNoOversellUnderContention",
	}, {
		name: "small-plans", guard: "a plan of the days when the tables were small reads no large one as a whole",
		edits: []edit{{"shared/pg/pool.go", `set_config('enable_seqscan', 'off', false)`, `set_config('enable_seqscan', 'on', false)`}},
		pkg:   store, red: []string{"TestPlansOfASmallShopServeALargeOne"}, green: "TestNoOversellUnderContention",
	}}
}

func orderMutants() []mutant {
	return []mutant{{
		name: "order-twice", guard: "an order that is known is not taken again",
		edits: []edit{{"shared/order/intake.go", `return !taken[d.OrderID]`, `return false`}},
		pkg:   store, red: []string{"TestAnOrderIsTakenOnce"}, green: "TestNoOversellUnderContention",
	}, {
		name: "lock-order", guard: "orders are written in the order of their ids",
		edits: []edit{{"shared/order/intake.go", `order by id::uuid
		on conflict`, `on conflict`}},
		pkg: store, red: []string{"TestBatchesWithOrdersInCommonDoNotDeadlock"}, green: "TestAnOrderIsTakenOnce",
	}, {
		name: "transition-guard", guard: "an order moves from the state and version that was seen, from no other",
		edits: []edit{{"shared/order/store.go", `where order_id = $5 and state = $6 and version = $7`,
			`where order_id = $5 and (true or state = $6 and version = $7)`}},
		pkg: store, red: []string{"TestMoveIsFromWhatWasSeen"}, green: "TestMoveNeedsItsTransition",
	}, {
		name: "payable-lock", guard: "an order stays open while a payment for it is written",
		edits: []edit{{"shared/order/store.go", `and user_id = $2 for share`, `and user_id = $2`}},
		pkg:   store, red: []string{"TestPayableHoldsTheOrderOpen"}, green: "TestPayableSharesALockAndRefusesTheRest",
	}, {
		name: "cancel-asks", guard: "an order with an open payment is not closed by cancelling it",
		edits: []edit{{"functions/manage-order/handler.go", `payments[o.ID].Status == payment.Wait {`, `payments[o.ID].Status == payment.Wait && false {`}},
		pkg:   "functions/manage-order", red: []string{"TestCancelGivesTheStockBackUnlessAPaymentIsOpen"}, green: "TestWhoMaySeeAndDoWhat",
	}, {
		name: "expiry-asks", guard: "an order with an open payment is not closed by its expiry",
		edits: []edit{{"functions/settle-order/closing.go", `if payments[o.ID].Status != payment.Wait {`, `if payments[o.ID].Status != payment.Wait || true {`}},
		pkg:   "functions/settle-order", red: []string{"TestClosing"}, green: "TestWhatANoticeDoes",
	}}
}
