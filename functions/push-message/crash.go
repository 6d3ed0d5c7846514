package main

import (
	"context"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/bus"
	"bazaar/shared/crash"
	"bazaar/shared/pg"
)

// committing is the pool, with a point at which tests let the process die: what
// was said is stored, and nobody has been told.
type committing struct{ *pg.Pool }

func (c committing) InTx(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	err := c.Pool.InTx(ctx, f)
	if err == nil {
		crash.Point("push-message", "committed")
	}
	return err
}

// telling is the bus, with a point at which tests let the process die: everybody
// has been told, and the event is still in the outbox.
type telling struct{ *bus.Bus }

func (t telling) Tell(notes ...bus.Note) error {
	err := t.Bus.Tell(notes...)
	if err == nil && len(notes) > 0 {
		crash.Point("push-message", "announced")
	}
	return err
}
