package main

import (
	"context"
	"fmt"
	"time"
)

// turns is how often what is compared takes turns within a round. They are
// short, so that a machine that is busy with something else is so for both.
const turns = 5

// contest is what was seen of two loads that took turns.
type contest struct {
	ones, others      []float64 // a second, of each turn
	ratios            []float64
	cost              float64 // processor time of a call of the other, of all processes, against that of the one
	used, otherUsed   usage   // by the one, by the other
	calls, otherCalls int     // of the one, of the other
}

// contend lets two loads take turns at n connections.
func (b *bench) contend(ctx context.Context, s *shop, one, other *load, n int, length time.Duration) (c contest, err error) {
	c.used, c.otherUsed = usage{}, usage{}
	for range turns {
		b1, o1, err := s.metered(ctx, other, n, b.long(length))
		if err != nil {
			return c, err
		}
		b2, o2, err := s.metered(ctx, one, n, b.long(length))
		if err != nil {
			return c, err
		}
		c.otherUsed.add(b1)
		c.used.add(b2)
		c.otherCalls += o1.calls
		c.calls += o2.calls
		c.others, c.ones = append(c.others, o1.rate()), append(c.ones, o2.rate())
		c.ratios = append(c.ratios, o2.rate()/o1.rate())
	}
	c.cost = perOrder(c.otherUsed.sum(), c.otherCalls) / perOrder(c.used.sum(), c.calls)
	return c, nil
}

// join adds what another round has seen; cost is the last one's.
func (c *contest) join(other contest) {
	c.ones, c.others, c.ratios = append(c.ones, other.ones...), append(c.others, other.others...), append(c.ratios, other.ratios...)
	c.calls, c.otherCalls = c.calls+other.calls, c.otherCalls+other.otherCalls
	if c.used == nil {
		c.used, c.otherUsed = usage{}, usage{}
	}
	c.used.add(other.used)
	c.otherUsed.add(other.otherUsed)
}

// measureAccept holds the acceptance of orders against the function that does
// nothing, and against the pace at which reserve-stock empties the queue. While
// orders are accepted reserve-stock stands still, so that the queue only fills;
// then it goes on, and nothing else does.
func measureAccept(ctx context.Context, b *bench) (Result, error) {
	s, err := b.usual(ctx)
	if err != nil {
		return Result{}, err
	}
	var filling contest
	var empty, accepts, drains, drainRatios, costs []float64
	for round := range 6 { // the first only warms up
		c, drain, err := b.fillAndDrain(ctx, s, (*buyers).nothing)
		if err != nil {
			return Result{}, err
		}
		rate := median(c.ones)
		b.say("empty %.0f/s, accepted %.0f/s (%.2f, by processor time %.2f), reserved %.0f/s", median(c.others), rate, median(c.ratios), c.cost, drain)
		if round > 0 {
			filling.join(c)
			empty, accepts, drains = append(empty, median(c.others)), append(accepts, rate), append(drains, drain)
			drainRatios, costs = append(drainRatios, drain/rate), append(costs, c.cost)
		}
	}
	same, err := b.acceptAgainstTheSame(ctx, s)
	if err != nil {
		return Result{}, err
	}
	together, err := b.acceptTogether(ctx, s)
	if err != nil {
		return Result{}, err
	}
	b.accepts = median(together.ones)
	nothing := perSecond(median(filling.others))
	return Result{
		Rows: []Row{{
			What:   "orders accepted (durable in the queue, 202) against a function that does nothing, 64 connections",
			Figure: perSecond(median(filling.ones)), Baseline: nothing, Ratio: median(filling.ratios), Target: atLeast(0.5),
		}, {
			What:   "the same by processor time of all processes a call, the load generator's with it",
			Figure: inMicroseconds(filling.used.sum(), filling.calls), Baseline: inMicroseconds(filling.otherUsed.sum(), filling.otherCalls), Ratio: median(costs),
		}, {
			What:   "orders accepted against the function that does nothing, but takes the same body and answers in the same size",
			Figure: perSecond(median(same.ones)), Baseline: perSecond(median(same.others)), Ratio: median(same.ratios),
		}, {
			What:   "the same by processor time",
			Figure: inMicroseconds(same.used.sum(), same.calls), Baseline: inMicroseconds(same.otherUsed.sum(), same.otherCalls),
			Ratio: perOrder(same.otherUsed.sum(), same.otherCalls) / perOrder(same.used.sum(), same.calls),
		}, {
			What:   "orders accepted while reserve-stock works on the queue, on the same cores, against the function that does nothing",
			Figure: perSecond(median(together.ones)), Baseline: perSecond(median(together.others)), Ratio: median(together.ratios),
		}, {
			What:   "orders written and reserved from a full queue against orders accepted",
			Figure: perSecond(median(drains)), Baseline: perSecond(median(accepts)), Ratio: median(drainRatios), Target: atLeast(1),
		}},
		Tables: []Table{acceptTable(filling)},
		Plots:  []Plot{roundsPlot(empty, accepts, drains)},
	}, nil
}

