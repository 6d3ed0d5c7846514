// Command roles gives accounts their roles and takes them away:
//
//	roles grant USER ROLE    in tokens from the next sign-in or refresh on
//	roles take USER ROLE     and ends the user's sessions: tokens with the role end within 5 s
//
// It reads pg_url from the environment and the secret postgres-password from
// secret_mount_path, like everything else.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"bazaar/shared/config"
	"bazaar/shared/identity"
	"bazaar/shared/pg"
)

const (
	// revokeFor is far longer than any access token lives, so that nobody has to
	// say here what token_ttl is elsewhere.
	revokeFor = 24 * time.Hour
	patience  = 30 * time.Second
)

// command is the command line.
type command struct {
	Verb string `arg:"" enum:"grant,take" help:"grant or take."`
	User string `arg:"" help:"User id."`
	Role string `arg:"" enum:"admin,warehouse" help:"admin or warehouse."`
}

type settings struct {
	PG pg.Settings
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Environ(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "roles:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args, environ []string, out io.Writer) error {
	var c command
	ended := false
	parser, err := kong.New(&c, kong.Name("roles"), kong.Description("Gives accounts their roles and takes them away."),
		kong.Writers(out, out), kong.Exit(func(int) { ended = true }))
	if err != nil {
		return err
	}
	if _, err = parser.Parse(args); ended { // --help was asked for and shown
		return nil
	}
	if err != nil {
		return err
	}
	s, err := config.Load[settings](environ)
	if err != nil {
		return err
	}
	pool, err := pg.Open(s.PG, "roles", nil)
	if err != nil {
		return err
	}
	defer pool.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.do(ctx, identity.NewStore(pool, identity.Settings{}, revokeFor), out)
}

func (c command) do(ctx context.Context, store *identity.Store, out io.Writer) error {
	if c.Verb == "grant" {
		if err := store.GiveRole(ctx, c.User, c.Role); err != nil {
			return fmt.Errorf("giving %s to %s: %w", c.Role, c.User, err)
		}
		_, err := fmt.Fprintf(out, "%s has the role %s, in tokens from the next sign-in or refresh on\n", c.User, c.Role)
		return err
	}
	ended, err := store.TakeRole(ctx, c.User, c.Role)
	if err != nil {
		return fmt.Errorf("taking %s from %s: %w", c.Role, c.User, err)
	}
	_, err = fmt.Fprintf(out, "%s does not have the role %s; sessions ended: %d\n", c.User, c.Role, ended)
	return err
}
