package payment

import (
	"strconv"

	"bazaar/shared/event"
)

// Subjects of the events of payments.
const (
	Notified = "payment.notified" // a notice waits in the inbox; data: NotifiedData
	Refunded = "payment.refunded" // money went back; data: RefundedData
)

// NotifiedData is the data of Notified: where the fact is, never the fact.
type NotifiedData struct {
	InboxID int64 `json:"inbox_id"`
}

// NotifiedEvent is the event of a stored notice. Its id is stable.
func NotifiedEvent(inboxID int64) (event.Event, error) {
	id := strconv.FormatInt(inboxID, 10)
	return event.New(Notified, Notified+"."+id, id, NotifiedData{InboxID: inboxID})
}

// RefundedData is the data of Refunded: ids only, the amounts are read from the store.
type RefundedData struct {
	RefundID  string `json:"refund_id"`
	PaymentID string `json:"payment_id"`
	OrderID   string `json:"order_id"`
	UserID    string `json:"user_id"`
}

// RefundedEvent is the event of money that went back. Its id is the refund's.
func RefundedEvent(d RefundedData) (event.Event, error) {
	return event.New(Refunded, Refunded+"."+d.RefundID, d.PaymentID, d)
}
