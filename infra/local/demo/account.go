package demo

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"bazaar/shared/auth"
	"bazaar/shared/pg"
)

//go:generate go run ./hash accounts.csv

// hashedAtOnce is how many accounts are hashed before they are stored: what an
// interruption loses at most.
const hashedAtOnce = 256

type account struct {
	name, roles, hash string // roles: separated by blanks
}

// LoadAccounts makes the demo accounts: admin, warehouse, alice, bob and the
// buyers, a thousand of them or more. Hashes of buyers above a thousand are
// computed here, on all cores, about 20 ms each. progress may be nil; it is told
// after each step how many of all the accounts exist.
func LoadAccounts(ctx context.Context, pool *pg.Pool, buyers int, progress func(done, total int)) error {
	accounts, err := embedded()
	if err != nil {
		return err
	}
	if progress == nil {
		progress = func(int, int) {}
	}
	further := max(0, buyers-Buyers)
	done, total := len(accounts), len(accounts)+further
	if err := insert(ctx, pool, accounts); err != nil {
		return err
	}
	missing, err := missingBuyers(ctx, pool, further)
	if err != nil {
		return err
	}
	done += further - len(missing)
	progress(done, total)
	for len(missing) > 0 {
		names := missing[:min(hashedAtOnce, len(missing))]
		missing = missing[len(names):]
		hashed, err := hashAll(ctx, names)
		if err != nil {
			return err
		}
		if err := insert(ctx, pool, hashed); err != nil {
			return err
		}
		done += len(names)
		progress(done, total)
	}
	return nil
}

// embedded are the accounts of the data file.
func embedded() ([]account, error) {
	table, err := rows("accounts.csv", 3)
	if err != nil {
		return nil, err
	}
	accounts := make([]account, 0, len(table))
	for _, row := range table {
		accounts = append(accounts, account{name: row[0], roles: row[1], hash: row[2]})
	}
	return accounts, nil
}

// missingBuyers are the names of the buyers above a thousand that are not there.
func missingBuyers(ctx context.Context, pool *pg.Pool, further int) ([]string, error) {
	var missing []string
	names := make([]string, further)
	for i := range names {
		names[i] = Buyer(Buyers + 1 + i)
	}
	err := pool.QueryRow(ctx, `
		select coalesce(array_agg(name order by n), '{}') from unnest($1::text[]) with ordinality as wanted (name, n)
		where not exists (select from identity.account where username = name)`, names).Scan(&missing)
	return missing, pg.Fault(err, "looking for demo accounts")
}

func hashAll(ctx context.Context, names []string) ([]account, error) {
	accounts := make([]account, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		group.Go(func() error {
			if ctx.Err() != nil {
				return fmt.Errorf("hashing demo passwords: %w", ctx.Err())
			}
			accounts[i] = account{name: name, hash: auth.Hash(Password(name))}
			return nil
		})
	}
	return accounts, group.Wait()
}

func insert(ctx context.Context, pool *pg.Pool, accounts []account) error {
	var names, roles, hashes []string
	for _, a := range accounts {
		names, roles, hashes = append(names, a.name), append(roles, a.roles), append(hashes, a.hash)
	}
	_, err := pool.Exec(ctx, `
		insert into identity.account (user_id, username, password_hash, roles)
		select name, name, hash, string_to_array(roles, ' ')
		from unnest($1::text[], $2::text[], $3::text[]) as demo (name, roles, hash)
		on conflict do nothing`, names, roles, hashes)
	return pg.Fault(err, "storing demo accounts")
}
