// Package contract_test holds the functions to the public contract, as a client
// who knows nothing else meets them: statuses, codes, headers, shapes, and what
// bad input and strangers get. Every function runs as a process of its own
// behind the gateway, with real PostgreSQL, Redis and NATS. What the functions
// do together over time is for the flows.
package contract_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"bazaar/shared/auth"
	"bazaar/tests/support"
)

const (
	// readTimeout of issue-token is short here, so that a slow body is cut off soon.
	readTimeout = 2 * time.Second
	// refreshGrace is short here, so that the end of a grace can be waited for.
	refreshGrace = 2 * time.Second
)

// house is the running system.
type house struct {
	*support.System
	issuer *auth.Issuer
}

// open gives the one system of this package's tests.
func open(t testing.TB) *house {
	t.Helper()
	s := support.SharedSystem(t,
		"--set", "issue-token.read_timeout="+readTimeout.String(),
		"--set", "issue-token.refresh_grace="+refreshGrace.String(),
	)
	issuer, err := s.Issuer(10 * time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { support.MustHold(t, s.Pool) })
	return &house{s, issuer}
}

// as is a user with a token that no password was needed for.
func (h *house) as(t testing.TB, user string, roles ...string) person {
	t.Helper()
	token, err := h.issuer.Issue(auth.Claims{Subject: user, SessionID: uuid.NewString(), Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	return person{h, token}
}

func (h *house) nobody() person            { return person{h, ""} }
func (h *house) buyer(t testing.TB) person { t.Helper(); return h.as(t, "buyer-"+short()) }
func (h *house) admin(t testing.TB) person { t.Helper(); return h.as(t, "admin", auth.RoleAdmin) }
func (h *house) storekeeper(t testing.TB) person {
	t.Helper()
	return h.as(t, "warehouse", auth.RoleWarehouse)
}

// fresh is a key that nobody has used.
func fresh() header { return key(uuid.NewString()) }

func short() string { return uuid.NewString()[:13] }

// product puts a product of its own with a price and units into the catalogue.
func (h *house) product(t testing.TB, units int, price money) (sku string) {
	t.Helper()
	admin := h.admin(t)
	sku = "contract-" + short()
	admin.call(t, "PUT", "catalog/"+sku, product{Title: "A test's own", Price: price}).into(t, 201, nil)
	if units > 0 {
		admin.call(t, "POST", "catalog/"+sku+"/restock", map[string]int{"quantity": units}, fresh()).into(t, 200, nil)
	}
	return sku
}

func (h *house) available(t testing.TB, sku string) int {
	t.Helper()
	var v productView
	h.nobody().call(t, "GET", "catalog/"+sku, nil).into(t, 200, &v)
	return v.Available
}

// money is an amount as the contract writes it.
type money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

func cny(fen int64) money { return money{fen, "CNY"} }

// product is what PUT takes.
type product struct {
	Title string `json:"title"`
	Price money  `json:"price"`
}

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// eventually polls until true, or fails the test after so long.
func eventually(t testing.TB, within time.Duration, what string, f func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for pause := 5 * time.Millisecond; !f(); pause = min(2*pause, 100*time.Millisecond) {
		next := time.NewTimer(pause)
		select {
		case <-next.C:
		case <-deadline.C:
			t.Fatalf("waited %s for %s", within, what)
		}
	}
}
