package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/order"
)

const (
	openCallers   = 256 // who may wait for an answer at the same time in an open loop
	latencyRounds = 5
	// warmUp is for the first touch of each page since the checkpoint, which
	// writes the whole page into the log: after it this is rare.
	warmUp = 30 * time.Second
)

// watch keeps when orders were accepted, as their buyer saw it, and when they
// were reserved, as whoever listens for the event sees it.
type watch struct {
	mu       sync.Mutex
	accepted map[string]time.Time
	reserved map[string]time.Time
	broken   error
}

func (w *watch) accept(body []byte, at time.Time) {
	id, ok := orderID(body)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !ok {
		w.broken = fmt.Errorf("an answer without an order: %s", body)
		return
	}
	w.accepted[id] = at
}

// orderID reads {"order_id":"<uuid>", … without the cost of a decoder.
func orderID(body []byte) (string, bool) {
	const head, length = `{"order_id":"`, 36
	if len(body) < len(head)+length || string(body[:len(head)]) != head {
		return "", false
	}
	return string(body[len(head) : len(head)+length]), true
}

func (w *watch) reserve(m *nats.Msg) {
	at := time.Now()
	events, err := event.DecodeBatch(m.Data)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.broken = err
		return
	}
	for _, e := range events {
		if _, known := w.reserved[e.Subject]; !known {
			w.reserved[e.Subject] = at
		}
	}
}

// delays are the times from 202 to reserved, when all that was accepted is
// reserved. An order may be reserved before its buyer has read the answer.
func (w *watch) delays() (*histogram, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := newHistogram()
	for id, from := range w.accepted {
		to, ok := w.reserved[id]
		if !ok {
			return nil, false, w.broken
		}
		h.add(to.Sub(from))
	}
	return h, true, w.broken
}

// steady is what an open loop at a rate has shown.
type steady struct {
	accept, reserve, late *histogram
	orders                int
	used                  usage
}

func newSteady() *steady {
	return &steady{accept: newHistogram(), reserve: newHistogram(), late: newHistogram(), used: usage{}}
}

func (s *steady) add(other *steady) {
	s.accept.merge(other.accept)
	s.reserve.merge(other.reserve)
	s.late.merge(other.late)
	s.orders += other.orders
	s.used.add(other.used)
}

// steady sends orders at a rate and follows each until it is reserved.
func (s *shop) steady(ctx context.Context, rate float64, length time.Duration, seed uint64) (*steady, error) {
	all, err := s.newBuyers(openCallers)
	if err != nil {
		return nil, err
	}
	queue, err := bus.Open(s.NATS, "bench", nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = queue.Close(ctx) }()
	w := &watch{accepted: map[string]time.Time{}, reserved: map[string]time.Time{}}
	if _, err := queue.Conn().Subscribe(order.Reserved, w.reserve); err != nil {
		return nil, fmt.Errorf("listening for reserved orders: %w", err)
	}
	if err := queue.Conn().FlushTimeout(answerWithin); err != nil {
		return nil, fmt.Errorf("listening for reserved orders: %w", err)
	}
	before, err := s.usage()
	if err != nil {
		return nil, err
	}
	l := all.ordering()
	l.answered = w.accept
	out, err := l.open(ctx, openCallers, rate, length, seed)
	if err != nil {
		return nil, err
	}
	reserve, err := w.settled(ctx)
	if err != nil {
		return nil, err
	}
	after, err := s.usage()
	if err != nil {
		return nil, err
	}
	return &steady{accept: out.latency, reserve: reserve, late: out.late, orders: out.calls, used: after.since(before)}, nil
}

// nothing is what the same rate of calls costs that do nothing: a machine that
// wakes up for each call pays for that too, and less often when it is busy.
func (s *shop) nothing(ctx context.Context, rate float64, length time.Duration, seed uint64) (*steady, error) {
	all, err := s.newBuyers(openCallers)
	if err != nil {
		return nil, err
	}
	before, err := s.usage()
	if err != nil {
		return nil, err
	}
	out, err := all.nothing().open(ctx, openCallers, rate, length, seed)
	if err != nil {
		return nil, err
	}
	after, err := s.usage()
	if err != nil {
		return nil, err
	}
	return &steady{accept: out.latency, reserve: newHistogram(), late: out.late, orders: out.calls, used: after.since(before)}, nil
}

// settled waits until every accepted order is reserved.
func (w *watch) settled(ctx context.Context) (*histogram, error) {
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	again := time.NewTicker(sampleEvery)
	defer again.Stop()
	for {
		h, all, err := w.delays()
		if err != nil || all {
			return h, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("not every accepted order was reserved: %w", ctx.Err())
		}
	}
}

// measureLatency sends orders at half of what is accepted for long, to a system
// whose tables are nearly empty and to one that has a million orders, in turns.
func measureLatency(ctx context.Context, b *bench) (Result, error) {
	small, err := b.usual(ctx)
	if err != nil {
		return Result{}, err
	}
	top, err := b.acceptRate(ctx, small)
	if err != nil {
		return Result{}, err
	}
	full, err := b.shop(ctx, "million", nil)
	if err != nil {
		return Result{}, err
	}
	b.say("putting %d orders into the tables", b.options.Million)
	if err := full.history(ctx, b.options.Million); err != nil {
		return Result{}, err
	}
	for _, s := range []*shop{small, full} {
		if err := s.checkpoint(ctx); err != nil {
			return Result{}, err
		}
	}
	pair, idle := []*steady{newSteady(), newSteady()}, newSteady()
	rounds := make([]ratios, 0, latencyRounds)
	for round := range latencyRounds + 1 { // the first only warms up
		var seen [2]*steady
		length := 5 * time.Second
		if round == 0 {
			length = warmUp
		}
		for i, s := range []*shop{small, full} {
			if seen[i], err = s.steady(ctx, top/2, b.long(length), uint64(round)); err != nil {
				return Result{}, err
			}
			b.say("%s: accept p50 %s p99 %s, reserved p50 %s p99 %s, sent late p99 %s", []string{"few orders", "many orders"}[i],
				inMilliseconds(seen[i].accept.at(50)), inMilliseconds(seen[i].accept.at(99)),
				inMilliseconds(seen[i].reserve.at(50)), inMilliseconds(seen[i].reserve.at(99)), inMilliseconds(seen[i].late.at(99)))
		}
		lull, err := small.nothing(ctx, top/2, b.long(2*time.Second), uint64(round))
		if err != nil {
			return Result{}, err
		}
		if round > 0 {
			idle.add(lull)
			pair[0].add(seen[0])
			pair[1].add(seen[1])
			rounds = append(rounds, compare(seen[1], seen[0]))
		}
	}
	return latencyResult(top/2, b.options.Million, pair[0], pair[1], idle, rounds), b.end("million")
}

// ratios are the figures of a full system against those of an empty one.
type ratios struct{ accept50, accept99, reserve50, reserve99 float64 }

func compare(full, small *steady) ratios {
	of := func(a, b *histogram, q float64) float64 { return float64(a.at(q)) / float64(b.at(q)) }
	return ratios{
		of(full.accept, small.accept, 50), of(full.accept, small.accept, 99),
		of(full.reserve, small.reserve, 50), of(full.reserve, small.reserve, 99),
	}
}
