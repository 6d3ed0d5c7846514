package leak_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"bazaar/shared/auth"
	"bazaar/shared/event"
	"bazaar/shared/order"
	"bazaar/shared/payment"
)

// kind is one kind of work that somebody does again and again. do gives the
// status of its last answer; good is the one that says that all went as it should.
type kind struct {
	name string
	good int
	do   func(ctx context.Context) int
	rest time.Duration // before it is done again; rest unless said
}

// work is all kinds at once, until it is stopped.
type work struct {
	kinds []kind
	stop  context.CancelFunc
	all   sync.WaitGroup

	mu   sync.Mutex
	seen map[string]map[int]int // by kind and status
}

// rest is between two of a kind: the machine is to be busy, not drowned.
const rest = 50 * time.Millisecond

func begin(t *testing.T, kinds []kind) *work {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &work{kinds: kinds, stop: cancel, seen: map[string]map[int]int{}}
	for _, k := range kinds {
		w.all.Go(func() { w.repeat(ctx, k) })
	}
	t.Cleanup(w.end)
	return w
}

func (w *work) repeat(ctx context.Context, k kind) {
	tick := time.NewTicker(cmp.Or(k.rest, rest))
	defer tick.Stop()
	for ctx.Err() == nil {
		status := k.do(ctx)
		w.mu.Lock()
		if w.seen[k.name] == nil {
			w.seen[k.name] = map[int]int{}
		}
		w.seen[k.name][status]++
		w.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// end stops the work and waits for it.
func (w *work) end() {
	w.stop()
	w.all.Wait()
}

// await waits until every kind of work has been done so often.
func (w *work) await(t *testing.T, times int) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for lacking := w.lacking(times); len(lacking) > 0; lacking = w.lacking(times) {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("within %s this was not done %d times:\n%s", patience, times, strings.Join(lacking, "\n"))
		}
	}
}

// lacking names the kinds that have not worked so often, with what they met.
func (w *work) lacking(times int) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []string
	for _, k := range w.kinds {
		if seen := w.seen[k.name]; seen[k.good] < times {
			found = append(found, fmt.Sprintf("%s: %v", k.name, seen))
		}
	}
	return found
}

// forget begins to count anew.
func (w *work) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.seen)
}

// shop is who works in a house, and what they sell.
type shop struct {
	*house
	anyone, buyer, admin, warehouse person
	sku, password                   string
	used                            pair // a key that stands for an order of two
}

// newShop puts a product with stock into the catalogue.
func newShop(t *testing.T, h *house) *shop {
	t.Helper()
	s := &shop{
		house: h, anyone: person{gateway: h.Gateway}, buyer: h.as(t, "alice"), admin: h.as(t, "admin", auth.RoleAdmin),
		warehouse: h.as(t, "warehouse", auth.RoleWarehouse), sku: "leak-" + uuid.NewString()[:13], password: h.Secret(t, "basic-auth-password"), used: fresh(),
	}
	if status, body := s.admin.call(t.Context(), "PUT", "catalog/"+s.sku, s.product()); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := s.admin.call(t.Context(), "POST", "catalog/"+s.sku+"/restock", `{"quantity":1000000}`, fresh()); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	eventually(t, "the price to be known", func() bool {
		status, _ := s.buyer.call(t.Context(), "POST", "create-order", lines(s.sku, 2), s.used)
		return status == http.StatusAccepted
	})
	return s
}

func (s *shop) product() any {
	return map[string]any{"title": "Left behind", "price": map[string]any{"amount": 100, "currency": "CNY"}}
}

// kinds goes through every door of every function.
func (s *shop) kinds() []kind {
	return slices.Concat(s.reading(), s.signing(), s.ordering(), s.paying(), s.refused(), s.events(), s.talking())
}

// anyKey stands for a key that is fresh each time.
const anyKey = "any"

