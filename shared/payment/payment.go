// Package payment owns what is known about money for orders: the attempts to
// pay (payment.payment) and the inbox of what the provider said
// (payment.inbox), and its events are payment.notified and payment.refunded.
//
// It does not move orders or stock: a function that applies a notice composes
// it with those domains in one transaction. It never calls the provider; that
// is package alipay, below it.
package payment

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"bazaar/shared/fault"
	"bazaar/shared/money"
)

// Status is how far an attempt to pay has come.
type Status string

// The statuses. An attempt that has left Wait never comes back to it.
const (
	Wait    Status = "WAIT"
	Success Status = "SUCCESS"
	Closed  Status = "CLOSED"
)

// Payment is one attempt to pay an order.
type Payment struct {
	ID         string // decided by the idempotency key that started it
	OrderID    string
	UserID     string
	Attempt    int // 1, 2, … of its order
	Provider   string
	OutTradeNo string // our number at the provider, one trade for ever
	TradeNo    string // the provider's number, once the money has come
	Status     Status
	Amount     int64 // minor units
	Currency   string
	QRCode     string // empty until the provider has answered
	PayURL     string
	CreatedAt  time.Time
	BusyUntil  time.Time // a call that starts it may run until then
	PaidAt     time.Time // zero while unpaid
}

// Open reports whether p can still be paid as far as we know.
func (p Payment) Open() bool { return p.Status == Wait }

// Draft is an attempt to be opened.
type Draft struct {
	ID       string // a UUID
	OrderID  string // a UUID
	UserID   string
	Provider string
	Amount   int64 // minor units, more than 0
	Currency string
	// Busy is how long the call that starts the attempt can take at most,
	// with a margin: closing the order waits for it.
	Busy time.Duration
}

// View is a payment as clients see it.
type View struct {
	PaymentID  string      `json:"payment_id"`
	OrderID    string      `json:"order_id"`
	OutTradeNo string      `json:"out_trade_no"`
	Amount     money.Money `json:"amount"`
	QRCode     string      `json:"qr_code,omitempty"`
	PayURL     string      `json:"pay_url,omitempty"`
	Status     Status      `json:"status"`
}

// View is p for its buyer.
func (p Payment) View() View {
	return View{
		PaymentID: p.ID, OrderID: p.OrderID, OutTradeNo: p.OutTradeNo,
		Amount: money.Money{Amount: p.Amount, Currency: p.Currency},
		QRCode: p.QRCode, PayURL: p.PayURL, Status: p.Status,
	}
}

// NotFound is the answer for a payment that does not exist, or is another's.
func NotFound() *fault.Error {
	return fault.New(fault.NotFound, "not_found", "There is no such payment.")
}

// IsID reports whether s is an id as payments and orders have it: a UUID in its
// canonical form, so that one thing has one name.
func IsID(s string) bool {
	id, err := uuid.Parse(s)
	return err == nil && id.String() == s
}

// tradeBase is the part of out_trade_no that all attempts of an order share.
func tradeBase(orderID string) string { return strings.ReplaceAll(orderID, "-", "") + "_" }
