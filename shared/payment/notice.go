package payment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"bazaar/shared/payment/alipay"
)

// UnknownAmount is the amount of a notice whose own could not be read.
const UnknownAmount int64 = -1

// Source says how a notice came to us.
type Source string

// The sources.
const (
	FromNotify Source = "notify" // the provider called us
	FromQuery  Source = "query"  // we asked the provider
)

// NoticeState is what became of a notice.
type NoticeState string

// The states. New and Unmatched wait to be applied; the others are final.
const (
	New       NoticeState = "new"
	Unmatched NoticeState = "unmatched" // nothing of ours yet, tried again
	Applied   NoticeState = "applied"
	Rejected  NoticeState = "rejected" // signed, but not ours or of another amount
	Late      NoticeState = "late"     // money for what can no longer be paid
	Ignored   NoticeState = "ignored"  // says nothing new
)

// Notice is a row of the inbox: what the provider said, with its signature
// verified and nothing else, unless its State says more.
type Notice struct {
	ID          int64 // of the inbox; zero before it is stored
	Provider    string
	NotifyID    string // the provider's; unique under its retries
	Source      Source
	OutTradeNo  string
	TradeNo     string
	TradeStatus string
	Amount      int64 // fen, or UnknownAmount
	AppID       string
	SellerID    string
	Raw         string // as it came
	State       NoticeState
	Reason      string
	Tries       int
	ReceivedAt  time.Time // the database's clock
	TraceParent string    // the trace it came in
}

// maxNotifyID keeps a notify_id within what an index can hold; the provider
// says 128.
const maxNotifyID = 256

// maxNumber keeps the number of a trade within the same.
const maxNumber = 256

// FromNotification is the notice of a verified notification, ready to be
// stored. Where it cannot be one of ours it is Rejected with the reason, else
// it is New. raw is its body.
func FromNotification(n alipay.Notification, raw []byte, merchant alipay.Merchant) Notice {
	notice := Notice{
		Provider: alipay.Provider, NotifyID: text(n.NotifyID), Source: FromNotify,
		OutTradeNo: number(n.OutTradeNo), TradeNo: number(n.TradeNo), TradeStatus: text(n.TradeStatus),
		AppID: text(n.AppID), SellerID: text(n.SellerID), Raw: text(string(raw)), State: New,
	}
	if notice.NotifyID == "" || len(notice.NotifyID) > maxNotifyID {
		notice.NotifyID = digest(raw)
	}
	fen, err := alipay.Fen(n.TotalAmount)
	if err != nil {
		notice.Amount = UnknownAmount
		return notice.reject("the amount cannot be read")
	}
	notice.Amount = fen
	if reason := foreign(notice, merchant); reason != "" {
		return notice.reject(reason)
	}
	return notice
}

// FromTrade is the notice of what the provider answered when it was asked. The
// same answer again is the same notice.
func FromTrade(t alipay.Trade, merchant alipay.Merchant) Notice {
	id := "query:" + t.OutTradeNo + ":" + t.TradeNo + ":" + t.Status
	if len(id) > maxNotifyID || text(id) != id {
		id = digest([]byte(id))
	}
	return Notice{
		Provider: alipay.Provider, NotifyID: id, Source: FromQuery,
		OutTradeNo: number(t.OutTradeNo), TradeNo: number(t.TradeNo), TradeStatus: text(t.Status), Amount: t.Fen,
		AppID: merchant.AppID, SellerID: merchant.SellerID,
		Raw: text(fmt.Sprintf("%+v", t)), State: New,
	}
}

func (n Notice) reject(reason string) Notice {
	n.State, n.Reason = Rejected, reason
	return n
}

// foreign says why a notice is not addressed to merchant; empty when it is.
func foreign(n Notice, merchant alipay.Merchant) string {
	switch {
	case n.AppID != merchant.AppID:
		return "the app_id is not ours"
	case n.SellerID != merchant.SellerID:
		return "the seller_id is not ours"
	}
	return ""
}

// digest stands for an id that is too long, or none.
func digest(of []byte) string {
	sum := sha256.Sum256(of)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// number is s as a text column and its index can hold it. Numbers have 64
// characters at most, ours and the provider's.
func number(s string) string {
	s = text(s)
	if len(s) > maxNumber {
		return strings.ToValidUTF8(s[:maxNumber], "") + "…"
	}
	return s
}

// text is s as a text column can hold it. Signed bytes are kept for people in
// raw; a value that had to be changed matches nothing of ours.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
