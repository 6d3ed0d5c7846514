// empty is what create-order is held against in the benchmarks: the same door,
// the same token, the same way through the gateway, and nothing behind it. Its
// second route also takes the same body and gives an answer of the same size.
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
	return fn.Routes{
		fn.User(user, "POST /{$}", fn.Step(nothing), fn.NeedsKey()),
		fn.User(user, "POST /order", fn.Step(same), fn.NeedsKey()),
	}, nil
}

func nothing(context.Context, fn.Call, fn.None) (fn.Reply, error) {
	return fn.Reply{Status: http.StatusAccepted}, nil
}

// order is the shape of create-order's body.
type order struct {
	Lines []struct {
		SKU      string `json:"sku"`
		Quantity int64  `json:"quantity"`
	} `json:"lines"`
}

const answer = `{"order_id":"00000000-0000-0000-0000-000000000000","status":"placed","total":{"amount":3980,"currency":"CNY"},` +
	`"links":{"self":"/v1/orders/00000000-0000-0000-0000-000000000000"}}`

func same(context.Context, fn.Call, order) (fn.Reply, error) {
	return fn.Reply{Status: http.StatusAccepted, Raw: []byte(answer), ContentType: "application/json"}, nil
}
