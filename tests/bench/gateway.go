package main

import (
	"context"
	"time"
)

// measureGateway holds the runner's gateway against a bare reverse proxy in
// front of the same process of the same function.
func measureGateway(ctx context.Context, b *bench) (Result, error) {
	s, err := b.usual(ctx)
	if err != nil {
		return Result{}, err
	}
	function, err := s.part("empty")
	if err != nil {
		return Result{}, err
	}
	bare, stop, err := startProxy(ctx, function.Address)
	if err != nil {
		return Result{}, err
	}
	defer stop()
	all, err := s.newBuyers(connections)
	if err != nil {
		return Result{}, err
	}
	through, plain := all.idling(s.host(), "/function/empty"), all.idling(bare, "/")
	var sum contest
	for round := range 4 { // the first only warms up
		c, err := b.contend(ctx, s, through, plain, connections, 400*time.Millisecond)
		if err != nil {
			return Result{}, err
		}
		b.say("gateway %.0f/s, bare proxy %.0f/s (%.2f)", median(c.ones), median(c.others), median(c.ratios))
		if round > 0 {
			sum.join(c)
		}
	}
	return Result{Rows: []Row{{
		What:   "the runner's gateway against a bare `httputil.ReverseProxy`, in front of the same function",
		Figure: perSecond(median(sum.ones)), Baseline: perSecond(median(sum.others)),
		Ratio: median(sum.ratios), Target: atLeast(0.9),
	}}}, nil
}
