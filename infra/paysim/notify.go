package paysim

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"bazaar/shared/payment/alipay"
)

// maxAnswer is how much of a merchant's answer is kept, in bytes.
const maxAnswer = 200

// pursue tells the merchant until it answers "success" or the schedule ends. It
// goes on where the books say that it stopped. It returns at once.
func (p *Provider) pursue(notifyID string) {
	p.sending.Add(1)
	go func() {
		defer p.sending.Done()
		for p.wait(notifyID) {
			if !p.deliver(notifyID) {
				return
			}
		}
	}()
}

// wait sleeps until the next attempt is due; false when there is none, or when
// the provider stops.
func (p *Provider) wait(notifyID string) bool {
	p.mu.Lock()
	n := p.notices[notifyID]
	p.mu.Unlock()
	sent := len(n.Deliveries)
	if n.Done || sent > len(retrySchedule()) {
		return false
	}
	if sent == 0 {
		return p.running.Err() == nil
	}
	due := n.Deliveries[sent-1].At.Add(p.scaled(retrySchedule()[sent-1]))
	timer := time.NewTimer(due.Sub(p.Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.running.Done():
		return false
	}
}

// deliver makes one attempt and writes down what came of it; false ends the
// notification. An attempt that our own stopping has cut off does not count.
func (p *Provider) deliver(notifyID string) bool {
	p.mu.Lock()
	n := p.notices[notifyID]
	t := *p.trades[n.OutTradeNo]
	p.mu.Unlock()

	d := p.send(p.running, t.NotifyURL, p.signedBody(t, notifyID))
	if p.running.Err() != nil {
		return false
	}
	after := *n
	after.Deliveries = append(slices.Clone(n.Deliveries), d)
	after.Done = d.Accepted() || len(after.Deliveries) > len(retrySchedule())
	p.Log.Info("notified", "out_trade_no", t.OutTradeNo, "notify_id", notifyID,
		"attempt", len(after.Deliveries), "status", d.Status, "answer", d.Answer)

	p.mu.Lock()
	defer p.mu.Unlock()
	return p.write(entry{Notification: &after}) == nil && !after.Done
}

// signedBody is the form of a notification as it is sent now: every attempt has
// its own notify_time, and so its own signature.
func (p *Provider) signedBody(t Trade, notifyID string) string {
	params := t.params(notifyID, p.Merchant, p.Now())
	sign, err := alipay.Sign(p.Key, []byte(alipay.NotificationString(params)))
	if err != nil {
		p.Log.Error("a notification cannot be signed", "error", err)
	}
	params["sign"] = sign
	return alipay.EncodeForm(params)
}

// send posts a form and tells what came back.
func (p *Provider) send(ctx context.Context, url, body string) Delivery {
	d := Delivery{At: p.Now().UTC()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		d.Answer = err.Error()
		return d
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	res, err := p.Client.Do(req)
	if err != nil {
		d.Answer = err.Error()
		return d
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	d.Status, d.Answer = res.StatusCode, string(answer)
	if err != nil {
		d.Answer = err.Error()
	}
	return d
}

// Notifications is the book of notifications, the first one first.
func (p *Provider) Notifications() []Notification {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Notification, len(p.order))
	for i, id := range p.order {
		all[i] = *p.notices[id]
		all[i].Deliveries = slices.Clone(all[i].Deliveries)
	}
	return all
}

// notifyIDOf is the notification of a trade, empty when it has none.
func (p *Provider) notifyIDOf(outTradeNo string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range p.order {
		if p.notices[id].OutTradeNo == outTradeNo {
			return id
		}
	}
	return ""
}
