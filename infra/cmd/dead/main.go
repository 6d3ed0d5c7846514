// Command dead looks after what functions could not handle:
//
//	dead list [FUNCTION]                 the letters, oldest first
//	dead show SEQ                        one of them in full
//	dead redrive SEQ | --all FUNCTION    back to the function that gave it up
//	dead drop SEQ | --all FUNCTION       forget it for good
//	dead unbind FUNCTION                 delete a gone function's consumers and schedule
//
// It reads nats_url and nats_user from the environment and the secret
// nats-password from secret_mount_path, like everything else.
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

	"bazaar/infra/trigger"
	"bazaar/shared/bus"
	"bazaar/shared/config"
)

// commands is the command line.
type commands struct {
	List    list    `cmd:"" help:"List the dead letters, oldest first."`
	Show    show    `cmd:"" help:"Show one dead letter in full."`
	Redrive redrive `cmd:"" help:"Send dead letters back to the function that gave them up."`
	Drop    drop    `cmd:"" help:"Forget dead letters for good."`
	Unbind  unbind  `cmd:"" help:"Delete the consumers and the schedule of a function that is gone."`
}

// desk is what a command works with.
type desk struct {
	ctx     context.Context //nolint:containedctx // one command, one context
	letters *trigger.Letters
	out     io.Writer
}

type settings struct {
	Bus bus.Settings
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Environ(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "dead:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args, environ []string, out io.Writer) (err error) {
	var c commands
	ended := false
	parser, err := kong.New(&c, kong.Name("dead"), kong.Description("Looks after the events that functions could not handle."),
		kong.Writers(out, out), kong.Exit(func(int) { ended = true }))
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if ended { // --help was asked for and shown
		return nil
	}
	if err != nil {
		return err
	}
	s, err := config.Load[settings](environ)
	if err != nil {
		return err
	}
	b, err := bus.Open(s.Bus, "dead", nil)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if closed := b.Close(closing); err == nil {
			err = closed
		}
	}()
	if err := b.Check(ctx); err != nil {
		return fmt.Errorf("NATS at %s cannot be reached: %w", s.Bus.URL, err)
	}
	return command.Run(&desk{ctx: ctx, letters: trigger.NewLetters(b.JetStream()), out: out})
}
