package catalog

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
	"bazaar/shared/money"
	"bazaar/shared/pg"
)

// Store is the SQL of the schema catalog.
type Store struct{}

const columns = `sku, title, amount, currency, image`

func scan(row pgx.CollectableRow) (Product, error) {
	var p Product
	err := row.Scan(&p.SKU, &p.Title, &p.Price.Amount, &p.Price.Currency, &p.Image)
	return p, err
}

// Put writes a valid product; an image that is there stays when p has none.
// created reports whether it is new.
func (Store) Put(ctx context.Context, q pg.Querier, p Product) (stored Product, created bool, err error) {
	stored = p
	err = q.QueryRow(ctx, `
		insert into catalog.product as p (sku, title, amount, currency, image, updated_at)
		values ($1, $2, $3, $4, $5, clock_timestamp())
		on conflict (sku) do update set title = excluded.title, amount = excluded.amount, currency = excluded.currency,
			image = coalesce(excluded.image, p.image), updated_at = clock_timestamp()
		returning p.image, p.xmax = 0`,
		p.SKU, p.Title, p.Price.Amount, p.Price.Currency, p.Image).Scan(&stored.Image, &created)
	return stored, created, pg.Fault(err, "writing a product")
}

// ByID reads a product; a fault not_found where there is none.
func (Store) ByID(ctx context.Context, q pg.Querier, sku string) (Product, error) {
	rows, err := q.Query(ctx, `select `+columns+` from catalog.product where sku = $1`, sku)
	if err != nil {
		return Product{}, pg.Fault(err, "reading a product")
	}
	p, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return Product{}, fault.New(fault.NotFound, "not_found", "There is no such product.")
	}
	return p, pg.Fault(err, "reading a product")
}

// Search says which part of the catalogue is wanted.
type Search struct {
	Words string // in the title or the SKU, in any case; "" is everything
	Limit int    // 1..100
	After string // the cursor that the page before gave, or ""
}

// List gives a page by SKU and the cursor of the next one: "" at the end. A
// wrong cursor is a fault invalid `invalid_cursor`.
func (Store) List(ctx context.Context, q pg.Querier, s Search) ([]Product, string, error) {
	after, err := readCursor(s.After)
	if err != nil {
		return nil, "", err
	}
	rows, err := q.Query(ctx, `select `+columns+` from catalog.product
		where sku > $1
			and ($2 = '' or strpos(lower(title), lower($2)) > 0 or strpos(lower(sku), lower($2)) > 0)
		order by sku limit $3`, after, s.Words, s.Limit+1)
	if err != nil {
		return nil, "", pg.Fault(err, "listing products")
	}
	list, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, "", pg.Fault(err, "listing products")
	}
	if len(list) <= s.Limit {
		return list, "", nil
	}
	list = list[:s.Limit]
	return list, cursor(list[s.Limit-1].SKU), nil
}

// cursor leads to what comes after a SKU.
func cursor(sku string) string { return base64.RawURLEncoding.EncodeToString([]byte(sku)) }

func readCursor(text string) (sku string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) > 64 || !utf8.Valid(raw) || bytes.ContainsRune(raw, 0) {
		return "", fault.New(fault.Invalid, "invalid_cursor", "The cursor is not one that a list gave.").At("after").Because(err)
	}
	return string(raw), nil
}

// changes gives the price of every product that was written after since, and
// the time of the latest of them: since itself when there is none.
func (Store) changes(ctx context.Context, q pg.Querier, since time.Time) (map[string]money.Money, time.Time, error) {
	rows, err := q.Query(ctx, `select sku, amount, currency, updated_at from catalog.product where updated_at > $1`, since)
	if err != nil {
		return nil, since, pg.Fault(err, "reading prices")
	}
	prices, latest := map[string]money.Money{}, since
	var sku string
	var price money.Money
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&sku, &price.Amount, &price.Currency, &at}, func() error {
		prices[sku] = price
		if at.After(latest) {
			latest = at
		}
		return nil
	})
	return prices, latest, pg.Fault(err, "reading prices")
}
