package payment

import "bazaar/shared/payment/alipay"

// Outcome is what a notice means for the payment it names.
type Outcome string

// The outcomes.
const (
	MustPay    Outcome = "pay"    // the money of this attempt has come
	MustIgnore Outcome = "ignore" // nothing that is not known
	MustReject Outcome = "reject" // signed, but not about this payment as we made it
	MustRefund Outcome = "late"   // money that this attempt can no longer take
)

// Verdict is an Outcome with its reason, for the inbox and for people.
type Verdict struct {
	Outcome Outcome
	Reason  string
}

// Judge decides what n means for p. It knows the attempt, not the order: money
// that MustPay for an order that cannot be paid any more is late as well.
func Judge(n Notice, p Payment, merchant alipay.Merchant) Verdict {
	if reason := foreign(n, merchant); reason != "" {
		return Verdict{MustReject, reason}
	}
	switch {
	case n.Provider != p.Provider || n.OutTradeNo != p.OutTradeNo:
		return Verdict{MustReject, "it names another payment"}
	case p.Currency != alipay.Currency:
		return Verdict{MustReject, "the currency is not the payment's"}
	case n.Amount != p.Amount:
		return Verdict{MustReject, "the amount is not the payment's"}
	case !alipay.Paid(n.TradeStatus):
		// Neither waiting nor closing is decided by a notice: a closed trade
		// may be one refunded in full, and closing asks the provider itself.
		return Verdict{MustIgnore, "it says that no money has come"}
	case n.TradeNo == "":
		return Verdict{MustReject, "it names no trade"}
	}
	return judgePaid(n, p)
}

// judgePaid is Judge for money that has come in the right amount.
func judgePaid(n Notice, p Payment) Verdict {
	switch {
	case p.Status == Wait:
		return Verdict{MustPay, ""}
	case p.Status == Success && p.TradeNo == n.TradeNo:
		// A retry of the provider, or TRADE_SUCCESS once more after a partial refund.
		return Verdict{MustIgnore, "it is applied already"}
	case p.Status == Success:
		return Verdict{MustRefund, "the payment is paid by another trade"}
	}
	return Verdict{MustRefund, "the payment was closed"}
}
