package payment_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"bazaar/infra/paysim"
)

// later is an expiry that no test reaches.
func later() time.Time { return time.Now().Add(15 * time.Minute) }

// notify has paysim send notifications by hand and gives what was answered.
func (w *world) notify(outTradeNo string, f paysim.Forgery) []paysim.Delivery {
	w.t.Helper()
	body, err := json.Marshal(f)
	must(w.t, err)
	res, err := http.Post(w.paysim.URL+"/api/trades/"+outTradeNo+"/notify", "application/json", bytes.NewReader(body))
	must(w.t, err)
	defer func() { _ = res.Body.Close() }()
	var out struct{ Deliveries []paysim.Delivery }
	must(w.t, json.NewDecoder(res.Body).Decode(&out))
	if len(out.Deliveries) != max(f.Times, 1) {
		w.t.Fatalf("paysim sent %d notifications", len(out.Deliveries))
	}
	return out.Deliveries
}
