// catalog shows the products to anyone, and lets an admin put a product and
// restock it.
package main

import (
	"context"

	"bazaar/shared/auth"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
	"bazaar/shared/pg"
	"bazaar/shared/rdb"
	"bazaar/shared/stores"
)

type settings struct {
	PG     pg.Settings
	Redis  rdb.Settings
	Tokens auth.TokenSettings
}

func main() { fn.Main("catalog", assemble) }

func assemble(_ context.Context, run *fn.Runtime, s *settings) (fn.Routes, error) {
	pool, err := stores.Postgres(run, s.PG)
	if err != nil {
		return nil, err
	}
	cache, err := stores.Redis(run, s.Redis)
	if err != nil {
		return nil, err
	}
	user, err := stores.UserDoor(run, pool, s.Tokens)
	if err != nil {
		return nil, err
	}
	keys := idem.NewPostgres(pool)
	run.Go("old keys", func(ctx context.Context) {
		keys.Sweeping(ctx, func(err error) { run.Log.Warn("sweeping old answers", "error", err.Error()) })
	})

	h := &Handler{Shelf: shelf{pool: pool, cache: cache, keys: keys}, Keys: keys, Log: run.Log}
	return routes(h, user), nil
}

func routes(h *Handler, user fn.UserDoor) fn.Routes {
	return fn.Routes{
		fn.Public("GET /{$}", fn.Step(h.List)),
		fn.Public("GET /{sku}", fn.Step(h.Show)),
		fn.User(user, "PUT /{sku}", fn.Step(h.Put), fn.Roles(auth.RoleAdmin)),
		fn.User(user, "POST /{sku}/restock", fn.Step(h.Restock), fn.Roles(auth.RoleAdmin), fn.NeedsKey()),
	}
}
