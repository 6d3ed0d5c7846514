package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// history puts n orders of other days into the tables, paid and sold, with
// their lines, their history and their entries in the ledger; the foreign keys
// are checked once, at the end. Their payments are not there: nothing that is
// measured reads them.
func (s *shop) history(ctx context.Context, n int) error {
	statements := []string{
		`create temp table old (id uuid, i int, sku text, at timestamptz) on commit drop`,
		`insert into old select gen_random_uuid(), i, 'bench-' || lpad((i % 100)::text, 3, '0'), now() - interval '1 second' * i
			from generate_series(1, $1::int) i`,
		`alter table orders.line drop constraint line_order_id_fkey`,
		`alter table orders.history drop constraint history_order_id_fkey`,
		`alter table stock.entry drop constraint entry_sku_fkey`,
		`insert into orders.order (order_id, user_id, state, version, amount, currency, fingerprint, created_at, expires_at)
			select id, 'old-' || i % 50000, 'paid', 2, 1990, 'CNY', md5(i::text), at, at + interval '15 minutes' from old`,
		`insert into orders.line (order_id, line_no, sku, quantity, amount) select id, 1, sku, 1, 1990 from old`,
		`insert into orders.history (order_id, version, from_state, to_state, event, actor, at)
			select id, 1, 'placed', 'reserved', 'reserve', 'reserve-stock', at from old`,
		`insert into orders.history (order_id, version, from_state, to_state, event, actor, at)
			select id, 2, 'reserved', 'paid', 'pay', 'settle-order', at from old`,
		`insert into stock.entry (reference, sku, kind, available, reserved, at) select id, sku, 'reserve', -1, 1, at from old`,
		`insert into stock.entry (reference, sku, kind, reserved, sold, at) select id, sku, 'confirm', -1, 1, at from old`,
		`update stock.item i set available = available - o.n, sold = sold + o.n
			from (select sku, count(*) n from old group by sku) o where o.sku = i.sku`,
		`alter table orders.line add constraint line_order_id_fkey foreign key (order_id) references orders.order`,
		`alter table orders.history add constraint history_order_id_fkey foreign key (order_id) references orders.order`,
		`alter table stock.entry add constraint entry_sku_fkey foreign key (sku) references stock.item`,
	}
	err := s.Pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		for i, statement := range statements {
			var args []any
			if i == 1 {
				args = append(args, n)
			}
			if _, err := tx.Exec(ctx, statement, args...); err != nil {
				return fmt.Errorf("filling the tables: %w: %s", err, statement)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// What autovacuum would have done by now.
	if _, err := s.Pool.Exec(ctx, `vacuum analyze`); err != nil {
		return fmt.Errorf("vacuuming the tables: %w", err)
	}
	return nil
}

// checkpoint writes what is in memory only to the tables' files, so that it is
// not written while something else is measured. The server's superuser has the
// password of our role.
func (s *shop) checkpoint(ctx context.Context) (err error) {
	super := s.Pool.Config().ConnConfig.Copy()
	super.User, super.Database = "postgres", "postgres"
	conn, err := pgx.ConnectConfig(ctx, super)
	if err != nil {
		return fmt.Errorf("connecting as the superuser: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, `checkpoint`); err != nil {
		return fmt.Errorf("making a checkpoint: %w", err)
	}
	return nil
}
