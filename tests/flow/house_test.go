// Package flow_test tries whole flows through the local runner: every function,
// the trigger and the simulated provider as processes of their own, with real
// PostgreSQL, Redis and NATS.
package flow_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"bazaar/shared/auth"
	"bazaar/tests/support"
)

// house is the running system.
type house struct {
	*support.System
	issuer *auth.Issuer
}

// open gives the one system of this package's tests. Orders expire after 20 s
// and close 2 s later; nobody needs longer to pay here.
func open(t testing.TB) *house {
	t.Helper()
	s := support.SharedSystem(t,
		"--set", "reserve-stock.order_pay_within=20s",
		"--set", "settle-order.order_close_grace=2s",
		"--set", "settle-order.payment_busy_margin=1s",
	)
	issuer, err := s.Issuer(10 * time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return &house{s, issuer}
}

// as is a user with a token that no password was needed for.
func (h *house) as(t testing.TB, user string, roles ...string) person {
	t.Helper()
	token, err := h.issuer.Issue(auth.Claims{Subject: user, SessionID: uuid.NewString(), Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	return person{gateway: h.Gateway, token: token}
}

// product puts a new product with stock into the catalogue.
func (h *house) product(t testing.TB, units int, fen int64) (sku string) {
	t.Helper()
	admin := h.as(t, "admin", auth.RoleAdmin)
	sku = "test-" + uuid.NewString()[:13]
	admin.call(t, "PUT", "catalog/"+sku, map[string]any{"title": "A test's own", "price": money{fen, "CNY"}}).into(t, 201, nil)
	admin.call(t, "POST", "catalog/"+sku+"/restock", map[string]any{"quantity": units}, key(uuid.NewString())).into(t, 200, nil)
	return sku
}

// stock checks the books of a SKU.
func (h *house) stock(t testing.TB, sku string, available, reserved, sold int64) {
	t.Helper()
	var a, r, s int64
	err := h.Pool.QueryRow(t.Context(), `select available, reserved, sold from stock.item where sku = $1`, sku).Scan(&a, &r, &s)
	if err != nil || a != available || r != reserved || s != sold {
		t.Errorf("%s: %d available, %d reserved, %d sold (%v), want %d, %d, %d", sku, a, r, s, err, available, reserved, sold)
	}
}

// mustHold checks the invariants of the whole store.
func (h *house) mustHold(t testing.TB) {
	t.Helper()
	support.MustHold(t, h.Pool)
}

// signal sends a signal to every process of a function.
func (h *house) signal(t testing.TB, function string, s syscall.Signal) {
	t.Helper()
	pids := h.Pids(t, function)
	if len(pids) == 0 {
		t.Fatalf("%s has no process", function)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
}

// logged reports whether a line of a function's log has all the words.
func (h *house) logged(t testing.TB, function string, words ...string) bool {
	t.Helper()
	file, err := os.Open(filepath.Join(h.Logs, function+".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	in := bufio.NewScanner(file)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		found := 0
		for _, w := range words {
			if strings.Contains(in.Text(), w) {
				found++
			}
		}
		if found == len(words) {
			return true
		}
	}
	return false
}
