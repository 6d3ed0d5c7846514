package store_test

import (
	"slices"
	"testing"

	"bazaar/infra/local/demo"
	"bazaar/shared/auth"
	"bazaar/tests/support"
)

func TestDemoAccountsLoadTwice(t *testing.T) {
	t.Parallel()
	pool := support.Postgres(t)
	var seen []int
	progress := func(done, total int) { seen = append(seen, done, total) }
	if err := demo.LoadAccounts(t.Context(), pool, 0, nil); err != nil {
		t.Fatal(err)
	}
	if n := count(t, pool, `select count(*) from identity.account where user_id = username`); n != 1004 {
		t.Errorf("%d accounts", n)
	}
	if n := count(t, pool, `select count(*) from identity.account where roles <> '{}'`); n != 2 {
		t.Errorf("%d accounts have roles", n)
	}
	for range 2 {
		if err := demo.LoadAccounts(t.Context(), pool, 1003, progress); err != nil {
			t.Fatal(err)
		}
	}
	// The second time there is nothing left to hash.
	if !slices.Equal(seen, []int{1004, 1007, 1007, 1007, 1007, 1007}) {
		t.Errorf("progress %v", seen)
	}
	var hash string
	if err := pool.QueryRow(t.Context(), `select password_hash from identity.account where username = 'buyer1003'`).Scan(&hash); err != nil {
		t.Fatal(err)
	}
	if !auth.Check(hash, "buyer1003-demo-2026") {
		t.Error("a further buyer cannot sign in")
	}
}

func TestDemoProductsLoadTwiceAndAddUp(t *testing.T) {
	t.Parallel()
	pool := support.Postgres(t)
	load := func() {
		t.Helper()
		if err := demo.LoadProducts(t.Context(), pool); err != nil {
			t.Fatal(err)
		}
	}
	const inShop = `select coalesce(sum(available + reserved + sold), 0) from stock.item`
	load()
	stocked := count(t, pool, inShop)
	mustExec(t, pool, `update catalog.product set amount = 1 where sku = 'tea-gaiwan-white'`)
	mustExec(t, pool, `delete from catalog.product where sku = 'book-art-of-war'`)
	load()
	if n := count(t, pool, `select count(*) from catalog.product where amount > 0 and currency = 'CNY'`); n < 120 {
		t.Errorf("%d products", n)
	}
	if n := count(t, pool, inShop); n != stocked || n == 0 {
		t.Errorf("%d units after loading twice, %d after once", n, stocked)
	}
	if n := count(t, pool, `select count(*) from stock.item i where available <> (select sum(available) from stock.entry e where e.sku = i.sku)`); n != 0 {
		t.Errorf("%d products whose ledger does not add up", n)
	}
	if n := count(t, pool, `select count(*) from catalog.product where sku = 'tea-gaiwan-white' and amount = 1`); n != 1 {
		t.Error("a price that was changed came back")
	}
}