// one is a kind of a single call.
func one(name string, good int, p person, method, path string, body any, headers ...pair) kind {
	return kind{name: name, good: good, do: func(ctx context.Context) int {
		own := slices.Clone(headers)
		for i := range own {
			if own[i][1] == anyKey {
				own[i] = fresh()
			}
		}
		status, _ := p.call(ctx, method, path, body, own...)
		return status
	}}
}

func (s *shop) reading() []kind {
	return []kind{
		one("list products", 200, s.anyone, "GET", "catalog?q=tea&limit=5", nil),
		one("show a product", 200, s.anyone, "GET", "catalog/"+s.sku, nil),
		one("put a product", 200, s.admin, "PUT", "catalog/"+s.sku, s.product()),
		one("restock", 200, s.admin, "POST", "catalog/"+s.sku+"/restock", `{"quantity":1}`, pair{"Idempotency-Key", anyKey}),
		one("list orders", 200, s.buyer, "GET", "manage-order?limit=3", nil),
		one("list everybody's orders", 200, s.admin, "GET", "manage-order?limit=3", nil),
		one("show the keys", 200, s.buyer, "GET", "issue-token/jwks", nil),
		{name: "follow the logs", good: 200, do: func(ctx context.Context) int {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "GET", s.Gateway+"/system/logs?name=catalog&follow=true&tail=3", nil)
			if err != nil {
				return 0
			}
			req.SetBasicAuth("admin", s.password)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return 0
			}
			defer func() { _ = res.Body.Close() }()
			_, _ = io.Copy(io.Discard, res.Body) // until we leave
			return res.StatusCode
		}},
	}
}

func (s *shop) signing() []kind {
	return []kind{
		{name: "sign in, refresh, sign out", good: 204, do: func(ctx context.Context) int {
			status, body := s.anyone.call(ctx, "POST", "issue-token", `{"username":"bob","password":"bob-demo-2026"}`)
			if status != http.StatusOK {
				return status
			}
			status, body = s.anyone.call(ctx, "POST", "issue-token/refresh", map[string]string{"refresh_token": field(body, "refresh_token")})
			if status != http.StatusOK {
				return status
			}
			status, _ = person{s.Gateway, field(body, "access_token")}.call(ctx, "DELETE", "issue-token", nil)
			return status
		}},
		one("a wrong password", 401, s.anyone, "POST", "issue-token", `{"username":"bob","password":"x"}`),
		one("a token that is none", 401, person{s.Gateway, "a.b.c"}, "GET", "manage-order", nil),
	}
}

func (s *shop) ordering() []kind {
	key := pair{"Idempotency-Key", anyKey}
	return []kind{
		one("place", 202, s.buyer, "POST", "create-order", lines(s.sku, 1), key),
		one("place and wait", 201, s.buyer, "POST", "create-order", lines(s.sku, 1), key, pair{"Prefer", "wait=5"}),
		one("place again", 202, s.buyer, "POST", "create-order", lines(s.sku, 2), s.used),
		one("place something else", 422, s.buyer, "POST", "create-order", lines(s.sku, 3), s.used),
		one("place what is sold out", 201, s.buyer, "POST", "create-order", lines("tea-longjing-100", 1000), key, pair{"Prefer", "wait=5"}),
		{name: "cancel", good: 200, do: func(ctx context.Context) int {
			status, id := s.buyer.place(ctx, s.sku, 1)
			if status == http.StatusCreated {
				status, _ = s.buyer.call(ctx, "POST", "manage-order/"+id+"/cancel", nil)
			}
			return status
		}},
		{name: "leave before the answer", good: 0, do: func(ctx context.Context) int {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Millisecond)
			defer cancel()
			status, _ := s.buyer.place(ctx, s.sku, 1)
			return status
		}},
		{name: "leave while waiting in a list", good: 0, do: func(ctx context.Context) int {
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			status, _ := s.buyer.call(ctx, "GET", "manage-order?limit=100", nil)
			return status
		}},
		one("an order in a hurry", 504, s.buyer, "POST", "create-order", lines(s.sku, 1), key, pair{"X-Timeout", "1us"}),
	}
}

