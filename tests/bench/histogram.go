package main

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	shortest = time.Microsecond
	longest  = time.Minute
	digits   = 3 // significant ones that are kept
)

// histogram is an HDR histogram of durations. It is not safe for concurrent use.
type histogram struct{ h *hdrhistogram.Histogram }

func newHistogram() *histogram {
	return &histogram{hdrhistogram.New(int64(shortest), int64(longest), digits)}
}

// add counts d; what is out of bounds counts as the bound.
func (h *histogram) add(d time.Duration) {
	_ = h.h.RecordValue(int64(min(max(d, shortest), longest)))
}

func (h *histogram) merge(other *histogram) { h.h.Merge(other.h) }

// at is the duration that q percent of what was counted do not exceed.
func (h *histogram) at(q float64) time.Duration { return time.Duration(h.h.ValueAtQuantile(q)) }
