package demo

import (
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bazaar/shared/pg"
)

// goods are the products, column by column as SQL takes them.
type goods struct {
	skus, titles []string
	fen, units   []int64
	references   []string // of the stock that each is given
}

// LoadProducts makes the demo catalogue, in CNY, and puts its stock in through
// the ledger, once for each SKU: prices and stock that have changed since stay.
func LoadProducts(ctx context.Context, pool *pg.Pool) error {
	g, err := products()
	if err != nil {
		return err
	}
	return pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`insert into catalog.product (sku, title, amount, currency)
			select sku, title, fen, 'CNY' from unnest($1::text[], $2::text[], $3::bigint[]) as demo (sku, title, fen)
			on conflict do nothing`, g.skus, g.titles, g.fen)
		b.Queue(`insert into stock.item (sku) select sku from unnest($1::text[]) as demo (sku) order by sku
			on conflict do nothing`, g.skus)
		// Rows of stock are locked by SKU before they change, as everywhere.
		b.Queue(`select from stock.item where sku = any($1) order by sku for update`, g.skus)
		b.Queue(`with entered as (
				insert into stock.entry (reference, sku, kind, available)
				select reference, sku, 'restock', units
				from unnest($1::uuid[], $2::text[], $3::bigint[]) as demo (reference, sku, units)
				on conflict do nothing returning sku, available)
			update stock.item i set available = i.available + e.available from entered e where e.sku = i.sku`,
			g.references, g.skus, g.units)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return fmt.Errorf("storing the demo catalogue: %w", err)
		}
		return nil
	})
}

func products() (goods, error) {
	table, err := rows("products.csv", 4)
	if err != nil {
		return goods{}, err
	}
	return readGoods(table)
}

func readGoods(table [][]string) (goods, error) {
	var g goods
	for i, row := range table {
		fen, errFen := strconv.ParseInt(row[2], 10, 64)
		units, errUnits := strconv.ParseInt(row[3], 10, 64)
		if errFen != nil || errUnits != nil {
			return goods{}, fmt.Errorf("demo product %d, %s: price or stock is no number", i+1, row[0])
		}
		g.skus, g.titles = append(g.skus, row[0]), append(g.titles, row[1])
		g.fen, g.units = append(g.fen, fen), append(g.units, units)
		g.references = append(g.references, uuid.NewSHA1(uuid.NameSpaceURL, []byte("bazaar:demo-stock:"+row[0])).String())
	}
	return g, nil
}
