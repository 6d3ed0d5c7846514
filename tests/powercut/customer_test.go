//go:build linux

package powercut_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"bazaar/shared/auth"
)

// patience is how long an answer may be "come again".
const patience = time.Minute

// customer calls the functions of a house.
type customer struct {
	*house
	token string
}

// as is a user with a token.
func (h *house) as(t *testing.T, user string, roles ...string) customer {
	t.Helper()
	token, err := h.issuer.Issue(auth.Claims{Subject: user, SessionID: uuid.NewString(), Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	return customer{h, token}
}

// reply is what a call got.
type reply struct {
	status  int
	body    []byte
	OrderID string `json:"order_id"`
	Code    string `json:"code"`
}

func (r reply) String() string { return fmt.Sprintf("%d %s", r.status, r.body) }

// call calls a function: path is <name>[/path].
func (c customer) call(ctx context.Context, method, path, key string, body any) (reply, error) {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return reply{}, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.gateway+"/function/"+path, bytes.NewReader(payload))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	r := reply{status: res.StatusCode}
	if r.body, err = io.ReadAll(res.Body); err == nil {
		_ = json.Unmarshal(r.body, &r) // an answer that is no JSON has neither id nor code
	}
	return r, err
}

// insist calls until the answer is not "come again".
func (c customer) insist(t *testing.T, method, path, key string, body any) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := c.call(ctx, method, path, key, body)
		switch {
		case err != nil:
			t.Fatalf("%s %s: %v", method, path, err)
		case r.status != http.StatusServiceUnavailable && r.Code != "idempotency_key_in_progress":
			return r
		}
		<-tick.C
	}
}

// basket is the body of an order.
func basket(quantity int) any {
	return map[string]any{"lines": []any{map[string]any{"sku": sku, "quantity": quantity}}}
}

// purchase is an order that was answered 202.
type purchase struct {
	customer
	key, id string
}

// ledger is what the customers remember, in its order.
type ledger struct {
	mu        sync.Mutex
	purchases []purchase
	refused   reply // an answer that was no 202
}

// shopUntil has the customer place one order after the other until ctx ends or
// nobody answers.
func (l *ledger) shopUntil(ctx context.Context, c customer) {
	for ctx.Err() == nil {
		key := uuid.NewString()
		r, err := c.call(ctx, http.MethodPost, "create-order", key, basket(1))
		if err != nil {
			return
		}
		l.mu.Lock()
		if r.status == http.StatusAccepted {
			l.purchases = append(l.purchases, purchase{c, key, r.OrderID})
		} else {
			l.refused = r
		}
		l.mu.Unlock()
	}
}
