//go:build !linux

package main

import (
	"context"
	"time"
)

// pace gives each moment to due when it has come.
func pace(ctx context.Context, began time.Time, moments []time.Duration, due chan<- time.Time) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for _, m := range moments {
		timer.Reset(time.Until(began.Add(m)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		due <- began.Add(m)
	}
}
