package flow_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// answer is what a call got.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// into decodes the body of an answer that must have this status.
func (a answer) into(t testing.TB, status int, v any) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}

// fails checks status and code of a problem.
func (a answer) fails(t testing.TB, status int, code string) {
	t.Helper()
	var p struct {
		Code    string `json:"code"`
		Status  int    `json:"status"`
		TraceID string `json:"trace_id"`
	}
	if err := json.Unmarshal(a.body, &p); err != nil || a.status != status || p.Status != status || p.Code != code || p.TraceID == "" {
		t.Errorf("answered %d %s, want %d %s (%v)", a.status, a.body, status, code, err)
	}
	if a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("X-Fault") == "" {
		t.Errorf("headers %v", a.header)
	}
}

// person is a user who is signed in.
type person struct {
	gateway string
	token   string
}

// header is a pair of a name and a value.
type header [2]string

func key(k string) header { return header{"Idempotency-Key", k} }

// call calls a function: path is <name>[/path].
func (p person) call(t testing.TB, method, path string, body any, headers ...header) answer {
	t.Helper()
	a, err := p.try(method, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (p person) try(method, path string, body any, headers ...header) (answer, error) {
	var payload io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		payload = strings.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		payload = bytes.NewReader(encoded)
	}
	return send(method, p.gateway+"/function/"+path, p.token, payload, headers...)
}

func send(method, url, token string, body io.Reader, headers ...header) (answer, error) {
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	for _, h := range headers {
		req.Header.Set(h[0], h[1])
	}
	client := http.Client{Timeout: 30 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	content, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, content}, err
}

// signIn signs a demo user in.
func signIn(t testing.TB, gateway, name string) person {
	t.Helper()
	p := person{gateway: gateway}
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	p.call(t, "POST", "issue-token", map[string]string{"username": name, "password": name + "-demo-2026"}).into(t, 200, &tokens)
	p.token = tokens.AccessToken
	return p
}

// money is an amount of a contract's answer.
type money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// orderView is an order as the contract shows it.
type orderView struct {
	OrderID string  `json:"order_id"`
	Status  string  `json:"status"`
	Reason  *string `json:"reason"`
	Total   money   `json:"total"`
	Lines   []struct {
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
	} `json:"lines"`
	ExpiresAt *time.Time `json:"expires_at"`
	History   []struct {
		From, To, Event string
	} `json:"history"`
	Payment *paymentView `json:"payment"`
}

// paymentView is a payment as the contract shows it.
type paymentView struct {
	PaymentID  string `json:"payment_id"`
	OrderID    string `json:"order_id"`
	OutTradeNo string `json:"out_trade_no"`
	Amount     money  `json:"amount"`
	QRCode     string `json:"qr_code"`
	PayURL     string `json:"pay_url"`
	Status     string `json:"status"`
}

// line is one line of an order's request.
type line struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

func lines(ls ...line) map[string]any { return map[string]any{"lines": ls} }

// place places an order under a new key and gives its id.
func (p person) place(t testing.TB, ls ...line) string {
	t.Helper()
	var placed struct {
		OrderID string `json:"order_id"`
		Status  string `json:"status"`
	}
	p.call(t, "POST", "create-order", lines(ls...), key(uuid.NewString())).into(t, 202, &placed)
	if placed.Status != "placed" {
		t.Fatalf("status %q", placed.Status)
	}
	return placed.OrderID
}

func (p person) order(t testing.TB, id string) orderView {
	t.Helper()
	var o orderView
	p.call(t, "GET", "manage-order/"+id, nil).into(t, 200, &o)
	return o
}

// await waits until an order has one of the states.
func (p person) await(t testing.TB, id string, states ...string) orderView {
	t.Helper()
	var last orderView
	eventually(t, fmt.Sprintf("order %s to be %v", id, states), func() bool {
		last = p.order(t, id)
		for _, s := range states {
			if last.Status == s {
				return true
			}
		}
		return false
	})
	return last
}

// pay starts a payment for an order.
func (p person) pay(t testing.TB, orderID string) paymentView {
	t.Helper()
	var v paymentView
	p.call(t, "POST", "create-payment/"+orderID, map[string]string{"provider": "alipay"}, key(uuid.NewString())).into(t, 201, &v)
	return v
}

// press does what a button of paysim's page does.
func (v paymentView) press(t testing.TB, button string) {
	t.Helper()
	a, err := send("POST", v.PayURL+"/"+button, "", nil)
	if err != nil || a.status != 200 {
		t.Fatalf("%s: %d %s %v", button, a.status, a.body, err)
	}
}

// eventually polls until true, or fails the test.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for pause := 5 * time.Millisecond; !f(); pause = min(2*pause, 250*time.Millisecond) {
		next := time.NewTimer(pause)
		select {
		case <-next.C:
		case <-deadline.C:
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}
