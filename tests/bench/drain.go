package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/order"
)

// Orders in a queue that is to be drained: about two seconds' worth of each.
const (
	batched = 15_000
	single  = 1_500
)

// measureDrain holds reserve-stock, called with up to 256 orders for one
// transaction, against itself called with one.
func measureDrain(ctx context.Context, b *bench) (Result, error) {
	many, err := b.usual(ctx)
	if err != nil {
		return Result{}, err
	}
	one, err := b.shop(ctx, "single", oneByOne)
	if err != nil {
		return Result{}, err
	}
	var fast, slow, ratios []float64
	var curves [2][]sample
	for round := range 4 { // the first only warms up
		full, err := b.drain(ctx, many, int(batched*b.options.Scale))
		if err != nil {
			return Result{}, err
		}
		alone, err := b.drain(ctx, one, int(single*b.options.Scale))
		if err != nil {
			return Result{}, err
		}
		b.say("up to 256 a transaction %.0f/s, one %.0f/s", speed(full), speed(alone))
		if round > 0 {
			fast, slow = append(fast, speed(full)), append(slow, speed(alone))
			ratios = append(ratios, speed(full)/speed(alone))
			curves = [2][]sample{full, alone}
		}
	}
	return Result{Rows: []Row{{
		What:   "a full queue drained with up to 256 orders a transaction against one",
		Figure: perSecond(median(fast)), Baseline: perSecond(median(slow)), Ratio: median(ratios), Target: atLeast(5),
	}}, Plots: []Plot{drainPlot(curves[0], curves[1])}}, b.end("single")
}

// drain fills the queue while reserve-stock stands still and watches it empty.
func (b *bench) drain(ctx context.Context, s *shop, orders int) ([]sample, error) {
	all, err := s.newBuyers(connections)
	if err != nil {
		return nil, err
	}
	if err := s.hold(true); err != nil {
		return nil, err
	}
	err = all.enqueue(ctx, orders)
	if woken := s.hold(false); err == nil {
		err = woken
	}
	if err != nil {
		return nil, err
	}
	return all.drained(ctx, orders)
}

// enqueue puts orders of these buyers into the queue as create-order does:
// those that come at the same time share a message.
func (b *buyers) enqueue(ctx context.Context, orders int) (err error) {
	queue, err := bus.Open(b.shop.NATS, "bench", nil)
	if err != nil {
		return err
	}
	defer func() { _ = queue.Close(ctx) }()
	for done := 0; done < orders; done += connections {
		group := make([]event.Event, 0, connections)
		for i := range min(connections, orders-done) {
			e, err := order.PlacedEvent(b.draft(done + i))
			if err != nil {
				return err
			}
			group = append(group, e)
		}
		for _, err := range queue.PublishAll(ctx, group) {
			if err != nil {
				return fmt.Errorf("filling the queue: %w", err)
			}
		}
	}
	return nil
}

// draft is the n-th order: two products, one of each.
func (b *buyers) draft(n int) order.Draft {
	first := n % products
	second := (first + 1 + n/products%(products-1)) % products
	return order.Draft{
		OrderID: uuid.NewString(), UserID: b.users[n%len(b.users)], Fingerprint: "benchmark",
		Lines:  []order.Line{{SKU: skuOf(first), Quantity: 1, Amount: price}, {SKU: skuOf(second), Quantity: 1, Amount: price}},
		Amount: 2 * price, Currency: "CNY", PlacedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
}
