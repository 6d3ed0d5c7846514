package connector

import (
	"context"

	"bazaar/shared/message"
	"bazaar/shared/pg"
)

// storeDirectory asks PostgreSQL itself: it works while functions are away, and
// two questions serve hundreds of users.
type storeDirectory struct {
	store message.Store
	pool  pg.Querier
}

// NewDirectory answers from the store; two connections of pool are enough.
func NewDirectory(pool pg.Querier) Directory { return storeDirectory{pool: pool} }

// Seats is message.Store.Seats.
func (d storeDirectory) Seats(ctx context.Context, users []string) ([]message.Seat, error) {
	return d.store.Seats(ctx, d.pool, users)
}

// Heads is message.Store.Heads.
func (d storeDirectory) Heads(ctx context.Context, conversations []string) (map[string]message.Head, error) {
	return d.store.Heads(ctx, d.pool, conversations)
}

// ChangesSince is message.Store.ChangesSince.
func (d storeDirectory) ChangesSince(ctx context.Context, conversation string, version int64) (message.Head, []message.Change, error) {
	return d.store.ChangesSince(ctx, d.pool, conversation, version)
}
