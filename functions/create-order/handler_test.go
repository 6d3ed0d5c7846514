package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bazaar/shared/bus"
	"bazaar/shared/fault"
	"bazaar/shared/idem"
	"bazaar/shared/money"
	"bazaar/shared/order"
)

const twoTeas = `{"lines":[{"sku":"tea","quantity":2},{"sku":"pot","quantity":1}]}`

// want checks the status and, of a problem, the code.
func want(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(w.Body.Bytes(), &problem)
	if w.Code != status || problem.Code != code {
		t.Errorf("got %d %s: %s; want %d %s", w.Code, problem.Code, w.Body, status, code)
	}
}

func TestOrderIsPricedAndQueued(t *testing.T) {
	s := newShop()
	w := s.order(t, "alice", "k1", twoTeas)
	id := idem.Key{Scope: idem.ScopeOrder, Owner: "alice", Key: "k1"}.ID()
	wanted := `{"order_id":"` + id + `","status":"placed","total":{"amount":10400,"currency":"CNY"},"links":{"self":"/v1/orders/` + id + `"}}`
	if w.Code != 202 || w.Body.String() != wanted || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	d, err := order.DraftOf(s.queued[0])
	if err != nil || d.UserID != "alice" || d.Amount != 10400 || d.Lines[0] != (order.Line{SKU: "tea", Quantity: 2, Amount: 250}) {
		t.Errorf("queued %+v, %v", d, err)
	}
	if e := s.queued[0]; e.ID != id || e.Subject != id || e.Type != order.Placed {
		t.Errorf("event %+v", e)
	}
	// The price goes up; a product goes away.
	s.prices = map[string]money.Money{"tea": {Amount: 999, Currency: "CNY"}}
	again := s.order(t, "alice", "k1", twoTeas)
	if again.Code != 202 || again.Body.String() != wanted || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %d %s %v", again.Code, again.Body, again.Header())
	}
	want(t, s.order(t, "alice", `"k1"`, `{"lines":[{"sku":"tea","quantity":3}]}`), 422, "idempotency_key_reused")
	want(t, s.order(t, "bob", "k1", twoTeas), 400, "unknown_sku")
	want(t, s.order(t, "bob", "k1", `{"lines":[{"sku":"tea","quantity":3}]}`), 202, "")
	if len(s.queued) != 2 || s.queued[1].ID == id {
		t.Errorf("queued %d events", len(s.queued))
	}
}

func TestWrongOrders(t *testing.T) {
	line := func(quantity string) string { return `{"lines":[{"sku":"tea","quantity":` + quantity + `}]}` }
	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprintf(`{"sku":"s%d","quantity":1}`, i))
	}
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"quantity -1":       {line("-1"), 400, "invalid_quantity"},
		"quantity 0":        {line("0"), 400, "invalid_quantity"},
		"quantity 1001":     {line("1001"), 400, "invalid_quantity"},
		"quantity 2^31":     {line("2147483648"), 400, "invalid_quantity"},
		"quantity 2^64+1":   {line("18446744073709551617"), 400, "invalid_quantity"},
		"quantity 1e18":     {line("1e18"), 400, "invalid_quantity"},
		"quantity 1e0":      {line("1e0"), 400, "invalid_quantity"},
		"quantity 1.5":      {line("1.5"), 400, "invalid_quantity"},
		"quantity 1.0":      {line("1.0"), 400, "invalid_quantity"},
		"quantity \"1e3\"":  {line(`"1e3"`), 400, "invalid_quantity"},
		"quantity \"1\"":    {line(`"1"`), 400, "invalid_quantity"},
		"quantity null":     {line("null"), 400, "invalid_quantity"},
		"no quantity":       {`{"lines":[{"sku":"tea"}]}`, 400, "invalid_quantity"},
		"no lines":          {`{"lines":[]}`, 400, "invalid_body"},
		"nothing":           {`{}`, 400, "invalid_body"},
		"51 lines":          {`{"lines":[` + strings.Join(many, ",") + `]}`, 400, "invalid_body"},
		"a SKU twice":       {`{"lines":[{"sku":"tea","quantity":1},{"sku":"tea","quantity":1}]}`, 400, "invalid_body"},
		"an unknown SKU":    {`{"lines":[{"sku":"no","quantity":1}]}`, 400, "unknown_sku"},
		"no SKU":            {`{"lines":[{"quantity":1}]}`, 400, "unknown_sku"},
		"an unknown field":  {`{"lines":[{"sku":"tea","quantity":1,"price":1}]}`, 400, "invalid_body"},
		"two currencies":    {`{"lines":[{"sku":"tea","quantity":1},{"sku":"mug","quantity":1}]}`, 400, "currency_mismatch"},
		"a total too large": {`{"lines":[{"sku":"gem","quantity":2}]}`, 400, "amount_overflow"},
		"another total": {`{"lines":[{"sku":"tea","quantity":1}],"expected_total":{"amount":249,"currency":"CNY"}}`,
			409, "price_changed"},
		"another currency": {`{"lines":[{"sku":"tea","quantity":1}],"expected_total":{"amount":250,"currency":"EUR"}}`,
			409, "price_changed"},
		"the expected total": {`{"lines":[{"sku":"tea","quantity":1}],"expected_total":{"amount":250,"currency":"CNY"}}`,
			202, ""},
		"the most":  {line("1000"), 202, ""},
		"the least": {line("1"), 202, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop()
			want(t, s.order(t, "alice", "k", c.body), c.status, c.code)
			if (c.status == 202) != (len(s.queued) == 1) {
				t.Errorf("queued %d events", len(s.queued))
			}
			// What was refused has left the key free.
			if c.status != 202 {
				want(t, s.order(t, "alice", "k", twoTeas), 202, "")
			}
		})
	}
}

