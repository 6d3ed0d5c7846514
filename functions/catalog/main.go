// catalog shows the products to anyone, and lets an admin put a product and
// restock it.
package main

import (
	"context"

	"bazaar/shared/auth"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
	"bazaar/shared/identity"
	"bazaar/shared/pg"
	"bazaar/shared/rdb"
)

type settings struct {
	PG     pg.Settings
	Redis  rdb.Settings
	Tokens auth.TokenSettings
}

func main() { fn.Main("catalog", assemble) }

func assemble(_ context.Context, run *fn.Runtime, s *settings) (fn.Routes, error) {
	tokens, err := auth.NewVerifier(s.Tokens)
	if err != nil {
		return nil, err
	}
	pool, err := pg.Open(s.PG, run.Name, run.Telemetry.Traces)
	if err != nil {
		return nil, err
	}
	run.OnStop("postgres", func(context.Context) error { pool.Close(); return nil })
	run.Report("postgres", pool.Ping)
	cache, err := rdb.Open(s.Redis)
	if err != nil {
		return nil, err
	}
	run.OnStop("redis", func(context.Context) error { return cache.Close() })
	run.Report("redis", func(ctx context.Context) error { return cache.Ping(ctx).Err() })
	revoked := identity.NewWatch(pool)
	run.Go("revocations", revoked.Run)
	keys := idem.NewPostgres(pool)
	run.Go("old keys", func(ctx context.Context) {
		keys.Sweeping(ctx, func(err error) { run.Log.Warn("sweeping old answers", "error", err.Error()) })
	})

	h := &Handler{Shelf: shelf{pool: pool, cache: cache, keys: keys}, Keys: keys, Log: run.Log}
	return routes(h, fn.UserDoor{Tokens: tokens, Revoked: revoked}), nil
}

func routes(h *Handler, user fn.UserDoor) fn.Routes {
	return fn.Routes{
		fn.Public("GET /{$}", fn.Step(h.List)),
		fn.Public("GET /{sku}", fn.Step(h.Show)),
		fn.User(user, "PUT /{sku}", fn.Step(h.Put), fn.Roles(auth.RoleAdmin)),
		fn.User(user, "POST /{sku}/restock", fn.Step(h.Restock), fn.Roles(auth.RoleAdmin), fn.NeedsKey()),
	}
}
