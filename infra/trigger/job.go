package trigger

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"bazaar/shared/crash"
	"bazaar/shared/telemetry"
)

// job is what one turn of a consumer fetched, on its way through calls. It is
// one goroutine. It holds its messages until each of their events is done,
// telling the server meanwhile, rather than giving them back to be delivered
// again: so what is done stays done, attempts are counted per event, and a
// pause costs neither.
type job struct {
	*consumer
	placed bool    // has a place among the function's calls
	queue  []batch // what is left to do, in order
}

// buryAgain is how long a dead letter that could not be written waits.
const buryAgain = time.Second

// plan cuts the messages into calls.
func (j *job) plan(load []*delivery) []batch {
	b := j.function.binding.Load()
	var items []*item
	for _, d := range load {
		if len(d.items) == 0 { // a batch of nothing is done
			j.ledger.finish(d)
		}
		items = append(items, d.items...)
	}
	return cut(items, b.Batch, b.BatchBytes)
}

// run works until nothing is left or ctx ends; then it gives back what is left.
func (j *job) run(ctx, calls context.Context) {
	defer j.leave()
	for len(j.queue) > 0 && ctx.Err() == nil {
		at, wait := j.next(time.Now())
		if wait > 0 {
			j.leave()
			if await(ctx, wait, nil) != nil {
				break
			}
			continue
		}
		events := j.queue[at]
		j.queue = slices.Delete(j.queue, at, at+1)
		if it := events[0]; it.dead != nil {
			j.bury(calls, it)
			continue
		}
		j.call(ctx, calls, events)
	}
	if len(j.queue) == 0 {
		return
	}
	j.leave()
	<-j.last // else our own last fetch would get what is given back here
	for _, events := range j.queue {
		for _, it := range events {
			if it.from.left > 0 {
				it.from.left = 0
				j.ledger.giveUp(it.from, 0)
			}
		}
	}
}

// next is the first of the queue that is due, or how long none will be.
func (j *job) next(now time.Time) (at int, wait time.Duration) {
	wait = LongestWait
	for i, events := range j.queue {
		due := events[0].due.Sub(now)
		if due <= 0 {
			return i, 0
		}
		wait = min(wait, due)
	}
	return 0, wait
}

// call makes one call and does what its answer means.
func (j *job) call(ctx, calls context.Context, events batch) {
	t, err := j.admit(ctx)
	if err != nil {
		j.hold(events)
		return
	}
	b := j.function.binding.Load()
	inflight := j.metrics.inflight.WithLabelValues(b.Function)
	inflight.Inc()
	answer := j.caller.call(calls, b, events)
	inflight.Dec()
	v := Judge(answer, events.ids())
	j.metrics.calls.WithLabelValues(b.Function, v.Name).Inc()
	j.judged(t, v)
	if v.Halve {
		j.log.Info("batch failed as a whole, halved", "events", len(events), "kind", v.Why[0].Kind, "detail", v.Why[0].Detail)
		first, second := events.halves()
		j.queue = slices.Insert(j.queue, 0, first, second)
		return
	}
	var held batch
	for i, it := range events {
		if v.Fates[i] == Held {
			held = append(held, it)
			continue
		}
		if i == 0 {
			crash.Point("trigger", "answered", b.Function, j.stream)
		} else {
			crash.Point("trigger", "halfway", b.Function, j.stream)
		}
		j.apply(calls, b, it, v.Fates[i], v.Why[i])
	}
	if len(held) > 0 {
		j.hold(held)
	}
}

// judged tells the breaker.
func (j *job) judged(t ticket, v Verdict) {
	defer j.measurePause()
	if !v.Pause {
		if j.breaker.settle(t) {
			j.log.Info("the function takes events again")
		}
		return
	}
	if pause := j.breaker.trip(t, v.After, time.Now()); pause > 0 {
		why := v.Why[slices.Index(v.Fates, Held)]
		j.log.Warn("the function cannot take events, pausing", "pause", pause.String(), "kind", why.Kind, "detail", why.Detail)
	}
}

