package invariant

import (
	"strings"

	"bazaar/shared/order"
)

// stockRules are of the stock, its ledger, and the orders that it is held for.
func stockRules() []Rule {
	rules := []Rule{
		{Name: "no_oversell", Means: "no SKU has less than nothing available, reserved or sold", Query: `
			select format('%s: %s available, %s reserved, %s sold', sku, available, reserved, sold)
			from stock.item where available < 0 or reserved < 0 or sold < 0`},
		{Name: "stock_ledger", Means: "the entries of a SKU add up to what it has available, reserved and sold", Query: `
			select format('%s has %s/%s/%s, its entries %s/%s/%s', i.sku, i.available, i.reserved, i.sold, e.a, e.r, e.s)
			from stock.item i left join (
				select sku, sum(available) a, sum(reserved) r, sum(sold) s from stock.entry group by sku) e using (sku)
			where (i.available, i.reserved, i.sold) is distinct from (coalesce(e.a, 0), coalesce(e.r, 0), coalesce(e.s, 0))`},
		{Name: "stock_of_orders", Means: "what is reserved and sold of a SKU is what the lines of orders hold", Query: `
			select format('%s: %s reserved, %s by orders; %s sold, %s by orders', i.sku,
				i.reserved, coalesce(o.held, 0), i.sold, coalesce(o.sold, 0))
			from stock.item i left join (
				select l.sku, sum(l.quantity) filter (where o.state in ({held})) held,
					sum(l.quantity) filter (where o.state in ({sold})) sold
				from orders.line l join orders.order o using (order_id) group by l.sku) o using (sku)
			where i.reserved <> coalesce(o.held, 0) or i.sold <> coalesce(o.sold, 0)`},
		{Name: "entry_is_of_its_kind", Means: "an entry moves units as its kind does, and at least one", Query: `
			select format('%s of %s by %s: %s/%s/%s', kind, sku, reference, available, reserved, sold) from stock.entry
			where case kind
				when 'restock' then available = 0 or reserved <> 0 or sold <> 0
				when 'reserve' then reserved < 1 or available <> -reserved or sold <> 0
				when 'confirm' then sold < 1 or reserved <> -sold or available <> 0
				when 'release' then available < 1 or reserved <> -available or sold <> 0
				when 'return' then available < 1 or sold <> -available or reserved <> 0
				else true end`},
		{Name: "entry_has_its_order", Means: "an entry that is no restock is of a line of an order", Query: `
			select format('%s of %s by %s', e.kind, e.sku, e.reference)
			from stock.entry e left join orders.line l on l.order_id = e.reference and l.sku = e.sku
			where e.kind <> 'restock' and l.order_id is null`},
		// The kinds of one line as a sum: reserve 1, confirm 2, release 4, return 8.
		// The units of an entry are the greatest of its columns: see entry_is_of_its_kind.
		{Name: "order_has_its_entries", Means: "a line has the entries that its order's state asks for, each of all its units", Query: `
			select format('order %s is %s: %s × %s, entries %s', o.order_id, o.state, l.quantity, l.sku,
				(select string_agg(format('%s %s/%s/%s', kind, available, reserved, sold), ', ' order by at, kind)
					from stock.entry where reference = o.order_id and sku = l.sku))
			from orders.line l join orders.order o using (order_id) left join (
				select reference, sku, sum(case kind when 'reserve' then 1 when 'confirm' then 2 when 'release' then 4 else 8 end) kinds,
					min(greatest(available, reserved, sold)) least, max(greatest(available, reserved, sold)) most
				from stock.entry where kind <> 'restock' group by reference, sku) e on e.reference = l.order_id and e.sku = l.sku
			where coalesce(e.kinds, 0) <> case when o.state in ({held}) then 1 when o.state in ({sold}) then 3 when o.state = 'closed' then 5 else 0 end
				or e.least <> l.quantity or e.most <> l.quantity`},
		{Name: "product_has_its_item", Means: "a product of the catalogue has its row of stock", Query: `
			select p.sku from catalog.product p left join stock.item i using (sku) where i.sku is null`},
	}
	fill := strings.NewReplacer("{held}", states(order.State.Holds), "{sold}", states(order.State.Sold))
	for i := range rules {
		rules[i].Query = fill.Replace(rules[i].Query)
	}
	return rules
}
