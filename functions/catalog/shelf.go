package main

import (
	"context"
	"net/http"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/catalog"
	"bazaar/shared/idem"
	"bazaar/shared/pg"
	"bazaar/shared/rdb"
	"bazaar/shared/stock"
)

// shelf is where products meet their stock.
type shelf struct {
	pool     *pg.Pool
	cache    *rdb.Client
	keys     *idem.Postgres
	products catalog.Store
	items    stock.Store
}

func show(p catalog.Product, available int64) view {
	return view{SKU: p.SKU, Title: p.Title, Price: p.Price, Available: available, Image: p.Image}
}

// Page is Shelf's.
func (s shelf) Page(ctx context.Context, search catalog.Search) ([]view, string, error) {
	products, next, err := s.products.List(ctx, s.pool, search)
	if err != nil {
		return nil, "", err
	}
	skus := make([]string, len(products))
	for i, p := range products {
		skus[i] = p.SKU
	}
	items, err := s.items.Items(ctx, s.pool, skus)
	if err != nil {
		return nil, "", err
	}
	views := make([]view, len(products))
	for i, p := range products {
		views[i] = show(p, items[p.SKU].Available)
	}
	return views, next, nil
}

// Product is Shelf's.
func (s shelf) Product(ctx context.Context, sku string) (view, error) {
	p, err := s.products.ByID(ctx, s.pool, sku)
	if err != nil {
		return view{}, err
	}
	items, err := s.items.Items(ctx, s.pool, []string{sku})
	return show(p, items[sku].Available), err
}

// Put is Shelf's. An error of the announcement is the caller's: the product is
// written, but orders might be priced by the old one for a second, so it is not
// called done. To put it again is safe.
func (s shelf) Put(ctx context.Context, p catalog.Product) (view, bool, error) {
	var v view
	var created bool
	err := s.pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		stored, fresh, err := s.products.Put(ctx, tx, p)
		if err != nil {
			return err
		}
		if err := s.items.Ensure(ctx, tx, p.SKU); err != nil {
			return err
		}
		items, err := s.items.Items(ctx, tx, []string{p.SKU})
		v, created = show(stored, items[p.SKU].Available), fresh
		return err
	})
	if err != nil {
		return view{}, false, err
	}
	return v, created, catalog.Announce(context.WithoutCancel(ctx), s.cache)
}

// Restock is Shelf's. The key's id is the reference in the stock's ledger, so
// that the effect stays unique when the key's record is long gone.
func (s shelf) Restock(ctx context.Context, r idem.Record, sku string, quantity int64) (idem.Answer, error) {
	var answer idem.Answer
	err := s.pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := s.products.ByID(ctx, tx, sku); err != nil {
			return err
		}
		if err := s.items.Ensure(ctx, tx, sku); err != nil {
			return err
		}
		item, err := s.items.Restock(ctx, tx, r.ID, sku, quantity)
		if err != nil {
			return err
		}
		if answer, err = idem.JSON(http.StatusOK, item); err != nil {
			return err
		}
		return s.keys.FinishIn(ctx, tx, r, answer)
	})
	return answer, err
}