func (s *shop) paying() []kind {
	return []kind{
		{name: "pay, ship, receive", good: 200, do: func(ctx context.Context) int {
			status, id := s.buyer.place(ctx, s.sku, 1)
			if status != http.StatusCreated {
				return status
			}
			if status := s.buyer.pay(ctx, id); status != http.StatusOK {
				return status
			}
			waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			if !s.buyer.await(waiting, id, "paid") {
				return 1
			}
			if status, _ = s.warehouse.call(ctx, "POST", "manage-order/"+id+"/ship", `{"carrier":"sf","tracking":"1"}`); status != http.StatusOK {
				return status
			}
			status, _ = s.buyer.call(ctx, "POST", "manage-order/"+id+"/receive", nil)
			return status
		}},
		{name: "cancel what is being paid", good: 200, do: func(ctx context.Context) int {
			status, id := s.buyer.place(ctx, s.sku, 1)
			if status != http.StatusCreated {
				return status
			}
			if status, _ = s.buyer.call(ctx, "POST", "create-payment/"+id, `{"provider":"alipay"}`, fresh()); status != http.StatusCreated {
				return status
			}
			status, _ = s.buyer.call(ctx, "POST", "manage-order/"+id+"/cancel", nil) // settle-order asks the provider
			return status
		}},
		one("a forged notification", 200, s.anyone, "POST", "payment-callback/alipay", "out_trade_no=1&sign=x&sign_type=RSA2",
			pair{"Content-Type", "application/x-www-form-urlencoded"}),
		one("a payment that is none", 404, s.buyer, "GET", "create-payment/"+uuid.NewString(), nil),
	}
}

func (s *shop) refused() []kind {
	key := pair{"Idempotency-Key", anyKey}
	batch := pair{"Content-Type", event.ContentType}
	return []kind{
		one("a body that is none", 400, s.buyer, "POST", "create-order", `{"lines":`, key),
		one("a body too long", 413, s.buyer, "POST", "create-order", strings.Repeat(" ", 100<<10), key),
		one("no key", 400, s.buyer, "POST", "create-order", lines(s.sku, 1)),
		one("no such function", 404, s.buyer, "GET", "nobody", nil),
		one("no such path", 404, s.buyer, "GET", "catalog/a/b/c", nil),
		one("events that nobody has signed", 401, s.buyer, "POST", "reserve-stock", "[]", batch),
		one("events for another", 401, s.buyer, "POST", "settle-order", "[]", batch),
	}
}

// events puts into the streams what create-order and payment-callback never would.
func (s *shop) events() []kind {
	const pause = 500 * time.Millisecond // they cost more than what everybody else does
	publish := func(ctx context.Context, subject string, body []byte) int {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if _, err := s.js.Publish(ctx, subject, body); err != nil {
			return 0
		}
		return http.StatusOK
	}
	return []kind{
		{name: "a message that is none", good: 200, do: func(ctx context.Context) int { return publish(ctx, order.Placed, []byte("{")) }, rest: pause},
		{name: "a batch with bad orders in it", good: 200, do: func(ctx context.Context) int {
			var events []event.Event
			for i := range 20 {
				d := order.Draft{OrderID: uuid.NewString(), UserID: "leak", Currency: "CNY", PlacedAt: time.Now(), Amount: 1,
					Lines: []order.Line{{SKU: "tea-longjing-100", Quantity: 1, Amount: int64(i % 2)}}}
				e, err := order.PlacedEvent(d)
				if err != nil {
					return 0
				}
				events = append(events, e)
			}
			body, err := event.EncodeBatch(events)
			if err != nil {
				return 0
			}
			return publish(ctx, order.Placed, body)
		}, rest: pause},
		{name: "a notice that is not there", good: 200, do: func(ctx context.Context) int {
			e, err := payment.NotifiedEvent(1 << 40)
			if err != nil {
				return 0
			}
			body, err := event.EncodeBatch([]event.Event{e})
			if err != nil {
				return 0
			}
			return publish(ctx, payment.Notified, body)
		}, rest: pause},
	}
}
