package main

import "slices"

// mutants is the list: what would lose money, or an order, if it were not there.
func mutants() []mutant {
	return slices.Concat(stockMutants(), orderMutants(), paymentMutants(), providerMutants(), keyMutants(),
		outboxMutants(), deliveryMutants(), doorMutants(), buyerMutants())
}

// The folders of tests that several mutants are tried by.
const (
	store   = "tests/store"
	pay     = "tests/payment"
	trigger = "tests/trigger"
)
