// manage-group makes groups and changes who is in them, who leads them and what
// they are called, by the table of package group, and tells those whom it concerns.
package main

import (
	"context"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/fn"
	"bazaar/shared/group"
	"bazaar/shared/message"
	"bazaar/shared/pg"
	"bazaar/shared/stores"
)

// maxBody is of ten thousand members.
const maxBody = 1 << 20

type settings struct {
	PG     pg.Settings
	Bus    bus.Settings
	Tokens auth.TokenSettings
}

func main() { fn.Main("manage-group", assemble) }

func assemble(_ context.Context, run *fn.Runtime, s *settings) (fn.Routes, error) {
	pool, err := stores.Postgres(run, s.PG)
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

	h := &Handler{Store: pool, Rooms: message.Store{}, Groups: group.Store{}, Tell: queue.Tell}
	return fn.Routes{
		fn.User(user, "POST /{$}", fn.Step(h.Create), fn.MaxBody(maxBody)),
		fn.User(user, "GET /{$}", fn.Step(h.List)),
		fn.User(user, "GET /{group}", fn.Step(h.Show)),
		fn.User(user, "PATCH /{group}", fn.Step(h.Change)),
		fn.User(user, "DELETE /{group}", fn.Step(h.Dissolve)),
		fn.User(user, "GET /{group}/members", fn.Step(h.Members)),
		fn.User(user, "PUT /{group}/members/{user}", fn.Step(h.Put)),
		fn.User(user, "DELETE /{group}/members/{user}", fn.Step(h.Remove)),
	}, nil
}
