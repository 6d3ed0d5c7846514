package local

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// WithParent ends ctx when the program was started by `go run` and that one is
// gone: it passes no signal on, and everything would go on running unseen.
func WithParent(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	program, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(parent), "exe"))
	if err != nil || filepath.Base(program) != "go" {
		return ctx, cancel
	}
	go func() {
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if os.Getppid() != parent {
					cancel()
					return
				}
			}
		}
	}()
	return ctx, cancel
}

// WithInput ends ctx when in ends: when whoever holds the other side of a pipe
// lets go of it, or is gone, however that came about.
func WithInput(ctx context.Context, in io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, in) // its end is all that matters
		cancel()
	}()
	return ctx, cancel
}
