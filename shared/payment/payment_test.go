package payment_test

import (
	"strings"
	"testing"

	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
)

func merchant() alipay.Merchant {
	return alipay.Merchant{AppID: "2021000000000001", SellerID: "2088000000000001"}
}

func notification() alipay.Notification {
	return alipay.Notification{
		NotifyID: "n1", AppID: merchant().AppID, SellerID: merchant().SellerID,
		OutTradeNo: "o_1", TradeNo: "t1", TradeStatus: alipay.TradeSuccess, TotalAmount: "88.00",
	}
}

func TestFromNotification(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(n *alipay.Notification)
		state  payment.NoticeState
		amount int64
	}{
		"one of ours":          {func(*alipay.Notification) {}, payment.New, 8800},
		"another app":          {func(n *alipay.Notification) { n.AppID = "2021000000000002" }, payment.Rejected, 8800},
		"another seller":       {func(n *alipay.Notification) { n.SellerID = "2088000000000002" }, payment.Rejected, 8800},
		"no seller":            {func(n *alipay.Notification) { n.SellerID = "" }, payment.Rejected, 8800},
		"no amount":            {func(n *alipay.Notification) { n.TotalAmount = "" }, payment.Rejected, payment.UnknownAmount},
		"an amount in letters": {func(n *alipay.Notification) { n.TotalAmount = "1e4" }, payment.Rejected, payment.UnknownAmount},
		"an unknown status":    {func(n *alipay.Notification) { n.TradeStatus = "TRADE_NEW" }, payment.New, 8800},
	} {
		n := notification()
		c.change(&n)
		got := payment.FromNotification(n, []byte("raw"), merchant())
		if got.State != c.state || got.Amount != c.amount || (got.Reason == "") != (c.state == payment.New) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestNoticeFitsTheStore(t *testing.T) {
	t.Parallel()
	n := notification()
	n.NotifyID, n.OutTradeNo = strings.Repeat("x", 10_000), "o\x00\xff_1"
	got := payment.FromNotification(n, []byte("raw\x00"), merchant())
	if len(got.NotifyID) > 100 || strings.Contains(got.OutTradeNo+got.Raw, "\x00") || got.OutTradeNo == "o_1" {
		t.Errorf("%+v", got)
	}
	n.NotifyID = ""
	a, b := payment.FromNotification(n, []byte("a"), merchant()), payment.FromNotification(n, []byte("b"), merchant())
	if a.NotifyID == "" || a.NotifyID == b.NotifyID {
		t.Errorf("two notices without an id are one: %q", a.NotifyID)
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	wait := payment.Payment{Provider: alipay.Provider, OutTradeNo: "o_1", Status: payment.Wait, Amount: 8800, Currency: "CNY"}
	paid := wait
	paid.Status, paid.TradeNo = payment.Success, "t1"
	closed := wait
	closed.Status = payment.Closed
	dollars := wait
	dollars.Currency = "USD"
	for name, c := range map[string]struct {
		p      payment.Payment
		change func(n *payment.Notice)
		want   payment.Outcome
	}{
		"paid":                          {wait, func(*payment.Notice) {}, payment.MustPay},
		"paid, not refundable any more": {wait, func(n *payment.Notice) { n.TradeStatus = alipay.TradeFinished }, payment.MustPay},
		"paid, found by asking":         {wait, func(n *payment.Notice) { n.Source = payment.FromQuery }, payment.MustPay},
		"said again":                    {paid, func(*payment.Notice) {}, payment.MustIgnore},
		"a partial refund":              {paid, func(n *payment.Notice) { n.NotifyID = "n2" }, payment.MustIgnore},
		"paid by another trade":         {paid, func(n *payment.Notice) { n.TradeNo = "t2" }, payment.MustRefund},
		"paid after closing":            {closed, func(*payment.Notice) {}, payment.MustRefund},
		"waiting":                       {wait, func(n *payment.Notice) { n.TradeStatus = alipay.WaitBuyerPay }, payment.MustIgnore},
		"closed":                        {wait, func(n *payment.Notice) { n.TradeStatus = alipay.TradeClosed }, payment.MustIgnore},
		"refunded in full":              {paid, func(n *payment.Notice) { n.TradeStatus = alipay.TradeClosed }, payment.MustIgnore},
		"an unknown status":             {wait, func(n *payment.Notice) { n.TradeStatus = "NEW" }, payment.MustIgnore},
		"less":                          {wait, func(n *payment.Notice) { n.Amount-- }, payment.MustReject},
		"more":                          {wait, func(n *payment.Notice) { n.Amount++ }, payment.MustReject},
		"less, for what is paid":        {paid, func(n *payment.Notice) { n.Amount = 1 }, payment.MustReject},
		"another currency":              {dollars, func(*payment.Notice) {}, payment.MustReject},
		"another app":                   {wait, func(n *payment.Notice) { n.AppID = "x" }, payment.MustReject},
		"another seller":                {wait, func(n *payment.Notice) { n.SellerID = "x" }, payment.MustReject},
		"another payment":               {wait, func(n *payment.Notice) { n.OutTradeNo = "o_2" }, payment.MustReject},
		"another provider":              {wait, func(n *payment.Notice) { n.Provider = "x" }, payment.MustReject},
		"no trade":                      {wait, func(n *payment.Notice) { n.TradeNo = "" }, payment.MustReject},
	} {
		n := payment.FromNotification(notification(), nil, merchant())
		c.change(&n)
		if got := payment.Judge(n, c.p, merchant()); got.Outcome != c.want || (got.Reason == "") != (c.want == payment.MustPay) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestFromTradeIsJudgedLikeANotification(t *testing.T) {
	t.Parallel()
	trade := alipay.Trade{OutTradeNo: "o_1", TradeNo: "t1", Status: alipay.TradeSuccess, Fen: 8800}
	n := payment.FromTrade(trade, merchant())
	p := payment.Payment{Provider: alipay.Provider, OutTradeNo: "o_1", Status: payment.Wait, Amount: 8800, Currency: "CNY"}
	if v := payment.Judge(n, p, merchant()); v.Outcome != payment.MustPay {
		t.Errorf("%+v", v)
	}
	if again := payment.FromTrade(trade, merchant()); again.NotifyID != n.NotifyID {
		t.Errorf("the same answer is two notices: %s, %s", n.NotifyID, again.NotifyID)
	}
}

func TestNotifiedEventCarriesTheIDOnly(t *testing.T) {
	t.Parallel()
	e, err := payment.NotifiedEvent(7)
	if err != nil || e.Type != "payment.notified" || string(e.Data) != `{"inbox_id":7}` {
		t.Errorf("%+v, %v", e, err)
	}
	if again, _ := payment.NotifiedEvent(7); again.ID != e.ID {
		t.Error("the id is not stable")
	}
}

func TestIsID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"0b5ec5d0-8c3f-5d3a-9a57-0f2f6b6f2a11":          true,
		"0B5EC5D0-8c3f-5d3a-9a57-0f2f6b6f2a11":          false,
		"0b5ec5d08c3f5d3a9a570f2f6b6f2a11":              false,
		"urn:uuid:0b5ec5d0-8c3f-5d3a-9a57-0f2f6b6f2a11": false,
		"x": false, "": false,
	} {
		if payment.IsID(id) != want {
			t.Errorf("%q: %t", id, !want)
		}
	}
}
