package main

func doorMutants() []mutant {
	return []mutant{{
		name: "trigger-signature", guard: "an event comes from the trigger",
		edits: []edit{{"shared/fn/event.go", `body, time.Now()); err != nil {`, `body, time.Now()); err != nil && false {`}},
		pkg:   "shared/fn", red: []string{"TestOnlyTheTriggerPassesTheEventDoor"}, green: "TestEveryEventHasAVerdict",
	}, {
		name: "sign-out", guard: "the token of a session that ended opens no door",
		edits: []edit{{"shared/fn/user.go", `if d.Revoked.Revoked(caller.SessionID) {`, `if d.Revoked.Revoked(caller.SessionID) && false {`}},
		pkg:   "shared/fn", red: []string{"TestTheUserDoor"}, green: "TestAStepKnowsItsCaller",
	}, {
		name: "token-audience", guard: "a token is meant for us",
		edits: []edit{{"shared/auth/verifier.go", `, jwt.WithAudience(s.Audience),`, `,`}},
		pkg:   "shared/auth", red: []string{"TestAttacksOnTokens"}, green: "TestTokenSaysWhatWasIssued",
	}, {
		name: "token-type", guard: "a token is an access token",
		edits: []edit{{"shared/auth/verifier.go", `if t.Header["typ"] != tokenType {`, `if t.Header["typ"] != tokenType && false {`}},
		pkg:   "shared/auth", red: []string{"TestAttacksOnTokens"}, green: "TestTokenSaysWhatWasIssued",
	}}
}

func buyerMutants() []mutant {
	return []mutant{{
		name: "order-owner", guard: "an order is shown to its buyer only",
		edits: []edit{{"functions/manage-order/handler.go", `if !mine(c.Caller, v) {`, `if !mine(c.Caller, v) && false {`}},
		pkg:   "functions/manage-order", red: []string{"TestWhoMaySeeAndDoWhat"}, green: "TestListIsTheCallersUnlessAnAdminAsks",
	}, {
		name: "payment-owner", guard: "a payment is shown to its buyer only",
		edits: []edit{{"functions/create-payment/handler.go", `if p.UserID != c.Caller.Subject && `, `if p.UserID == "" && `}},
		pkg:   "functions/create-payment", red: []string{"TestShow"}, green: "TestCreate",
	}, {
		name: "payer", guard: "a payment is started by the buyer of the order only",
		edits: []edit{{"shared/order/store.go", `and user_id = $2 for share`, `and (user_id = $2 or true) for share`}},
		pkg:   store, red: []string{"TestPayableSharesALockAndRefusesTheRest"}, green: "TestPayableHoldsTheOrderOpen",
	}}
}
