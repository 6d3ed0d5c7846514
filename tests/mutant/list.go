package main

import "slices"

// mutants is the list: what would lose money, an order or a message, or show it to somebody
// else, if it were not there.
func mutants() []mutant {
	return slices.Concat(stockMutants(), orderMutants(), paymentMutants(), providerMutants(), keyMutants(),
		outboxMutants(), deliveryMutants(), doorMutants(), buyerMutants(),
		messageMutants(), connectorMutants())
}

// The folders of tests that several mutants are tried by.
const (
	store   = "tests/store"
	pay     = "tests/payment"
	trigger = "tests/trigger"

	connector = "tests/connector"
)
