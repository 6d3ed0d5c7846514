package local

import (
	"context"
	"fmt"

	"bazaar/infra/local/demo"
	"bazaar/shared/pg"
)

// demoSKU is the product of the example.
const demoSKU = "tea-longjing-100"

// loadDemo puts the demo accounts and products in; those that are there stay as they are.
func (r *runner) loadDemo(ctx context.Context) error {
	pool, err := pg.Open(pg.Settings{URL: r.stores.postgres.URL(), Password: r.stores.postgres.Password, MaxConns: 2}, "local", nil)
	if err != nil {
		return fmt.Errorf("loading the demo data: %w", err)
	}
	defer pool.Close()
	r.screen.pass("loading demo data")
	if err := demo.LoadProducts(ctx, pool); err != nil {
		return fmt.Errorf("loading the demo products: %w", err)
	}
	err = demo.LoadAccounts(ctx, pool, r.options.Buyers, func(done, total int) {
		if done < total {
			r.screen.pass("making demo buyers, %d of %d", done, total)
		}
	})
	if err != nil {
		return fmt.Errorf("loading the demo accounts: %w", err)
	}
	return nil
}
