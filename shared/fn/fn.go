// Package fn is the whole runtime of a function: it fulfils the OpenFaaS
// workload contract itself, with no watchdog process between the gateway and
// the code, and it owns the doors that say who may call.
//
// A function's main is a call of Main; its steps are methods that Step makes
// into the handler type of OpenFaaS's templates. A step sees a Call and its
// decoded input, and answers a Reply or an error; it sees no HTTP type.
//
// The package knows no store and no domain. It does not retry, does not cache,
// and does not route between functions.
package fn

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"bazaar/shared/config"
	"bazaar/shared/leak"
	"bazaar/shared/telemetry"
)

// Assemble builds a function from its settings and says what it serves. It must
// not dial: a store may come later than the function. ctx ends when the last
// call has ended.
type Assemble[S any] func(ctx context.Context, run *Runtime, s *S) (Routes, error)

// Main is the main of the function called name. It reads Settings and an S from
// the environment and the secret files, assembles the function and serves it
// until SIGTERM or SIGINT; then it drains and ends the process with status 0.
// What keeps it from serving is one line on standard error and status 1.
func Main[S any](name string, assemble func(ctx context.Context, run *Runtime, s *S) (Routes, error)) {
	// Signals after the first are swallowed: a terminal's Ctrl-C reaches the whole
	// process group, and a parent passes it on; the second must not cut the drain.
	stop, release := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(stop, name, os.Environ(), os.Stderr, assemble, nil)
	release()
	leak.Check(name)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// run is Main without the process: it serves until stop ends. started, when not
// nil, is told where the function listens.
func run[S any](stop context.Context, name string, environ []string, out io.Writer, assemble Assemble[S], started func(addresses)) error {
	s, err := config.Load[Settings](environ)
	if err != nil {
		return err
	}
	own, err := config.Load[S](environ)
	if err != nil {
		return err
	}
	tel, err := telemetry.Start(stop, name, s.Telemetry, out)
	if err != nil {
		return err
	}
	r := newRuntime(name, s, tel)
	routes, err := assemble(r.ctx, r, &own)
	if err != nil {
		r.close()
		return fmt.Errorf("assembling: %w", err)
	}
	return r.serve(stop, routes, started)
}
