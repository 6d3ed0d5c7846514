// Package paysim is a payment provider for one machine: it speaks Alipay's wire
// protocol to a merchant, shows a page on which a person pays or cancels, and
// keeps its own books on disk, so that what the shop believes about money can
// be compared with somebody else's truth.
//
// It knows one merchant and shares nothing with the shop but keys and the
// protocol (package alipay). It does not close, refund or issue bills.
package paysim

import (
	"crypto/rsa"
	"log/slog"
	"net/http"
	"time"

	"bazaar/shared/payment/alipay"
)

// Settings say what a Provider is. All fields but Clock, Now and Client are needed.
type Settings struct {
	Dir      string // of the books
	BaseURL  string // of this server as buyers reach it, without a slash at the end
	Merchant alipay.Merchant
	Key      *rsa.PrivateKey // the provider's: signs answers and notifications
	Public   *rsa.PublicKey  // the merchant's: verifies requests
	Clock    float64         // how many times faster than real notifications are retried; 0 means 1
	Log      *slog.Logger
	Now      func() time.Time // time.Now where nil
	Client   *http.Client     // for notifications; one with a short deadline where nil
}

// retrySchedule is how long the provider waits after each unanswered
// notification before it sends it again.
func retrySchedule() []time.Duration {
	return []time.Duration{
		4 * time.Minute, 10 * time.Minute, 10 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 15 * time.Hour,
	}
}

// codeLife is how long a QR code lives when the merchant does not say.
const codeLife = 2 * time.Hour

// deliveryTimeout bounds one attempt to notify.
const deliveryTimeout = 10 * time.Second

func (s Settings) withDefaults() Settings {
	if s.Clock <= 0 {
		s.Clock = 1
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Client == nil {
		s.Client = &http.Client{
			Timeout:       deliveryTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport:     &http.Transport{MaxConnsPerHost: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute},
		}
	}
	return s
}
