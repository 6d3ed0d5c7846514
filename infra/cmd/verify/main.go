// Command verify holds a shop against everything that must be true of it, at any
// time and under any load, and shows what waits and what needs a person:
//
//	verify                          the rules that hold at any time
//	verify --settled                also those of a shop that has come to rest
//	verify --settled --patience 5m  where that takes longer
//	verify --json                   the same for a program
//
// It only reads: PostgreSQL in one snapshot, NATS where nats_url is set. Like the
// functions it takes pg_url, nats_url, nats_user, token_ttl and order_close_grace
// from the environment, and the secrets postgres-password and nats-password from
// secret_mount_path.
//
// It ends with 0 when all rules hold, with 1 when one is broken, with 2 when it
// could not look. A dead letter breaks a rule when its event was in order and
// something failed at every attempt; one that died of what it is (invalid,
// denied, mismatch, too_large) is shown and breaks none. Neither does what waits,
// but with --settled what has waited for longer than the patience.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5"

	"bazaar/infra/invariant"
	"bazaar/shared/bus"
	"bazaar/shared/config"
	"bazaar/shared/pg"
)

// flags are the command line.
type flags struct {
	Settled  bool          `help:"Check the rules that hold when all is settled, too."`
	Patience time.Duration `default:"2m" help:"For how long something may wait in a settled shop."`
	JSON     bool          `name:"json" help:"Print JSON."`
}

type settings struct {
	PG pg.Settings
	// TokenTTL and CloseGrace are those of issue-token and settle-order.
	TokenTTL   time.Duration `env:"token_ttl" envDefault:"10m"`
	CloseGrace time.Duration `env:"order_close_grace" envDefault:"60s"`
}

type busSettings struct {
	Bus bus.Settings
}

// The exit codes besides 0.
const (
	broken  = 1
	unknown = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	held, err := run(ctx, os.Args[1:], os.Environ(), os.Stdout)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(unknown)
	case !held:
		os.Exit(broken)
	}
}

// run reports whether every rule holds.
func run(ctx context.Context, args, environ []string, out io.Writer) (held bool, err error) {
	var f flags
	ended := false
	parser, err := kong.New(&f, kong.Name("verify"), kong.Description("Holds a shop against everything that must be true of it."),
		kong.Writers(out, out), kong.Exit(func(int) { ended = true }))
	if err != nil {
		return false, fmt.Errorf("making the command line: %w", err)
	}
	_, err = parser.Parse(args)
	if ended { // --help was asked for and shown
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the command line: %w", err)
	}
	r, err := look(ctx, f, environ)
	if err != nil {
		return false, err
	}
	print := r.text
	if f.JSON {
		print = r.json
	}
	if err := print(out); err != nil {
		return false, fmt.Errorf("printing the report: %w", err)
	}
	return r.held(), nil
}

// look asks the stores.
func look(ctx context.Context, f flags, environ []string) (report, error) {
	r := report{At: time.Now().UTC()}
	s, err := config.Load[settings](environ)
	if err != nil {
		return r, err
	}
	terms := invariant.Terms{TokenTTL: s.TokenTTL, CloseGrace: s.CloseGrace, Patience: f.Patience}
	if err := r.store(ctx, s.PG, terms, f.Settled); err != nil {
		return r, err
	}
	if !slices.ContainsFunc(environ, func(e string) bool { return strings.HasPrefix(e, "nats_url=") }) {
		r.Unseen = append(r.Unseen, "NATS: nats_url is not set")
		return r, nil
	}
	b, err := config.Load[busSettings](environ)
	if err != nil {
		return r, err
	}
	return r, r.bus(ctx, b.Bus, terms, f.Settled)
}

// store holds PostgreSQL against the rules and takes the figures, all of one moment.
func (r *report) store(ctx context.Context, s pg.Settings, t invariant.Terms, settled bool) error {
	pool, err := pg.Open(s, "verify", nil)
	if err != nil {
		return err
	}
	defer pool.Close()
	rules := invariant.Always(t)
	if settled {
		rules = invariant.Rules(t)
	}
	err = invariant.Snapshot(ctx, pool, func(tx pgx.Tx) (err error) {
		if r.Findings, err = invariant.Examine(ctx, tx, rules); err != nil {
			return err
		}
		if r.Underway, err = invariant.Underway(ctx, tx); err != nil {
			return err
		}
		r.Unresolved, err = invariant.Unresolved(ctx, tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("looking into PostgreSQL: %w", err)
	}
	return nil
}
