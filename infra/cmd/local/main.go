// Command local runs the whole house on one machine:
//
//	local up      start everything and keep it running until Ctrl-C
//	local reset   forget the data, the secrets and the logs
//
// What it says goes to stderr. When every function answers it prints the line
// `ready` on stdout, unless that is a terminal: there it shows what to do next.
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

	"bazaar/infra/local"
	"bazaar/shared/leak"
)

// commands is the command line.
type commands struct {
	Up    up    `cmd:"" help:"Start everything and keep it running until Ctrl-C."`
	Reset reset `cmd:"" help:"Forget the data, the secrets and the logs."`
}

type up struct {
	Dir          string        `default:".local" help:"Folder of everything that is kept."`
	Listen       string        `default:"127.0.0.1:8080" help:"Address of the gateway; port 0 takes a free one."`
	Stack        string        `default:"stack.yml" help:"The stack file."`
	Buyers       int           `default:"1000" help:"How many demo buyers there are at least."`
	Connectors   int           `default:"1" help:"How many processes hold the sockets of the chat; 0 leaves the chat out."`
	Replicas     []string      `sep:"none" placeholder:"NAME=N" help:"Processes behind a function's name; may be repeated."`
	Set          []string      `sep:"none" placeholder:"NAME.VARIABLE=VALUE" help:"Environment of a function, of trigger, connector or paysim, above the stack file's; may be repeated."`
	PaysimClock  float64       `default:"60" help:"How many times faster than real the simulated provider notifies again."`
	LongestPause time.Duration `default:"15s" help:"Longest pause before a program that dies again and again is started."`
	Race         bool          `help:"Build with the race detector."`
	Tags         string        `help:"Build with these build tags, separated by commas."`
	NoInstall    bool          `help:"Install no missing server."`
	Bin          string        `help:"Folder of the programs that are built; several runners may share it (default: bin in --dir)."`
	Forget       bool          `help:"Forget everything when it ends."`
	UntilEOF     bool          `name:"until-eof" help:"Stop when the standard input ends: for tests and scripts, which may die."`
	Bare         bool          `help:"Functions and gateway only; the variable STORES names the file that says where the stores are."`
}

type reset struct {
	Dir string `default:".local" help:"The folder to forget."`
}

// streams are where a command writes: results, and what it is doing.
type streams struct{ out, progress *os.File }

func main() {
	signal.Ignore(syscall.SIGPIPE) // who watched may be gone: what was started must still be stopped in order
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends us at once, and the kernel what we started
	ctx, cancel := local.WithParent(ctx)
	err := run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr})
	cancel()
	stop()
	leak.Check("local")
	if err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, s streams) error {
	var c commands
	helped := false
	parser, err := kong.New(&c, kong.Name("local"), kong.Description("Runs the whole house on one machine."),
		kong.Writers(s.out, s.progress), kong.Exit(func(int) { helped = true }), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if helped {
		return nil
	}
	if err != nil {
		return err
	}
	return command.Run(s)
}

// Run starts everything and returns when ctx has ended and everything has stopped.
func (u *up) Run(ctx context.Context, s streams) error {
	o := local.Options{
		Dir: u.Dir, Listen: u.Listen, Stack: u.Stack, Buyers: u.Buyers, Connectors: u.Connectors, PaysimClock: u.PaysimClock,
		Bin: u.Bin, Race: u.Race, Tags: u.Tags, NoInstall: u.NoInstall, LongestPause: u.LongestPause, Forget: u.Forget, Bare: u.Bare,
	}
	for _, text := range u.Replicas {
		if err := o.ParseReplicas(text); err != nil {
			return fmt.Errorf("--replicas: %w", err)
		}
	}
	for _, text := range u.Set {
		if err := o.ParseSet(text); err != nil {
			return fmt.Errorf("--set: %w", err)
		}
	}
	if u.UntilEOF {
		var cancel context.CancelFunc
		ctx, cancel = local.WithInput(ctx, os.Stdin)
		defer cancel()
	}
	return local.Up(ctx, o, s.progress, func(system local.System) {
		if local.IsTerminal(s.out) {
			system.Table(s.out)
			return
		}
		system.Table(s.progress)
		_, _ = io.WriteString(s.out, "ready\n") // nobody may be listening any more
	})
}

// Run forgets what is kept.
func (r *reset) Run(s streams) error {
	removed, err := local.Reset(r.Dir)
	for _, path := range removed {
		fmt.Fprintln(s.progress, "removed", path)
	}
	if err == nil && len(removed) == 0 {
		fmt.Fprintln(s.progress, "there is nothing in", r.Dir)
	}
	return err
}
