package order

import (
	"fmt"

	"bazaar/shared/event"
)

// Subjects of the events that an order emits.
const (
	Placed    = "order.placed" // data: Draft
	Reserved  = "order.reserved"
	Rejected  = "order.rejected"
	Paid      = "order.paid"
	Closed    = "order.closed"
	Shipped   = "order.shipped"
	Completed = "order.completed"
)

// Changed is the data of every event but Placed: ids only, the facts are read
// from the store.
type Changed struct {
	OrderID string `json:"order_id"`
	UserID  string `json:"user_id"`
	Version int    `json:"version"`
	Reason  string `json:"reason,omitempty"`
}

// PlacedEvent is the event of an accepted order. Its id is the order's.
func PlacedEvent(d Draft) (event.Event, error) {
	e, err := event.New(Placed, d.OrderID, d.OrderID, d)
	e.TraceParent = d.TraceParent
	return e, err
}

// DraftOf reads the draft from a Placed event and validates it.
func DraftOf(e event.Event) (Draft, error) {
	var d Draft
	if err := e.Decode(&d); err != nil {
		return Draft{}, err
	}
	d.TraceParent = e.TraceParent
	return d, d.Validate()
}

// changed is the event of a transition: its id is the order and the version
// that the transition made, so a retry cannot emit another.
func changed(subject string, c Changed, traceparent string) (event.Event, error) {
	e, err := event.New(subject, fmt.Sprintf("%s.%d", c.OrderID, c.Version), c.OrderID, c)
	e.TraceParent = traceparent
	return e, err
}
