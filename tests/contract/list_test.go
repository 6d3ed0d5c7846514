package contract_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// pages reads a list to its end and gives the lengths of its pages.
func pages[T any](t testing.TB, p person, path string, limit int) (all []T, lengths []int) {
	t.Helper()
	after := ""
	for len(lengths) < 1000 {
		var got page[T]
		p.call(t, "GET", fmt.Sprintf("%s?limit=%d%s", path, limit, after), nil).into(t, 200, &got)
		all, lengths = append(all, got.Items...), append(lengths, len(got.Items))
		if got.Next == nil {
			return all, lengths
		}
		after = "&after=" + url.QueryEscape(*got.Next)
	}
	t.Fatal("the list has no end")
	return nil, nil
}

func TestProductsPageByPage(t *testing.T) {
	t.Parallel()
	h := open(t)
	all, lengths := pages[productView](t, h.nobody(), "catalog", 37)
	seen, stocked := map[string]bool{}, 0
	for _, v := range all {
		if seen[v.SKU] {
			t.Errorf("%s is listed twice", v.SKU)
		}
		seen[v.SKU] = true
		if v.Available > 0 && !strings.HasPrefix(v.SKU, "contract-") {
			stocked++
		}
		if v.Title == "" || v.Price.Amount < 1 || len(v.Price.Currency) != 3 {
			t.Errorf("%+v", v)
		}
	}
	if stocked < 100 {
		t.Errorf("%d demo products with stock, the contract says at least 100", stocked)
	}
	for _, n := range lengths[:len(lengths)-1] {
		if n != 37 {
			t.Errorf("pages of %v", lengths)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, path := range []string{"catalog", "manage-order"} {
		for _, limit := range []string{"0", "-1", "x", "1.5", "1e1", "+5", "%20", "0x5", "１"} {
			if p := s.buyer.call(t, "GET", path+"?limit="+limit, nil).fails(t, 400, "invalid_limit"); p.Field != "limit" {
				t.Errorf("%s limit=%s names %q", path, limit, p.Field)
			}
		}
		for _, after := range []string{"x", "!!", "=", strings.Repeat("A", 500), "%27%20or%201=1"} {
			if p := s.buyer.call(t, "GET", path+"?after="+after, nil).fails(t, 400, "invalid_cursor"); p.Field != "after" {
				t.Errorf("%s after=%s names %q", path, after, p.Field)
			}
		}
		s.buyer.call(t, "GET", path+"?limit=&after=&unknown=1", nil).into(t, 200, nil)
	}
	for limit, want := range map[string]int{"": 20, "1": 1, "100": 100, "101": 100, "1000000": 100, "99999999999999999999999": 100} {
		var got page[productView]
		s.nobody().call(t, "GET", "catalog?limit="+limit, nil).into(t, 200, &got)
		if len(got.Items) != want || got.Next == nil {
			t.Errorf("limit=%s gives %d, want %d", limit, len(got.Items), want)
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	h := open(t)
	word := "Zq" + short()
	sku := "contract-" + short()
	h.admin(t).call(t, "PUT", "catalog/"+sku, product{"A 100% " + word + " thing", cny(1)}).into(t, 201, nil)
	find := func(q string) (skus []string) {
		var got page[productView]
		h.nobody().call(t, "GET", "catalog?q="+url.QueryEscape(q), nil).into(t, 200, &got)
		for _, v := range got.Items {
			skus = append(skus, v.SKU)
		}
		return skus
	}
	for _, q := range []string{word, strings.ToLower(word), "100% " + word, sku, strings.ToUpper(sku)} {
		if got := find(q); !slices.Equal(got, []string{sku}) {
			t.Errorf("%q finds %v", q, got)
		}
	}
	// Signs of a pattern, of SQL or of markup are letters like others.
	for _, q := range []string{"%" + word, word[:3] + "_", "') or 1=1--", `\`, "<script>", uuid.NewString()} {
		if got := find(q); len(got) != 0 {
			t.Errorf("%q finds %v", q, got)
		}
	}
	h.nobody().call(t, "GET", "catalog?q="+strings.Repeat("x", 5000), nil).fails(t, 400, "invalid_query")
}

func TestOrdersPageByPage(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer, stranger, sku := h.buyer(t), h.buyer(t), h.product(t, 50, cny(100))
	var placed []string
	for range 7 {
		placed = append(placed, buyer.reserved(t, line{sku, 1}).OrderID)
	}
	all, lengths := pages[orderView](t, buyer, "manage-order", 3)
	var got []string
	for _, o := range all {
		got = append(got, o.OrderID)
		if o.Status != "reserved" || len(o.Lines) != 1 || o.Total != cny(100) || len(o.History) != 1 {
			t.Errorf("%+v", o)
		}
	}
	slices.Reverse(got)
	if !slices.Equal(got, placed) || !slices.Equal(lengths, []int{3, 3, 1}) {
		t.Errorf("%v in pages of %v, want %v newest first", got, lengths, placed)
	}
	// Nobody else's list has them, whatever it is asked with.
	var first, empty page[orderView]
	buyer.call(t, "GET", "manage-order?limit=1", nil).into(t, 200, &first)
	user := h.proven(t, buyer.token).Sub
	for _, p := range []person{stranger, h.storekeeper(t)} {
		for _, query := range []string{"", "?after=" + url.QueryEscape(*first.Next), "?user=" + user} {
			if a := p.call(t, "GET", "manage-order"+query, nil); string(a.body) != `{"items":[],"next":null}` {
				a.into(t, 200, &empty)
				t.Errorf("%s lists %d orders", query, len(empty.Items))
			}
		}
	}
}