// acceptTable is where the processor time of an accepted order goes.
func acceptTable(c contest) Table {
	t := Table{
		Title: "Processor time of an accepted order, by process, while the queue only fills",
		Head:  []string{"process", "µs an order", "µs a call that does nothing"},
	}
	for _, name := range c.used.names() {
		order, nothing := perOrder(c.used[name], c.calls), perOrder(c.otherUsed[name], c.otherCalls)
		if order >= 0.5 || nothing >= 0.5 {
			t.Rows = append(t.Rows, []string{name, fmt.Sprintf("%.0f", order), fmt.Sprintf("%.0f", nothing)})
		}
	}
	return t
}

// fillAndDrain is one round: the queue fills while reserve-stock stands still,
// then it is drained.
func (b *bench) fillAndDrain(ctx context.Context, s *shop, baseline func(*buyers) *load) (c contest, drain float64, err error) {
	all, err := s.newBuyers(connections)
	if err != nil {
		return c, 0, err
	}
	if err := s.hold(true); err != nil {
		return c, 0, err
	}
	c, err = b.contend(ctx, s, all.ordering(), baseline(all), connections, 400*time.Millisecond)
	if woken := s.hold(false); err == nil {
		err = woken
	}
	if err != nil {
		return c, 0, err
	}
	samples, err := all.drained(ctx, c.calls)
	return c, speed(samples), err
}

// acceptAgainstTheSame holds accepting against a function that does all that
// the door and the gateway do for an order.
func (b *bench) acceptAgainstTheSame(ctx context.Context, s *shop) (sum contest, err error) {
	for range 2 {
		c, _, err := b.fillAndDrain(ctx, s, (*buyers).echoing)
		if err != nil {
			return sum, err
		}
		sum.join(c)
	}
	return sum, nil
}

// acceptTogether is the pace of accepting while reserve-stock works.
func (b *bench) acceptTogether(ctx context.Context, s *shop) (sum contest, err error) {
	for range 2 {
		all, err := s.newBuyers(connections)
		if err != nil {
			return sum, err
		}
		c, err := b.contend(ctx, s, all.ordering(), all.nothing(), connections, 400*time.Millisecond)
		if err != nil {
			return sum, err
		}
		if _, err := all.drained(ctx, c.calls); err != nil {
			return sum, err
		}
		sum.join(c)
	}
	return sum, nil
}

// acceptRate measures the accept rate where it is not known yet: what is accepted
// while reserve-stock works on the queue, since that is what goes on for hours.
func (b *bench) acceptRate(ctx context.Context, s *shop) (float64, error) {
	if b.accepts == 0 {
		together, err := b.acceptTogether(ctx, s)
		if err != nil {
			return 0, err
		}
		b.accepts = median(together.ones)
	}
	return b.accepts, nil
}
