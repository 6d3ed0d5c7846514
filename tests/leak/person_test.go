package leak_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
)

// person is somebody with a token, or with none.
type person struct{ gateway, token string }

// pair is a header.
type pair [2]string

func fresh() pair { return pair{"Idempotency-Key", uuid.NewString()} }

// call calls a function: path is <name>[/path]. The status is 0 when nobody
// answered.
func (p person) call(ctx context.Context, method, path string, body any, headers ...pair) (int, []byte) {
	return send(ctx, method, p.gateway+"/function/"+path, p.token, body, headers...)
}

func send(ctx context.Context, method, url, token string, body any, headers ...pair) (int, []byte) {
	var payload []byte
	switch b := body.(type) {
	case nil:
	case string:
		payload = []byte(b)
	default:
		payload, _ = json.Marshal(b) // of literals: it always encodes
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(payload))
	if err != nil {
		return 0, []byte(err.Error())
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		req.Header.Set(h[0], h[1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer func() { _ = res.Body.Close() }()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, []byte(err.Error())
	}
	return res.StatusCode, content
}

// field is a text of an answer.
func field(body []byte, name string) string {
	var all map[string]any
	_ = json.Unmarshal(body, &all)
	text, _ := all[name].(string)
	return text
}

// lines is the body of an order of units of one SKU.
func lines(sku string, units int) map[string]any {
	return map[string]any{"lines": []map[string]any{{"sku": sku, "quantity": units}}}
}

// place places an order, waits until it is decided, and gives its id.
func (p person) place(ctx context.Context, sku string, units int) (int, string) {
	status, body := p.call(ctx, "POST", "create-order", lines(sku, units), fresh(), pair{"Prefer", "wait=5"})
	return status, field(body, "order_id")
}

// pay starts a payment for an order and presses the button.
func (p person) pay(ctx context.Context, order string) int {
	status, body := p.call(ctx, "POST", "create-payment/"+order, map[string]string{"provider": "alipay"}, fresh())
	if status != http.StatusCreated {
		return status
	}
	status, _ = send(ctx, "POST", field(body, "pay_url")+"/pay", "", nil)
	return status
}

// await waits for an order's status.
func (p person) await(ctx context.Context, order, status string) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, body := p.call(ctx, "GET", "manage-order/"+order, nil); field(body, "status") == status {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// dawdle sends the start of a request to the host of a URL and no more. Whoever waits for the rest
// cuts it off; the answer comes on the channel, empty when there is none.
func dawdle(t *testing.T, address, start string) <-chan string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, start); err != nil {
		t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(conn) // a reset is an answer too
		answer <- string(text)
	}()
	return answer
}

// settle is dawdle for a function that may not let anyone in at once: it was
// just started, or all its places are taken. A caller who is let in waits.
func settle(t *testing.T, function, address, start string) <-chan string {
	t.Helper()
	var answer <-chan string
	eventually(t, function+" to let a slow caller in", func() bool {
		answer = dawdle(t, address, start)
		enough := time.NewTimer(300 * time.Millisecond)
		defer enough.Stop()
		select {
		case <-answer:
			return false
		case <-enough.C:
			return true
		}
	})
	return answer
}
