// Package store_test tries each domain's SQL and Lua, and the tools below them,
// against real PostgreSQL, Redis and NATS servers, above all under contention.
package store_test

import (
	"context"
	"testing"

	"bazaar/tests/support"
)

func TestEachTestHasItsDatabase(t *testing.T) {
	t.Parallel()
	a, b := support.Postgres(t), support.Postgres(t)
	ctx := context.Background()
	if _, err := a.Exec(ctx, `insert into outbox.event (event_id, aggregate, type, body) values ('1', 'a', 'x', '{}')`); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := b.QueryRow(ctx, `select count(*) from outbox.event`).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

func TestEachTestHasItsRedis(t *testing.T) {
	t.Parallel()
	a, b := support.Redis(t), support.Redis(t)
	ctx := context.Background()
	if err := a.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n, err := b.DBSize(ctx).Result(); err != nil || n != 0 {
		t.Errorf("%d keys, %v", n, err)
	}
}
