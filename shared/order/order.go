package order

import (
	"time"

	"bazaar/shared/money"
)

// Order is the row of an order with its lines, as read under or without a lock.
type Order struct {
	ID          string
	UserID      string
	State       State
	Reason      string
	Version     int
	Amount      int64
	Currency    string
	Fingerprint string
	CreatedAt   time.Time
	ExpiresAt   time.Time // zero for an order that was rejected
	Tries       int       // how often closing was put off
	TraceParent string
	Lines       []Line
}

// View is an order as the public contract shows it. Payment is filled by who
// knows payments; null otherwise.
type View struct {
	OrderID   string      `json:"order_id"`
	Status    State       `json:"status"`
	Reason    *string     `json:"reason"`
	Lines     []ViewLine  `json:"lines"`
	Total     money.Money `json:"total"`
	CreatedAt time.Time   `json:"created_at"`
	ExpiresAt *time.Time  `json:"expires_at"`
	History   []Step      `json:"history"`
	Payment   any         `json:"payment"`

	userID string
}

// ViewLine is a line of a View.
type ViewLine struct {
	SKU       string      `json:"sku"`
	Quantity  int64       `json:"quantity"`
	UnitPrice money.Money `json:"unit_price"`
}

// Step is one transition that an order has made.
type Step struct {
	From  State     `json:"from"`
	To    State     `json:"to"`
	Event Verb      `json:"event"`
	At    time.Time `json:"at"`
}

// BelongsTo reports whether userID placed the order.
func (v View) BelongsTo(userID string) bool { return v.userID == userID }

// PlacedView is the view of a draft that is accepted and still in the queue.
func PlacedView(d Draft) View {
	return View{
		OrderID: d.OrderID, Status: StatePlaced, userID: d.UserID,
		Lines:     viewLines(d.Lines, d.Currency),
		Total:     money.Money{Amount: d.Amount, Currency: d.Currency},
		CreatedAt: d.PlacedAt.UTC(),
		History:   []Step{},
	}
}

// view is the view of a stored order, without its history.
func (o Order) view() View {
	v := View{
		OrderID: o.ID, Status: o.State, userID: o.UserID,
		Lines:     viewLines(o.Lines, o.Currency),
		Total:     money.Money{Amount: o.Amount, Currency: o.Currency},
		CreatedAt: o.CreatedAt.UTC(),
		History:   []Step{},
	}
	if o.Reason != "" {
		v.Reason = &o.Reason
	}
	if !o.ExpiresAt.IsZero() {
		expires := o.ExpiresAt.UTC()
		v.ExpiresAt = &expires
	}
	return v
}

func viewLines(lines []Line, currency string) []ViewLine {
	out := make([]ViewLine, len(lines))
	for i, l := range lines {
		out[i] = ViewLine{SKU: l.SKU, Quantity: l.Quantity, UnitPrice: money.Money{Amount: l.Amount, Currency: currency}}
	}
	return out
}