func TestKeyIsRequired(t *testing.T) {
	want(t, newShop().order(t, "alice", "", twoTeas), 400, "idempotency_key_missing")
}

func TestRefusedPublishFreesTheKey(t *testing.T) {
	for code, refused := range map[string]error{
		"queue_full":  fault.New(fault.Unavailable, "queue_full", "Full."),
		"unavailable": away(),
	} {
		s := newShop()
		s.noQueue = refused
		want(t, s.order(t, "alice", "k", twoTeas), 503, code)
		s.noQueue = nil
		want(t, s.order(t, "alice", "k", `{"lines":[{"sku":"tea","quantity":3}]}`), 202, "")
	}
}

// After an unknown outcome the order may be in the queue: the retry must not
// decide its price again.
func TestUnknownPublishKeepsTheDraft(t *testing.T) {
	s := newShop()
	s.noQueue = fmt.Errorf("publishing: %w", fault.New(fault.Unavailable, "unavailable", "Who knows.").Because(bus.ErrUnknown))
	want(t, s.order(t, "alice", "k", twoTeas), 503, "unavailable")
	s.noQueue = nil
	s.prices = map[string]money.Money{"tea": {Amount: 1, Currency: "CNY"}, "pot": {Amount: 1, Currency: "CNY"}}
	want(t, s.order(t, "alice", "k", `{"lines":[{"sku":"tea","quantity":3}]}`), 422, "idempotency_key_reused")
	w := s.order(t, "alice", "k", twoTeas)
	if w.Code != 202 || !strings.Contains(w.Body.String(), `"amount":10400`) || w.Header().Get("Idempotent-Replayed") != "" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestStoreAwayIsUnavailable(t *testing.T) {
	s := newShop()
	s.noStore = away()
	w := s.order(t, "alice", "k", twoTeas)
	want(t, w, 503, "unavailable")
	if w.Header().Get("Retry-After") != "1" || len(s.queued) != 0 {
		t.Errorf("headers %v, queued %d", w.Header(), len(s.queued))
	}
}

// PostgreSQL away, nobody knows who has signed out since; orders go on as long
// as a token lives.
func TestOrdersAreTakenWhileSignOutsCannotBeRead(t *testing.T) {
	s := newShop()
	s.unread = 5 * time.Minute
	want(t, s.order(t, "alice", "k1", twoTeas), 202, "")
	s.unread = 10*time.Minute + time.Second
	want(t, s.order(t, "alice", "k2", twoTeas), 503, "unavailable")
	if len(s.queued) != 1 {
		t.Errorf("queued %d", len(s.queued))
	}
}

func TestPreferWait(t *testing.T) {
	s := newShop()
	id := idem.Key{Scope: idem.ScopeOrder, Owner: "alice", Key: "k"}.ID()
	s.decided[id] = order.View{OrderID: id, Status: order.StateReserved}
	w := s.order(t, "alice", "k", twoTeas, "Prefer", "wait=2")
	if w.Code != 201 || !strings.Contains(w.Body.String(), `"status":"reserved"`) {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	again := s.order(t, "alice", "k", twoTeas)
	if again.Code != 201 || again.Body.String() != w.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %d %s", again.Code, again.Body)
	}
	want(t, s.order(t, "alice", "undecided", twoTeas, "Prefer", "wait=1"), 202, "")
}

// Soon after Redis was emptied, Postgres has the word on what was ordered.
func TestDoubtfulKeyIsConfirmed(t *testing.T) {
	s := newShop()
	s.doubtful = true
	want(t, s.order(t, "alice", "k", twoTeas), 503, "unavailable")

	id := idem.Key{Scope: idem.ScopeOrder, Owner: "alice", Key: "k"}.ID()
	s.decided[id] = order.View{OrderID: id, Status: order.StateReserved}
	print, err := idem.Fingerprint(input{Lines: []inputLine{{"tea", 2}, {"pot", 1}}})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := accept(id, money.Money{Amount: 7, Currency: "CNY"})
	if err != nil {
		t.Fatal(err)
	}
	s.postgres[id] = idem.Record{Fingerprint: print, Answer: answer}
	if w := s.order(t, "alice", "k", twoTeas); w.Code != 202 || !strings.Contains(w.Body.String(), `"amount":7`) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}

	s = newShop()
	s.doubtful = true
	s.decided[id] = order.View{OrderID: id}
	s.postgres[id] = idem.Record{Fingerprint: "another"}
	want(t, s.order(t, "alice", "k", twoTeas), 422, "idempotency_key_reused")
}

// What newer prices may answer otherwise is not refused for good.
func TestPricesThatMayBeOld(t *testing.T) {
	s := newShop()
	s.unsure = true
	want(t, s.order(t, "alice", "k1", `{"lines":[{"sku":"new","quantity":1}]}`), 503, "unavailable")
	want(t, s.order(t, "alice", "k2", `{"lines":[{"sku":"tea","quantity":1}],"expected_total":{"amount":1,"currency":"CNY"}}`), 503, "unavailable")
	if got := s.order(t, "alice", "k3", twoTeas); got.Code != 202 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
