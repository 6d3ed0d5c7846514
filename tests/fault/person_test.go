package fault_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"bazaar/shared/auth"
)

// client keeps connections for everybody. Its patience is longer than any
// function's own deadline.
var client = newClient()

// person is somebody with a token.
type person struct {
	name, gateway, token string
}

// line is one line of an order.
type line struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

// answer is what a call got: status 0 when nobody knows what became of it.
type answer struct {
	Status   int
	Code     string // of a problem
	Body     []byte
	Replayed bool
	Retry    string // Retry-After
}

// orderView is what the tests look at of an order.
type orderView struct {
	OrderID string `json:"order_id"`
	Status  string `json:"status"`
	Total   struct {
		Amount int64 `json:"amount"`
	} `json:"total"`
	Lines []line `json:"lines"`
}

// view reads an answer that shows an order; empty when it shows none.
func (a answer) view() orderView {
	var v orderView
	_ = json.Unmarshal(a.Body, &v)
	return v
}

func (a answer) String() string { return fmt.Sprintf("%d %s %s", a.Status, a.Code, a.Body) }

func (h *house) as(t testing.TB, user string, roles ...string) person {
	t.Helper()
	token, err := h.issuer.Issue(auth.Claims{Subject: user, SessionID: uuid.NewString(), Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	return person{user, h.Gateway, token}
}

// call calls a function: path is <name>[/path]. Every failure to get an answer is
// an answer of status 0.
func (p person) call(method, path, key string, body any) answer {
	return send(method, p.gateway+"/function/"+path, p.token, key, body)
}

func send(method, url, token, key string, body any) answer {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return answer{Code: err.Error()}
		}
	}
	req, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(payload))
	if err != nil {
		return answer{Code: err.Error()}
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{Code: err.Error()}
	}
	defer func() { _ = res.Body.Close() }()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{Code: err.Error()}
	}
	a := answer{Status: res.StatusCode, Body: content, Replayed: res.Header.Get("Idempotent-Replayed") == "true", Retry: res.Header.Get("Retry-After")}
	if a.Status >= 400 {
		var problem struct{ Code string }
		_ = json.Unmarshal(content, &problem)
		a.Code = problem.Code
	}
	return a
}

// place places an order and gives the answer.
func (p person) place(key string, lines ...line) answer {
	return p.call("POST", "create-order", key, map[string]any{"lines": lines})
}

// await waits until an order has one of the states.
func (p person) await(t testing.TB, id string, states ...string) orderView {
	t.Helper()
	var last answer
	seen := within(patience, func() bool {
		last = p.call("GET", "manage-order/"+id, "", nil)
		for _, s := range states {
			if last.Status == http.StatusOK && last.view().Status == s {
				return true
			}
		}
		return false
	})
	if !seen {
		t.Fatalf("waited %s for order %s to be %v; it is %s", patience, id, states, last)
	}
	return last.view()
}

// product puts a new product with stock into the catalogue.
func (h *house) product(t testing.TB, units int) (sku string) {
	t.Helper()
	admin := h.as(t, "admin", auth.RoleAdmin)
	sku = "fault-" + uuid.NewString()[:13]
	restock := uuid.NewString()
	eventually(t, "a product to be put", func() bool {
		price := map[string]any{"amount": 100, "currency": "CNY"}
		a := admin.call("PUT", "catalog/"+sku, "", map[string]any{"title": "To be fought for", "price": price})
		b := admin.call("POST", "catalog/"+sku+"/restock", restock, map[string]any{"quantity": units})
		return a.Status/100 == 2 && b.Status/100 == 2
	})
	// create-order is asked for it at a wrong price: it places nothing, and says
	// so once it knows the right one.
	wrong := map[string]any{"lines": []line{{sku, 1}}, "expected_total": map[string]any{"amount": 1, "currency": "CNY"}}
	eventually(t, "the price to be known", func() bool {
		return admin.call("POST", "create-order", uuid.NewString(), wrong).Code == "price_changed"
	})
	return sku
}

// trade is a payment at the provider.
type trade struct {
	OutTradeNo string `json:"out_trade_no"`
	PayURL     string `json:"pay_url"`
}

// pay starts a payment for a reserved order and presses the button. It reports
// whether the provider has the money; false when it does not, or cannot be asked.
func (p person) pay(orderID, key string) bool {
	a := p.call("POST", "create-payment/"+orderID, key, map[string]string{"provider": "alipay"})
	var started trade
	if a.Status/100 != 2 || json.Unmarshal(a.Body, &started) != nil {
		return false
	}
	return send("POST", started.PayURL+"/pay", "", "", nil).Status == http.StatusOK
}

func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 256
	transport.Proxy = nil
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}
