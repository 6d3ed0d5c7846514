// empty is what create-order is held against in the benchmarks: the same door,
// the same token, the same way through the gateway, and nothing behind it.
package main

import (
	"context"
	"net/http"

	"bazaar/shared/auth"
	"bazaar/shared/fn"
	"bazaar/shared/identity"
	"bazaar/shared/pg"
)

type settings struct {
	PG     pg.Settings
	Tokens auth.TokenSettings
}

func main() { fn.Main("empty", assemble) }

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
	revoked := identity.NewWatch(pool)
	run.Go("revocations", revoked.Run)
	user := fn.UserDoor{Tokens: tokens, Revoked: revoked}
	return fn.Routes{fn.User(user, "POST /{$}", fn.Step(nothing), fn.NeedsKey())}, nil
}

func nothing(context.Context, fn.Call, fn.None) (fn.Reply, error) {
	return fn.Reply{Status: http.StatusAccepted}, nil
}
