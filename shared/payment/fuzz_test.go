package payment_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"

	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
)

// longestIndexed is what an index of PostgreSQL certainly takes, in bytes.
const longestIndexed = 2600

// fits checks that a notice can be stored, in its indexes too.
func fits(t *testing.T, n payment.Notice) {
	t.Helper()
	for _, text := range []string{n.Provider, n.NotifyID, n.OutTradeNo, n.TradeNo, n.TradeStatus, n.AppID, n.SellerID, n.Raw, n.Reason} {
		if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
			t.Errorf("%q cannot be stored", text)
		}
	}
	for _, text := range []string{n.NotifyID, n.OutTradeNo, n.TradeNo} {
		if len(text) > longestIndexed {
			t.Errorf("%d bytes do not fit into an index", len(text))
		}
	}
	if n.NotifyID == "" {
		t.Error("a notice without a notify_id")
	}
}

// FuzzFromNotification: whatever the provider signs can be stored, and moves
// money only where it names our payment, our amount and us.
func FuzzFromNotification(f *testing.F) {
	f.Add("n1", merchant().AppID, merchant().SellerID, "o_1", "t1", alipay.TradeSuccess, "88.00", []byte("raw"))
	f.Add("", "x", "", "o\x00\xff_1", "", "NEW", "1e4", []byte("\x00"))
	f.Add(strings.Repeat("x", 300), merchant().AppID, merchant().SellerID, strings.Repeat("o", 5000), strings.Repeat("é", 5000), alipay.TradeFinished, "0.01", []byte(nil))
	f.Fuzz(func(t *testing.T, id, app, seller, number, trade, status, amount string, raw []byte) {
		n := payment.FromNotification(alipay.Notification{
			NotifyID: id, AppID: app, SellerID: seller, OutTradeNo: number, TradeNo: trade, TradeStatus: status, TotalAmount: amount,
		}, raw, merchant())
		fits(t, n)
		if n.State != payment.New && (n.State != payment.Rejected || n.Reason == "") {
			t.Errorf("%+v", n)
		}
		p := payment.Payment{Provider: alipay.Provider, OutTradeNo: "o_1", Status: payment.Wait, Amount: 8800, Currency: alipay.Currency}
		v := payment.Judge(n, p, merchant())
		pays := app == merchant().AppID && seller == merchant().SellerID && number == "o_1" && alipay.Paid(status) && n.Amount == 8800 && n.TradeNo != ""
		if pays != (v.Outcome == payment.MustPay) {
			t.Errorf("%+v: %+v", n, v)
		}
	})
}

// FuzzFromTrade: so can whatever it answers when it is asked, and the same
// answer is the same notice.
func FuzzFromTrade(f *testing.F) {
	f.Add("o_1", "t1", alipay.TradeSuccess, int64(8800))
	f.Add("", "\x00", "\xff", int64(-1))
	f.Add(strings.Repeat("o", 5000), ":", "a:b", int64(1))
	f.Fuzz(func(t *testing.T, number, trade, status string, fen int64) {
		n := payment.FromTrade(alipay.Trade{OutTradeNo: number, TradeNo: trade, Status: status, Fen: fen}, merchant())
		fits(t, n)
		if again := payment.FromTrade(alipay.Trade{OutTradeNo: number, TradeNo: trade, Status: status, Fen: fen}, merchant()); again != n {
			t.Errorf("%+v, and then %+v", n, again)
		}
	})
}

// FuzzIsID: an id is a UUID as the store writes it.
func FuzzIsID(f *testing.F) {
	for _, text := range []string{"0b5ec5d0-8c3f-5d3a-9a57-0f2f6b6f2a11", "0B5EC5D0-8c3f-5d3a-9a57-0f2f6b6f2a11", "", "x", "{0b5ec5d0-8c3f-5d3a-9a57-0f2f6b6f2a11}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if payment.IsID(text) && (len(text) != 36 || uuid.Validate(text) != nil || strings.ToLower(text) != text) {
			t.Errorf("%q is an id", text)
		}
	})
}
