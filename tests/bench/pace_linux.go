package main

import (
	"context"
	"runtime"
	"syscall"
	"time"
)

// pace gives each moment to due when it has come. The kernel's own timer keeps
// it: one of Go's may be a millisecond late on an idle machine.
func pace(ctx context.Context, began time.Time, moments []time.Duration, due chan<- time.Time) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, m := range moments {
		at := began.Add(m)
		if wait := time.Until(at); wait > 0 {
			ts := syscall.NsecToTimespec(int64(wait))
			_ = syscall.Nanosleep(&ts, nil) // cut short by a signal, it is early once
		}
		if ctx.Err() != nil {
			return
		}
		due <- at
	}
}
