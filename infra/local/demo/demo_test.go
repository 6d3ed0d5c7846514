package demo

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bazaar/shared/auth"
)

func TestEveryAccountIsThereOnce(t *testing.T) {
	t.Parallel()
	accounts, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"admin": "admin", "warehouse": "warehouse", "alice": "", "bob": ""}
	for n := range Buyers {
		want[Buyer(n+1)] = ""
	}
	got, salts := map[string]string{}, map[string]bool{}
	for _, a := range accounts {
		got[a.name] = a.roles
		salts[strings.Split(a.hash, "$")[4]] = true
		if !strings.HasPrefix(a.hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("%s has the hash %s", a.name, a.hash)
		}
	}
	if len(accounts) != 1004 || !maps.Equal(got, want) {
		t.Errorf("%d accounts, %d names", len(accounts), len(got))
	}
	if len(salts) != len(accounts) {
		t.Errorf("%d accounts share %d salts", len(accounts), len(salts))
	}
}

func TestHashesBelongToTheirPasswords(t *testing.T) {
	t.Parallel()
	accounts, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	sample := []string{"admin", "warehouse", "alice", "buyer0001", "buyer1000"}
	checked := 0
	for _, a := range accounts {
		if slices.Contains(sample, a.name) {
			checked++
			if !auth.Check(a.hash, a.name+"-demo-2026") {
				t.Errorf("%s cannot sign in", a.name)
			}
		}
	}
	if checked != len(sample) {
		t.Errorf("checked %d of %d", checked, len(sample))
	}
}

func TestProductsLookLikeProducts(t *testing.T) {
	t.Parallel()
	g, err := products()
	if err != nil {
		t.Fatal(err)
	}
	if len(g.skus) < 120 {
		t.Errorf("only %d products", len(g.skus))
	}
	sku := regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	titles, references := map[string]bool{}, map[string]bool{}
	for i := range g.skus {
		if !sku.MatchString(g.skus[i]) || g.fen[i] < 100 || g.units[i] < 1 || len(g.titles[i]) < 10 || len(g.titles[i]) > 200 {
			t.Errorf("%s, %q, %d fen, %d in stock", g.skus[i], g.titles[i], g.fen[i], g.units[i])
		}
		titles[g.titles[i]], references[g.references[i]] = true, true
	}
	if len(titles) != len(g.skus) || len(references) != len(g.skus) {
		t.Errorf("%d products, %d titles, %d references", len(g.skus), len(titles), len(references))
	}
}
