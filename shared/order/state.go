// Package order is the order: its draft, its states and the one table of
// transitions between them, its lines, its history and the events it emits. It
// owns the schema orders and the subjects order.*. It knows neither stock nor
// payments: a function brings them together.
package order

import (
	"slices"

	"bazaar/shared/fault"
)

// State is where an order is in its life.
type State string

// The states. An order in StatePlaced is only in the queue: no row has it.
const (
	StatePlaced    State = "placed"
	StateReserved  State = "reserved"
	StateRejected  State = "rejected"
	StateClosing   State = "closing"
	StateClosed    State = "closed"
	StatePaid      State = "paid"
	StateShipped   State = "shipped"
	StateCompleted State = "completed"
)

// Verb is what makes an order change its state.
type Verb string

// The verbs.
const (
	Reserve  Verb = "reserve"  // all its stock could be had
	Reject   Verb = "reject"   // it could not
	Expire   Verb = "expire"   // not paid in time
	Cancel   Verb = "cancel"   // somebody said so
	Conclude Verb = "conclude" // the provider says that it is not paid
	Pay      Verb = "pay"      // the provider says that it is
	Ship     Verb = "ship"
	Receive  Verb = "receive"
)

// Transition is one row of the table: from a state, by a verb, to a state, and
// the event it emits ("" for none).
type Transition struct {
	From State
	Verb Verb
	To   State
	Emit string
}

// Transitions is the table, whole. What is not in it does not happen.
func Transitions() []Transition {
	return []Transition{
		{StatePlaced, Reserve, StateReserved, Reserved},
		{StatePlaced, Reject, StateRejected, Rejected},
		{StateReserved, Pay, StatePaid, Paid},
		{StateReserved, Expire, StateClosing, ""},
		{StateReserved, Cancel, StateClosing, ""},
		{StateClosing, Conclude, StateClosed, Closed},
		{StateClosing, Pay, StatePaid, Paid},
		{StatePaid, Ship, StateShipped, Shipped},
		{StateShipped, Receive, StateCompleted, Completed},
	}
}

// Find gives the transition from a state by a verb; where the table has none
// the fault is a conflict invalid_transition.
func Find(from State, v Verb) (Transition, error) {
	table := Transitions()
	i := slices.IndexFunc(table, func(t Transition) bool { return t.From == from && t.Verb == v })
	if i < 0 {
		return Transition{}, fault.New(fault.Conflict, "invalid_transition",
			"An order that is %s has no transition %q.", from, v)
	}
	return table[i], nil
}

// Holds reports whether an order in state s has stock reserved for it.
func (s State) Holds() bool { return s == StateReserved || s == StateClosing }

// Sold reports whether an order in state s has its stock sold.
func (s State) Sold() bool { return s == StatePaid || s == StateShipped || s == StateCompleted }
