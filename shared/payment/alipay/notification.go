package alipay

import (
	"crypto/rsa"
	"fmt"
	"strings"
)

// Notification is what the provider says about a trade on its own accord. It is
// signed by the provider; nothing in it has been compared with what is ours.
type Notification struct {
	NotifyID    string // the same on every retry of one notification
	AppID       string
	SellerID    string
	OutTradeNo  string
	TradeNo     string
	TradeStatus string
	TotalAmount string // yuan, as it came
}

// ParseNotification reads the body of a notification and checks its signature.
// Only the body counts: what stands in the query string is not signed. The
// error is ErrMalformed or ErrSignature; neither says anything about the trade.
func ParseNotification(body []byte, provider *rsa.PublicKey) (Notification, error) {
	params, err := ParseForm(body)
	if err != nil {
		return Notification{}, err
	}
	if params["sign_type"] != RSA2 {
		// The value could choose SHA-1 elsewhere; here it may only confirm.
		return Notification{}, fmt.Errorf("%w: sign_type is not RSA2", ErrSignature)
	}
	if err := verifyNotification(params, provider); err != nil {
		return Notification{}, err
	}
	if err := unambiguous(params); err != nil {
		return Notification{}, err
	}
	return Notification{
		NotifyID: params["notify_id"], AppID: params["app_id"], SellerID: params["seller_id"],
		OutTradeNo: params["out_trade_no"], TradeNo: params["trade_no"],
		TradeStatus: params["trade_status"], TotalAmount: params["total_amount"],
	}, nil
}

// verifyNotification tries both ways in which the provider is known to sign.
func verifyNotification(params map[string]string, provider *rsa.PublicKey) error {
	kept := NotificationString(params)
	err := Verify(provider, []byte(kept), params["sign"])
	if err == nil {
		return nil
	}
	if dropped := stringToSign(params, dropEmpty, notCovered()...); dropped != kept {
		return Verify(provider, []byte(dropped), params["sign"])
	}
	return err
}

// unambiguous refuses a notification whose signed string can be cut into
// parameters in two ways. The string is not escaped, so a value that ends with
// "&total_amount=0.01" may be the true amount, swallowed to make room for a
// false one that somebody wrote into a text of the trade.
func unambiguous(params map[string]string) error {
	for _, key := range []string{"app_id", "notify_id", "out_trade_no", "seller_id", "total_amount", "trade_no", "trade_status"} {
		for name, value := range params {
			if strings.Contains(value, "&"+key+"=") {
				return fmt.Errorf("%w: the value of %.64q holds another %s", ErrMalformed, name, key)
			}
		}
	}
	return nil
}