// admit waits until a call may be made: the breaker first, so that who waits
// for the function to come back keeps no place from another consumer. A tick
// does not wait: the next one says the same.
func (j *job) admit(ctx context.Context) (ticket, error) {
	t, ok, _, _ := j.breaker.try(time.Now())
	if !ok {
		j.leave()
		if j.cron {
			return ticket{}, errTickWaits
		}
		var err error
		if t, err = j.breaker.enter(ctx); err != nil {
			return ticket{}, err
		}
	}
	if !j.placed {
		if err := j.function.gate.enter(ctx, j.urgent); err != nil {
			j.breaker.abandon(t)
			return ticket{}, err
		}
		j.placed = true
	}
	return t, nil
}

func (j *job) leave() {
	if j.placed {
		j.placed = false
		j.function.gate.leave()
	}
}

// hold puts events back that the function could not take. Ticks go back to the
// server, where a newer one replaces them.
func (j *job) hold(events batch) {
	if !j.cron {
		j.queue = slices.Insert(j.queue, 0, events)
		return
	}
	for _, it := range events {
		it.from.left = 0
		j.ledger.giveUp(it.from, firstPause)
	}
}

// apply does what a fate other than Held asks for.
func (j *job) apply(ctx context.Context, b *Binding, it *item, fate Fate, why Failure) {
	it.alone = true
	switch fate {
	case Done:
		j.done(it, "done")
	case Alone:
		j.queue = append(j.queue, batch{it})
	case Dead:
		it.used++
		it.dead = &why
		j.bury(ctx, it)
	case Again:
		it.used++
		if it.used >= b.Attempts {
			it.dead = &why
			j.bury(ctx, it)
			return
		}
		it.due = time.Now().Add(backOff(b, it.used))
		j.queue = append(j.queue, batch{it})
		j.log.InfoContext(telemetry.WithTraceParent(ctx, it.traceparent), "event failed, trying again",
			"event", it.id, "attempt", it.used, "kind", why.Kind, "detail", why.Detail)
	}
}

// backOff is the wait after the n-th failed attempt: doubled, up to a quarter
// more so that events that failed together do not come back together.
func backOff(b *Binding, n int) time.Duration {
	d := min(b.MinWait<<min(n-1, 20), b.MaxWait)
	return min(d+rand.N(d/4+1), LongestWait)
}

// bury writes the dead letter, and only then counts the event as done.
func (j *job) bury(ctx context.Context, it *item) {
	if j.cron && j.overtaken(ctx, it) {
		j.log.Warn("tick failed, a newer one takes its place", "event", it.id, "attempts", it.used, "kind", it.dead.Kind, "detail", it.dead.Detail)
		j.done(it, "overtaken")
		return
	}
	name := j.function.name
	ctx = telemetry.WithTraceParent(ctx, it.traceparent)
	if err := bury(ctx, j.js, name, it); err != nil {
		j.log.ErrorContext(ctx, "dead letter not written, trying again", "event", it.id, "error", err.Error())
		it.due = time.Now().Add(buryAgain)
		j.queue = append(j.queue, batch{it})
		return
	}
	crash.Point("trigger", "buried", name, j.stream)
	j.metrics.dead.WithLabelValues(name, string(it.dead.Kind)).Inc()
	j.log.WarnContext(ctx, "event given up, to the dead letters", "event", it.id, "topic", it.from.topic,
		"attempts", it.used, "kind", it.dead.Kind, "detail", it.dead.Detail)
	j.done(it, "dead")
}

// done counts an event as done and acknowledges its message after the last.
func (j *job) done(it *item, outcome string) {
	j.metrics.events.WithLabelValues(j.function.name, outcome).Inc()
	if it.from.left--; it.from.left == 0 {
		j.ledger.finish(it.from)
	}
}
