package alipay

import (
	"context"
	"fmt"
	"time"
)

// Order is what a QR code is asked for.
type Order struct {
	OutTradeNo string // 1..64 letters, digits, _: one number is one trade for ever
	Fen        int64
	Subject    string
	Expires    time.Time // unpaid by then, the provider closes the trade by itself
}

// PrecreateContent is the biz_content of alipay.trade.precreate.
type PrecreateContent struct {
	OutTradeNo  string `json:"out_trade_no"`
	TotalAmount string `json:"total_amount"`
	Subject     string `json:"subject"`
	SellerID    string `json:"seller_id,omitempty"`
	TimeExpire  string `json:"time_expire,omitempty"`
}

// PrecreateAnswer is the answer to alipay.trade.precreate.
type PrecreateAnswer struct {
	Answer
	OutTradeNo string `json:"out_trade_no,omitempty"`
	QRCode     string `json:"qr_code,omitempty"`
}

// QueryContent is the biz_content of alipay.trade.query.
type QueryContent struct {
	OutTradeNo string `json:"out_trade_no,omitempty"`
	TradeNo    string `json:"trade_no,omitempty"` // wins over out_trade_no
}

// QueryAnswer is the answer to alipay.trade.query.
type QueryAnswer struct {
	Answer
	TradeNo      string `json:"trade_no,omitempty"`
	OutTradeNo   string `json:"out_trade_no,omitempty"`
	BuyerLogonID string `json:"buyer_logon_id,omitempty"`
	TradeStatus  string `json:"trade_status,omitempty"`
	TotalAmount  string `json:"total_amount,omitempty"`
	SendPayDate  string `json:"send_pay_date,omitempty"` // when it was paid; absent while it is not
}

// Trade is the provider's own word on a trade.
type Trade struct {
	OutTradeNo string
	TradeNo    string
	Status     string // WaitBuyerPay, TradeSuccess, TradeFinished, TradeClosed
	Fen        int64
	PaidAt     time.Time // zero when it was never paid
}

// Unpaid reports that the trade is closed and that no money ever came: a trade
// that was paid and refunded in full is TradeClosed too.
func (t Trade) Unpaid() bool { return t.Status == TradeClosed && t.PaidAt.IsZero() }

// Precreate asks for a QR code that pays o, and gives its content. The same
// order again gives the same code; other data under one number is a *Refused
// with ContextInconsistent. There is no trade until somebody scans the code.
// After ErrUnknown the code may exist: ask again with the same order.
func (c *Client) Precreate(ctx context.Context, o Order) (qr string, err error) {
	yuan, err := Yuan(o.Fen)
	if err != nil {
		return "", fmt.Errorf("%s: %w", MethodPrecreate, err)
	}
	content := PrecreateContent{
		OutTradeNo: o.OutTradeNo, TotalAmount: yuan, Subject: o.Subject, SellerID: c.merchant.SellerID,
		TimeExpire: FormatTime(o.Expires),
	}
	var answer PrecreateAnswer
	if err := c.call(ctx, MethodPrecreate, content, &answer); err != nil {
		return "", err
	}
	// Nothing else ties an answer to its question: a signed answer to another one verifies too.
	if answer.OutTradeNo != o.OutTradeNo || answer.QRCode == "" {
		return "", fmt.Errorf("%s: %w: the answer is about %.64q", MethodPrecreate, ErrUnknown, answer.OutTradeNo)
	}
	return answer.QRCode, nil
}

// Query asks what became of a trade. A code that nobody has scanned is a
// *Refused with TradeNotExist. ErrUnknown says nothing about the trade.
func (c *Client) Query(ctx context.Context, outTradeNo string) (Trade, error) {
	var answer QueryAnswer
	if err := c.call(ctx, MethodQuery, QueryContent{OutTradeNo: outTradeNo}, &answer); err != nil {
		return Trade{}, err
	}
	if answer.OutTradeNo != outTradeNo {
		return Trade{}, fmt.Errorf("%s: %w: the answer is about %.64q", MethodQuery, ErrUnknown, answer.OutTradeNo)
	}
	fen, err := Fen(answer.TotalAmount)
	if err != nil {
		return Trade{}, fmt.Errorf("%s: %w: %w", MethodQuery, ErrUnknown, err)
	}
	trade := Trade{OutTradeNo: answer.OutTradeNo, TradeNo: answer.TradeNo, Status: answer.TradeStatus, Fen: fen}
	if answer.SendPayDate != "" {
		if trade.PaidAt, err = ParseTime(answer.SendPayDate); err != nil {
			return Trade{}, fmt.Errorf("%s: %w: %w", MethodQuery, ErrUnknown, err)
		}
	}
	return trade, nil
}
