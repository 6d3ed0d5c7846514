package paysim

import (
	"time"

	"bazaar/shared/payment/alipay"
)

// Trade is one out_trade_no in the books. Until somebody scans its code there
// is no trade at all, only the code: Status is empty.
type Trade struct {
	OutTradeNo string    `json:"out_trade_no"`
	Token      string    `json:"token"` // of the page: unguessable
	Fen        int64     `json:"fen"`
	Subject    string    `json:"subject"`
	NotifyURL  string    `json:"notify_url"`
	CodedAt    time.Time `json:"coded_at"`
	ExpiresAt  time.Time `json:"expires_at"`

	TradeNo string    `json:"trade_no,omitempty"`
	Status  string    `json:"status,omitempty"` // alipay.WaitBuyerPay, …
	Created time.Time `json:"created,omitzero"` // when it was scanned
	PaidAt  time.Time `json:"paid_at,omitzero"`
	Closed  time.Time `json:"closed_at,omitzero"`
}

// Scanned reports whether there is a trade.
func (t Trade) Scanned() bool { return t.Status != "" }

// Expired reports whether t can no longer be paid for the time being passed.
func (t Trade) Expired(now time.Time) bool { return !now.Before(t.ExpiresAt) }

// same reports whether t was asked for by these data.
func (t Trade) same(o Trade) bool {
	return t.Fen == o.Fen && t.Subject == o.Subject && t.NotifyURL == o.NotifyURL && t.ExpiresAt.Equal(o.ExpiresAt)
}

// Notification is one thing that the merchant must be told, with every attempt.
type Notification struct {
	NotifyID   string     `json:"notify_id"`
	OutTradeNo string     `json:"out_trade_no"`
	MadeAt     time.Time  `json:"made_at"`
	Done       bool       `json:"done"` // answered with success, or given up
	Deliveries []Delivery `json:"deliveries"`
}

// Delivery is one attempt to notify and what came back.
type Delivery struct {
	At     time.Time `json:"at"`
	Status int       `json:"status"` // of HTTP; 0 when there was no answer
	Answer string    `json:"answer"` // the body's beginning, or the error
}

// Accepted reports whether the merchant has said that it need not be told again.
func (d Delivery) Accepted() bool { return d.Status == 200 && d.Answer == "success" }

// params are the parameters of a notification about a paid trade, unsigned.
func (t Trade) params(notifyID string, m alipay.Merchant, now time.Time) map[string]string {
	yuan, err := alipay.Yuan(t.Fen)
	if err != nil {
		yuan = ""
	}
	return map[string]string{
		"notify_time": alipay.FormatTime(now), "notify_type": "trade_status_sync", "notify_id": notifyID,
		"app_id": m.AppID, "auth_app_id": m.AppID, "charset": "utf-8", "version": "1.0", "sign_type": alipay.RSA2,
		"trade_no": t.TradeNo, "out_trade_no": t.OutTradeNo, "trade_status": t.Status,
		"buyer_id": "2088102146225135", "buyer_logon_id": "159****5620",
		"seller_id": m.SellerID, "seller_email": "",
		"total_amount": yuan, "receipt_amount": yuan, "invoice_amount": yuan, "buyer_pay_amount": yuan, "point_amount": "0.00",
		"subject": t.Subject, "gmt_create": alipay.FormatTime(t.Created), "gmt_payment": alipay.FormatTime(t.PaidAt),
		"fund_bill_list": `[{"amount":"` + yuan + `","fundChannel":"ALIPAYACCOUNT"}]`,
	}
}
