// sync-messages gives people what they lack of their conversations, lists these,
// moves read cursors, and tells who has read and who is there.
package main

import (
	"context"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/fn"
	"bazaar/shared/group"
	"bazaar/shared/message"
	"bazaar/shared/pg"
	"bazaar/shared/presence"
	"bazaar/shared/rdb"
	"bazaar/shared/stores"
)

// maxBody is of a thousand cursors.
const maxBody = 128 << 10

type settings struct {
	PG     pg.Settings
	Redis  rdb.Settings
	Bus    bus.Settings
	Tokens auth.TokenSettings
}

func main() { fn.Main("sync-messages", assemble) }

func assemble(_ context.Context, run *fn.Runtime, s *settings) (fn.Routes, error) {
	pool, err := stores.Postgres(run, s.PG)
	if err != nil {
		return nil, err
	}
	cache, err := stores.Redis(run, s.Redis)
	if err != nil {
		return nil, err
	}
	queue, err := stores.NATS(run, s.Bus)
	if err != nil {
		return nil, err
	}
	user, err := stores.UserDoor(run, pool, s.Tokens)
	if err != nil {
		return nil, err
	}

	h := &Handler{
		Store: pool, Messages: message.Store{}, Groups: group.Store{}, People: presence.NewStore(cache, 0), Tell: queue.Tell,
		Pages: newPages(func(ctx context.Context, spans []message.Span) ([]message.Message, error) {
			return message.Store{}.Between(ctx, pool, spans)
		}),
	}
	return fn.Routes{
		fn.User(user, "POST /{$}", fn.Step(h.Sync), fn.MaxBody(maxBody)),
		fn.User(user, "GET /conversations", fn.Step(h.List)),
		fn.User(user, "GET /presence", fn.Step(h.Presence)),
		fn.User(user, "GET /{conversation}", fn.Step(h.History)),
		fn.User(user, "POST /{conversation}/read", fn.Step(h.Read)),
		fn.User(user, "GET /{conversation}/receipts", fn.Step(h.Receipts)),
	}, nil
}
