package paysim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what is forged here is exactly the weak signature
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"

	"bazaar/shared/payment/alipay"
)

// maxTimes bounds how many notifications one call of the API may send.
const maxTimes = 1000

// Forgery says how notifications about a trade are to be sent by hand: as they
// would be (the zero value, once), or not as they should be.
type Forgery struct {
	Times    int               `json:"times"`     // in parallel; 0 means once
	FreshID  bool              `json:"fresh_id"`  // a notify_id of its own, as for a new notification
	Set      map[string]string `json:"set"`       // parameters before signing: what the provider would say
	Unset    []string          `json:"unset"`     // parameters left out before signing
	SHA1     bool              `json:"sha1"`      // sign with SHA-1, as sign_type=RSA does
	Tamper   map[string]string `json:"tamper"`    // parameters after signing: what somebody on the way says
	Append   string            `json:"append"`    // put at the end of the body after signing, e.g. &total_amount=0.01
	Query    string            `json:"query"`     // query string of the address
	NotifyTo string            `json:"notify_to"` // another address
}

// notifyByHand is POST /api/trades/{out_trade_no}/notify. The answers are given
// back and not written into the books: the books hold what the provider did.
func (p *Provider) notifyByHand(w http.ResponseWriter, r *http.Request) {
	var f Forgery
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	in.DisallowUnknownFields()
	if err := in.Decode(&f); err != nil || f.Times < 0 || f.Times > maxTimes {
		http.Error(w, "the body must be a forgery, of at most 1000 times", http.StatusBadRequest)
		return
	}
	t, err := p.trade(r.PathValue("out_trade_no"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	body, err := p.forge(t, f)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	to := t.NotifyURL
	if f.NotifyTo != "" {
		to = f.NotifyTo
	}
	if f.Query != "" {
		to += "?" + f.Query
	}
	deliveries := make([]Delivery, max(f.Times, 1))
	var all sync.WaitGroup
	for i := range deliveries {
		all.Go(func() { deliveries[i] = p.send(r.Context(), to, body) })
	}
	all.Wait()
	writeJSON(w, http.StatusOK, map[string]any{"deliveries": deliveries})
}

// forge makes the body of a notification as f wants it.
func (p *Provider) forge(t Trade, f Forgery) (string, error) {
	id := p.notifyIDOf(t.OutTradeNo)
	if id == "" || f.FreshID {
		id = randomHex(17)
	}
	params := t.params(id, p.Merchant, p.Now())
	for k, v := range f.Set {
		params[k] = v
	}
	for _, k := range f.Unset {
		delete(params, k)
	}
	content := []byte(alipay.NotificationString(params))
	sign, err := alipay.Sign(p.Key, content)
	if f.SHA1 {
		sign, err = signSHA1(p.Key, content)
	}
	if err != nil {
		return "", err
	}
	values := url.Values{"sign": {sign}}
	for k, v := range params {
		values.Set(k, v)
	}
	for k, v := range f.Tamper {
		values.Set(k, v)
	}
	return values.Encode() + f.Append, nil
}

// signSHA1 is the signature of sign_type=RSA, which nobody may accept.
func signSHA1(key *rsa.PrivateKey, content []byte) (string, error) {
	sum := sha1.Sum(content) //nolint:gosec // see the import
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA1, sum[:])
	return base64.StdEncoding.EncodeToString(sig), err
}

// listTrades is GET /api/trades.
func (p *Provider) listTrades(w http.ResponseWriter, _ *http.Request) {
	trades, err := p.Trades()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"items": trades})
}

// showTrade is GET /api/trades/{out_trade_no}.
func (p *Provider) showTrade(w http.ResponseWriter, r *http.Request) {
	t, err := p.trade(r.PathValue("out_trade_no"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	writeJSON(w, http.StatusOK, t)
}

// listNotifications is GET /api/notifications.
func (p *Provider) listNotifications(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"items": p.Notifications()})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
