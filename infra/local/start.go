package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"bazaar/infra/local/gateway"
	"bazaar/infra/local/secret"
)

const (
	upstreamMargin = 5 * time.Second // the gateway waits that much longer than any function works
	shutdownMargin = time.Second     // what net/http may take to notice that its connections have ended
)

// start builds and starts everything in the order in which it is needed.
func (r *runner) start(ctx context.Context) error {
	if err := r.startStores(ctx); err != nil {
		return err
	}
	if err := r.startGateway(ctx); err != nil {
		return err
	}
	var all []*keeper
	for _, f := range r.functions {
		f.scale(ctx, max(1, r.options.Replicas[f.Spec.Name]))
		all = append(all, f.keepers()...)
	}
	r.screen.pass("starting %s", counted(len(all), "function"))
	if err := waitAll(ctx, all); err != nil || r.options.Bare {
		return err
	}
	// Who calls functions comes last: there is nobody to call before.
	if err := r.startServices(ctx); err != nil {
		return err
	}
	return waitAll(ctx, slices.Concat(r.callers, r.called))
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// startStores builds the programs while PostgreSQL and Redis start, then starts
// NATS, which is one of the programs, and applies the schema.
func (r *runner) startStores(ctx context.Context) error {
	if r.options.Bare {
		return r.builder.build(ctx)
	}
	if err := r.install(ctx); err != nil {
		return err
	}
	if err := clearStale(r.stores.postgres.Dir + "/data"); err != nil {
		return err
	}
	together, both := errgroup.WithContext(ctx)
	together.Go(func() error { return r.builder.build(both) })
	for _, s := range r.stores.all[:2] {
		together.Go(func() error { return s.start(both) })
	}
	if err := together.Wait(); err != nil {
		return err
	}
	r.stores.nats.Binary = r.programs["nats"]
	if err := r.stores.all[2].start(ctx); err != nil {
		return err
	}
	r.screen.pass("applying the schema")
	if err := r.migrate(ctx); err != nil {
		return err
	}
	return r.loadDemo(ctx)
}

// migrate runs the program that makes the schema and the streams.
func (r *runner) migrate(ctx context.Context) error {
	mounted, err := r.secrets.Mount("migrate", []string{"postgres-password", "nats-password"})
	if err != nil {
		return err
	}
	log, err := r.logFile("migrate")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, r.programs["migrate"])
	cmd.Env = environ(r.storesEnvironment(), map[string]string{"secret_mount_path": mounted})
	out, err := cmd.CombinedOutput()
	_, _ = log.Write(out)
	if err != nil {
		return fmt.Errorf("applying the schema: %w:\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (r *runner) startGateway(ctx context.Context) error {
	password, err := r.secrets.Read("basic-auth-password")
	if err != nil {
		return err
	}
	log, err := r.gatewayLog()
	if err != nil {
		return err
	}
	chat, err := r.chat()
	if err != nil {
		return err
	}
	var behind []*gateway.Function
	byName := map[string]*function{}
	for _, spec := range r.stack.All() {
		journal, err := r.journal(spec.Name)
		if err != nil {
			return err
		}
		f := &function{Function: &gateway.Function{Spec: spec, Journal: journal, Created: time.Now()}, runner: r, program: r.programs[spec.Name]}
		r.functions, behind = append(r.functions, f), append(behind, f.Function)
		byName[spec.Name] = f
	}
	r.gateway = gateway.New(gateway.Settings{
		User: secret.User, Password: password, Secrets: r.secrets, Log: log, Timeout: r.maxExec() + upstreamMargin, Chat: chat,
		Scale: func(name string, n int) error {
			byName[name].scale(ctx, n)
			return nil
		},
	}, behind...)
	r.server = &http.Server{
		Handler: r.gateway, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: r.maxExec() + upstreamMargin, IdleTimeout: 2 * time.Minute,
	}
	go func() {
		if err := r.server.Serve(r.listener); !errors.Is(err, http.ErrServerClosed) {
			r.failed <- fmt.Errorf("serving on %s: %w", r.options.Listen, err)
		}
	}()
	return nil
}

func (r *runner) startServices(ctx context.Context) error {
	paysim, err := r.paysim(r.programs["paysim"])
	if err != nil {
		return err
	}
	trigger, err := r.trigger(r.programs["trigger"])
	if err != nil {
		return err
	}
	connectors, err := r.connectors()
	if err != nil {
		return err
	}
	r.callers, r.called = append(connectors, trigger), []*keeper{paysim}
	for _, k := range slices.Concat(r.callers, r.called) {
		k.start(ctx)
	}
	return nil
}

// end stops what was started, the callers before what they call.
func (r *runner) end(ctx context.Context) error {
	var errs []error
	if r.server != nil {
		r.screen.pass("stopping")
	}
	endAll(r.callers)
	if r.server != nil {
		r.gateway.Close()
		// As long as a call may take that runs when everything ends.
		ctx, cancel := context.WithTimeout(ctx, r.maxExec()+upstreamMargin+shutdownMargin)
		defer cancel()
		if err := r.server.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("calls were cut off: %w", err), r.server.Close())
		}
	}
	rest := slices.Clone(r.called)
	for _, f := range r.functions {
		rest = append(rest, f.keepers()...)
	}
	endAll(rest)
	if r.stores != nil {
		errs = append(errs, r.stores.end(ctx))
	}
	if r.server != nil {
		kept := "the data is kept"
		if r.options.Forget {
			kept = "the data is forgotten"
		}
		r.screen.say("stopped; %s", kept)
	}
	return errors.Join(errs...)
}

// end stops the servers at the same time.
func (s *stores) end(ctx context.Context) error {
	errs := make([]error, len(s.all))
	var all sync.WaitGroup
	for i, one := range s.all {
		all.Go(func() { errs[i] = one.end(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// close lets go of the folder.
func (r *runner) close() {
	if r.listener != nil {
		_ = r.listener.Close()
	}
	for _, log := range r.logs {
		_ = log.Close()
	}
	if r.folder != nil {
		r.board.remove()
		_ = r.folder.close()
	}
}
