package stock

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
	"bazaar/shared/pg"
)

// Store is the SQL of the schema stock. Every method that changes something
// wants a transaction and locks rows by SKU; call it after the locks on orders.
type Store struct{}

// Reserve decides the demands in turn under the locks of their rows: all lines
// of a demand or none. A SKU that has no row has no unit. A reference must not
// have been reserved before.
func (s Store) Reserve(ctx context.Context, tx pgx.Tx, demands []Demand) ([]Verdict, error) {
	if len(demands) == 0 {
		return nil, nil
	}
	available, err := s.lock(ctx, tx, skus(demands))
	if err != nil {
		return nil, err
	}
	verdicts := decide(available, demands)
	return verdicts, s.apply(ctx, tx, Reserve, granted(demands, verdicts))
}

// Confirm turns reserved units into sold ones.
func (s Store) Confirm(ctx context.Context, tx pgx.Tx, demands []Demand) error {
	return s.settle(ctx, tx, Confirm, demands)
}

// Release turns reserved units into available ones.
func (s Store) Release(ctx context.Context, tx pgx.Tx, demands []Demand) error {
	return s.settle(ctx, tx, Release, demands)
}

func (s Store) settle(ctx context.Context, tx pgx.Tx, k Kind, demands []Demand) error {
	if len(demands) == 0 {
		return nil
	}
	if _, err := s.lock(ctx, tx, skus(demands)); err != nil {
		return err
	}
	return s.apply(ctx, tx, k, demands)
}

// lock locks the rows of skus, which must be sorted, and tells what is available.
func (Store) lock(ctx context.Context, tx pgx.Tx, skus []string) (map[string]int64, error) {
	rows, err := tx.Query(ctx, `select sku, available from stock.item where sku = any($1) order by sku for update`, skus)
	if err != nil {
		return nil, pg.Fault(err, "locking stock")
	}
	available := make(map[string]int64, len(skus))
	var sku string
	var units int64
	_, err = pgx.ForEachRow(rows, []any{&sku, &units}, func() error {
		available[sku] = units
		return nil
	})
	return available, pg.Fault(err, "locking stock")
}

// apply writes the entries of the demands and adds them to the items. The
// update repeats the guard on each column; an item that misses it fails the
// whole transaction, since it was decided under the lock that it would not.
func (Store) apply(ctx context.Context, tx pgx.Tx, k Kind, demands []Demand) error {
	var references, skus []string
	var quantities []int64
	for _, d := range demands {
		for _, l := range d.Lines {
			references = append(references, d.Reference)
			skus = append(skus, l.SKU)
			quantities = append(quantities, l.Quantity)
		}
	}
	if len(skus) == 0 {
		return nil
	}
	e := k.effect()
	var changed, wanted int64
	err := tx.QueryRow(ctx, `
		with wanted as (
			select * from unnest($1::text[], $2::text[], $3::bigint[]) as w (reference, sku, quantity)
		), entries as (
			insert into stock.entry (reference, sku, kind, available, reserved, sold)
			select reference::uuid, sku, $4, quantity * $5, quantity * $6, quantity * $7 from wanted
		), sums as (
			select sku, sum(quantity)::bigint as quantity from wanted group by sku
		), changed as (
			update stock.item i set available = i.available + s.quantity * $5,
				reserved = i.reserved + s.quantity * $6, sold = i.sold + s.quantity * $7
			from sums s
			where i.sku = s.sku and i.available + s.quantity * $5 >= 0
				and i.reserved + s.quantity * $6 >= 0 and i.sold + s.quantity * $7 >= 0
			returning i.sku
		)
		select (select count(*) from changed), (select count(*) from sums)`,
		references, skus, quantities, string(k), e.available, e.reserved, e.sold).Scan(&changed, &wanted)
	if err != nil {
		return pg.Fault(err, fmt.Sprintf("applying %s to stock", k))
	}
	if changed != wanted {
		return fmt.Errorf("applying %s to stock: the guard held %d of %d items back", k, wanted-changed, wanted)
	}
	return nil
}

// Ensure makes the item of a SKU, empty, where there is none.
func (Store) Ensure(ctx context.Context, q pg.Querier, sku string) error {
	_, err := q.Exec(ctx, `insert into stock.item (sku) values ($1) on conflict do nothing`, sku)
	return pg.Fault(err, "making a stock item")
}

// Restock puts quantity units in, or takes them out where it is negative, but
// never what is reserved or sold: conflict stock_reserved. The same reference
// again changes nothing and answers the item as it is now.
func (s Store) Restock(ctx context.Context, tx pgx.Tx, reference, sku string, quantity int64) (Item, error) {
	if _, err := s.lock(ctx, tx, []string{sku}); err != nil {
		return Item{}, err
	}
	item, err := s.item(ctx, tx, sku)
	if err != nil {
		return Item{}, err
	}
	var done bool
	err = tx.QueryRow(ctx, `select exists (select from stock.entry where reference = $1 and sku = $2 and kind = 'restock')`,
		reference, sku).Scan(&done)
	if err != nil {
		return Item{}, pg.Fault(err, "looking for the restock")
	}
	if done {
		return item, nil
	}
	if item.Available+quantity < 0 {
		return Item{}, fault.New(fault.Conflict, "stock_reserved",
			"Only %d units are available to be taken out.", item.Available).At("quantity")
	}
	if err := s.apply(ctx, tx, Restock, []Demand{{reference, []Line{{sku, quantity}}}}); err != nil {
		return Item{}, err
	}
	item.Available += quantity
	return item, nil
}

func (s Store) item(ctx context.Context, q pg.Querier, sku string) (Item, error) {
	items, err := s.Items(ctx, q, []string{sku})
	if err != nil {
		return Item{}, err
	}
	item, ok := items[sku]
	if !ok {
		return Item{}, fault.New(fault.NotFound, "not_found", "There is no such product.")
	}
	return item, nil
}

// Items gives the items of those skus that have one.
func (Store) Items(ctx context.Context, q pg.Querier, skus []string) (map[string]Item, error) {
	rows, err := q.Query(ctx, `select sku, available, reserved, sold from stock.item where sku = any($1)`, skus)
	if err != nil {
		return nil, pg.Fault(err, "reading stock")
	}
	items := make(map[string]Item, len(skus))
	var i Item
	_, err = pgx.ForEachRow(rows, []any{&i.SKU, &i.Available, &i.Reserved, &i.Sold}, func() error {
		items[i.SKU] = i
		return nil
	})
	return items, pg.Fault(err, "reading stock")
}
