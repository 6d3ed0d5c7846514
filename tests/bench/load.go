package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// load is what is sent, and where to.
type load struct {
	addr string
	// request makes the next request of a caller; callers are numbered from 0.
	request func(into []byte, caller int) []byte
	want    int // the status of a good answer; 0: 202
	// answered, if there, hears of each good answer. The body is good during the call.
	answered func(body []byte, at time.Time)
}

// outcome is what came of a load.
type outcome struct {
	calls   int // that were answered well
	took    time.Duration
	latency *histogram
	late    *histogram // how much after their moment the requests of an open loop were sent
}

func (o outcome) rate() float64 { return float64(o.calls) / o.took.Seconds() }

// caller is one connection of a load with what it has seen.
type caller struct {
	*connection
	load    *load
	number  int
	calls   int
	latency *histogram
	late    *histogram
	err     error
}

// call sends one request whose time counts from due.
func (c *caller) call(due time.Time) error {
	c.out = c.load.request(c.out[:0], c.number)
	status, err := c.ask()
	if err != nil {
		return err
	}
	if status != cmp.Or(c.load.want, http.StatusAccepted) {
		return fmt.Errorf("answered %d: %s", status, c.body)
	}
	now := time.Now()
	c.latency.add(now.Sub(due))
	c.calls++
	if c.load.answered != nil {
		c.load.answered(c.body, now)
	}
	return nil
}

// closed keeps n callers busy for a time: each sends when its last call is
// answered. It measures capacity; its latencies are not those of buyers.
func (l *load) closed(ctx context.Context, n int, length time.Duration) (outcome, error) {
	began := time.Now()
	over := began.Add(length)
	return l.run(ctx, n, func(c *caller) error {
		for now := time.Now(); now.Before(over) && ctx.Err() == nil; now = time.Now() {
			if err := c.call(now); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

// open sends at the moments of a Poisson process, whatever happens to what was
// sent before. A call's time counts from its moment, also when it is sent late
// because all callers wait: what a slow answer does to those behind it shows.
func (l *load) open(ctx context.Context, n int, rate float64, length time.Duration, seed uint64) (outcome, error) {
	moments := schedule(rate, length, seed)
	due := make(chan time.Time, len(moments))
	began := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(due)
		pace(ctx, began, moments, due)
	}()
	return l.run(ctx, n, func(c *caller) error {
		for at := range due {
			c.late.add(time.Since(at))
			if err := c.call(at); err != nil {
				cancel()
				return err
			}
		}
		return nil
	})
}

// schedule is when arrivals happen, from the start.
func schedule(rate float64, length time.Duration, seed uint64) []time.Duration {
	random := rand.New(rand.NewPCG(seed, 1))
	var moments []time.Duration
	for at := 0.0; ; {
		at += random.ExpFloat64() / rate
		moment := time.Duration(at * float64(time.Second))
		if moment >= length {
			return moments
		}
		moments = append(moments, moment)
	}
}

// run lets n callers do something and adds up what they have seen.
func (l *load) run(ctx context.Context, n int, do func(*caller) error) (outcome, error) {
	callers := make([]*caller, n)
	for i := range callers {
		c, err := dial(ctx, l.addr)
		if err != nil {
			return outcome{}, err
		}
		defer func() { _ = c.Close() }()
		callers[i] = &caller{connection: c, load: l, number: i, latency: newHistogram(), late: newHistogram()}
	}
	began := time.Now()
	var all sync.WaitGroup
	for _, c := range callers {
		all.Go(func() { c.err = do(c) })
	}
	all.Wait()
	sum := outcome{took: time.Since(began), latency: newHistogram(), late: newHistogram()}
	var errs []error
	for _, c := range callers {
		sum.calls += c.calls
		sum.latency.merge(c.latency)
		sum.late.merge(c.late)
		errs = append(errs, c.err)
	}
	return sum, errors.Join(errs...)
}

// counter numbers things from 1.
type counter struct{ n atomic.Int64 }

func (c *counter) next() int64 { return c.n.Add(1) }
