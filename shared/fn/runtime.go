package fn

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"bazaar/shared/telemetry"
)

// Runtime is what a function is given while it is assembled. Its methods are
// for Assemble only, not for steps.
type Runtime struct {
	Name      string
	Settings  Settings
	Telemetry *telemetry.Telemetry
	Log       *slog.Logger // names the function in every line

	ctx    context.Context
	cancel context.CancelFunc
	loops  sync.WaitGroup
	stops  []stop
	stores *stores
}

type stop struct {
	name string
	run  func(context.Context) error
}

func (s stop) guarded(ctx context.Context) (err error) {
	defer recovered(&err)
	return s.run(ctx)
}

// stopTimeout bounds everything that runs after the last call has ended.
const stopTimeout = 5 * time.Second

func newRuntime(name string, s Settings, tel *telemetry.Telemetry) *Runtime {
	ctx, cancel := context.WithCancel(context.Background())
	log := tel.Log.With("function", name)
	return &Runtime{Name: name, Settings: s, Telemetry: tel, Log: log, ctx: ctx, cancel: cancel, stores: newStores(log)}
}

// OnStop has f run when the last call and the last loop have ended, the latest
// registered first. All of them share 5 s.
func (r *Runtime) OnStop(name string, f func(context.Context) error) {
	r.stops = append(r.stops, stop{name, f})
}

// Go runs loop in the background until the last call has ended, then cancels
// its context and waits for it. A loop that panics is logged and started again
// after a second.
func (r *Runtime) Go(name string, loop func(ctx context.Context)) {
	r.loops.Go(func() {
		for !r.survive(name, loop) {
			again := time.NewTimer(time.Second)
			select {
			case <-r.ctx.Done():
				again.Stop()
				return
			case <-again.C:
			}
		}
	})
}

// survive runs loop and reports whether it ended by itself.
func (r *Runtime) survive(name string, loop func(ctx context.Context)) (ended bool) {
	defer func() {
		if p := recover(); p != nil {
			r.Log.Error("loop panicked", "loop", name, "error", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	loop(r.ctx)
	return true
}

// Report has the state of a store shown in the body of /_/ready and in the
// metric store_up. It never makes the function unready. check gets a second and
// must heed its context.
func (r *Runtime) Report(name string, check func(context.Context) error) { r.stores.add(name, check) }

// close ends the loops, runs what OnStop registered, and sends the last spans.
func (r *Runtime) close() {
	r.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	ended := make(chan struct{})
	go func() { r.loops.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		r.Log.Warn("a loop did not end", "within", stopTimeout.String())
	}
	for _, s := range slices.Backward(r.stops) {
		if err := s.guarded(ctx); err != nil {
			r.Log.Warn("stopping", "what", s.name, "error", err.Error())
		}
	}
	if err := r.Telemetry.Shutdown(ctx); err != nil {
		r.Log.Warn("stopping", "what", "telemetry", "error", err.Error())
	}
}
