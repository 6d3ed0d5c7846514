// Package alipay speaks the wire protocol of Alipay's gateway: requests and
// answers signed with RSA2, the asynchronous notification, amounts in yuan and
// times without a zone.
//
// It owns no table and decides nothing about orders or payments: it says what
// the provider said, and whether the provider said it.
package alipay

// Provider is the name under which payments of this provider are stored.
const Provider = "alipay"

// Currency is the only currency of this protocol: its amounts carry none.
const Currency = "CNY"

// MaxFen is the largest amount of a trade, in fen: 100,000,000.00 yuan.
const MaxFen = 10_000_000_000

// What a trade can be. A trade that is TradeClosed was closed unpaid or has
// been refunded in full after it was paid.
const (
	WaitBuyerPay  = "WAIT_BUYER_PAY"
	TradeSuccess  = "TRADE_SUCCESS"
	TradeFinished = "TRADE_FINISHED"
	TradeClosed   = "TRADE_CLOSED"
)

// Codes of an answer: the gateway's own, and the ones of the business below it.
const (
	codeOK          = "10000"
	codeUnavailable = "20000" // the gateway does not know the outcome itself

	TradeNotExist       = "ACQ.TRADE_NOT_EXIST" // also of a QR code that nobody has scanned
	TradeHasSuccess     = "ACQ.TRADE_HAS_SUCCESS"
	TradeHasClose       = "ACQ.TRADE_HAS_CLOSE"
	ContextInconsistent = "ACQ.CONTEXT_INCONSISTENT" // the number is taken by other data
	InvalidParameter    = "ACQ.INVALID_PARAMETER"
	systemError         = "ACQ.SYSTEM_ERROR" // the outcome is unknown, as with 20000
)

// Methods of the gateway that are spoken here.
const (
	MethodPrecreate = "alipay.trade.precreate"
	MethodQuery     = "alipay.trade.query"
)

// Merchant is who we are at the provider.
type Merchant struct {
	AppID    string `env:"alipay_app_id"`
	SellerID string `env:"alipay_seller_id"`
}

// Paid reports whether a trade status means that the buyer's money has come.
func Paid(tradeStatus string) bool {
	return tradeStatus == TradeSuccess || tradeStatus == TradeFinished
}
