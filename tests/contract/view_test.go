package contract_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// productView is a product.
type productView struct {
	SKU       string  `json:"sku"`
	Title     string  `json:"title"`
	Price     money   `json:"price"`
	Available int     `json:"available"`
	Image     *string `json:"image"`
}

// page is a list.
type page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

type line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// ordering is the body of create-order.
type ordering struct {
	Lines         []line `json:"lines"`
	ExpectedTotal *money `json:"expected_total,omitempty"`
}

// acceptedView is the 202 of create-order.
type acceptedView struct {
	OrderID string `json:"order_id"`
	Status  string `json:"status"`
	Total   money  `json:"total"`
	Links   struct {
		Self string `json:"self"`
	} `json:"links"`
}

// orderView is an order.
type orderView struct {
	OrderID string  `json:"order_id"`
	Status  string  `json:"status"`
	Reason  *string `json:"reason"`
	Lines   []struct {
		SKU       string `json:"sku"`
		Quantity  int64  `json:"quantity"`
		UnitPrice money  `json:"unit_price"`
	} `json:"lines"`
	Total     money   `json:"total"`
	CreatedAt moment  `json:"created_at"`
	ExpiresAt *moment `json:"expires_at"`
	History   []struct {
		From  string `json:"from"`
		To    string `json:"to"`
		Event string `json:"event"`
		At    moment `json:"at"`
	} `json:"history"`
	Payment *paymentView `json:"payment"`
}

// states are those that an order went through.
func (o orderView) states() string {
	var all strings.Builder
	for _, step := range o.History {
		if all.Len() == 0 {
			all.WriteString(step.From)
		}
		all.WriteString(" " + step.To)
	}
	return all.String()
}

// paymentView is a payment.
type paymentView struct {
	PaymentID  string `json:"payment_id"`
	OrderID    string `json:"order_id"`
	OutTradeNo string `json:"out_trade_no"`
	Amount     money  `json:"amount"`
	QRCode     string `json:"qr_code"`
	PayURL     string `json:"pay_url"`
	Status     string `json:"status"`
}

// press does what a button of the provider's page does.
func (v paymentView) press(t testing.TB, button string) {
	t.Helper()
	if a, err := send("POST", v.PayURL+"/"+button, nil); err != nil || a.status != 200 {
		t.Fatalf("%s: %d %s %v", button, a.status, a.body, err)
	}
}

// moment is a time as the contract writes one: RFC 3339 in UTC.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(raw []byte) error {
	if err := json.Unmarshal(raw, &m.Time); err != nil {
		return err
	}
	if !strings.HasSuffix(string(raw), `Z"`) {
		return &time.ParseError{Value: string(raw), Message: ": a time that is not in UTC"}
	}
	return nil
}

// place places an order and gives the whole answer.
func (p person) place(t testing.TB, lines []line, headers ...header) answer {
	t.Helper()
	return p.call(t, "POST", "create-order", ordering{Lines: lines}, append([]header{fresh()}, headers...)...)
}

// reserved places an order and waits until it is reserved.
func (p person) reserved(t testing.TB, lines ...line) orderView {
	t.Helper()
	var o orderView
	p.place(t, lines, header{"Prefer", "wait=10"}).into(t, 201, &o)
	if o.Status != "reserved" {
		t.Fatalf("the order is %s", o.Status)
	}
	return o
}

func (p person) order(t testing.TB, id string) (o orderView) {
	t.Helper()
	p.call(t, "GET", "manage-order/"+id, nil).into(t, 200, &o)
	return o
}

// await waits until an order has this status.
func (p person) await(t testing.TB, id, status string) (o orderView) {
	t.Helper()
	eventually(t, patience, "order "+id+" to be "+status, func() bool {
		o = p.order(t, id)
		return o.Status == status
	})
	return o
}

func (p person) startPayment(t testing.TB, orderID string, headers ...header) answer {
	t.Helper()
	return p.call(t, "POST", "create-payment/"+orderID, `{"provider":"alipay"}`, append([]header{fresh()}, headers...)...)
}

// pay starts a payment for an order.
func (p person) pay(t testing.TB, orderID string) (v paymentView) {
	t.Helper()
	p.startPayment(t, orderID).into(t, 201, &v)
	return v
}
