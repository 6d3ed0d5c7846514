package main

import (
	"fmt"
	"slices"
	"time"
)

// median is the middle one, 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

func perSecond(rate float64) string { return fmt.Sprintf("%.0f/s", rate) }

// inMicroseconds is the processor time of one call.
func inMicroseconds(used time.Duration, calls int) string {
	return fmt.Sprintf("%.0f µs", perOrder(used, calls))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func inMilliseconds(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.2f ms", milliseconds(d))
	}
	return fmt.Sprintf("%.0f ms", milliseconds(d))
}

// Target is what a ratio should be. The zero Target asks for nothing.
type Target struct{ least, most float64 }

func atLeast(ratio float64) Target { return Target{least: ratio} }
func atMost(ratio float64) Target  { return Target{most: ratio} }

func (t Target) String() string {
	switch {
	case t.least > 0:
		return fmt.Sprintf("≥ %g", t.least)
	case t.most > 0:
		return fmt.Sprintf("≤ %g", t.most)
	}
	return "—"
}

// met says whether a ratio is as it should be, or nothing where none is asked for.
func (t Target) met(ratio float64) string {
	switch {
	case t == Target{}:
		return ""
	case ratio >= t.least && (t.most == 0 || ratio <= t.most):
		return "yes"
	}
	return "**no**"
}
