package trigger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/openfaas/faas-provider/types"

	"bazaar/shared/bus"
)

// function is what the trigger knows of a function, listed or not.
type function struct {
	name    string
	gate    *gate
	binding atomic.Pointer[Binding]

	// The rest is the poll's alone.
	consumers map[string]*consumer // by stream
	trouble   string               // last one logged
	tickless  int                  // polls in a row without a schedule
}

// confirm is how many polls in a row must agree before something is taken away:
// a list may show a function for a moment without what it had.
const confirm = 2

// poll reads the list and makes everything as it says. A list that cannot be
// read changes nothing.
func (t *Trigger) poll(ctx, calls context.Context) {
	list, err := t.list(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return
		}
		t.metrics.lists.WithLabelValues("failed").Inc()
		if t.listError != err.Error() {
			t.listError = err.Error()
			t.log.Warn("the list of functions cannot be read, going on with the last one", "error", err.Error())
		}
		return
	}
	t.metrics.lists.WithLabelValues("read").Inc()
	t.listError = ""
	listed := make(map[string]bool, len(list))
	for _, status := range list {
		listed[status.Name] = true
		t.see(ctx, calls, status)
	}
	for name, f := range t.functions {
		if !listed[name] {
			f.pause(t, "the function is missing from the list, its consumers pause")
		}
	}
	t.ready.Store(true)
}

// see takes note of one listed function.
func (t *Trigger) see(ctx, calls context.Context, status types.FunctionStatus) {
	var annotations map[string]string
	if status.Annotations != nil {
		annotations = *status.Annotations
	}
	b, bound, err := Bind(status.Name, annotations, status.EnvVars)
	f := t.functions[status.Name]
	if f == nil {
		f = &function{name: status.Name, gate: newGate(DefaultMaxInflight), consumers: map[string]*consumer{}}
		t.functions[status.Name] = f
	}
	if err == nil && bound {
		f.binding.Store(&b)
		f.gate.resize(b.MaxInflight)
		err = t.bind(ctx, calls, f, &b)
	}
	if err == nil && b.Cron == nil {
		err = t.unschedule(ctx, f)
	} else {
		f.tickless = 0
	}
	if ctx.Err() != nil {
		return // the drain has begun: nothing that was met now means anything
	}
	wrong := err != nil && !away(err)
	t.metrics.wrong.WithLabelValues(f.name).Set(number(wrong))
	switch {
	case wrong:
		f.pause(t, "")
		f.told(t, "the function is left out", err)
	case err != nil:
		f.told(t, "the function cannot be bound now", err)
	case !bound:
		f.pause(t, "the function has no topic any more, its consumers pause")
		f.trouble = ""
	default:
		f.trouble = ""
	}
}

// errBinding marks what is wrong with a function rather than with the way to NATS.
var errBinding = errors.New("wrong annotations")

// away reports whether err comes from NATS: such an error says nothing about
// the function, and the next poll tries again.
func away(err error) bool {
	var nats natsError
	return errors.As(err, &nats) && !errors.Is(err, errBinding)
}

// natsError is an error met on the way to NATS.
type natsError struct{ error }

func (e natsError) Unwrap() error { return e.error }

// told logs trouble once, until it is another one or over.
func (f *function) told(t *Trigger, what string, err error) {
	if f.trouble == err.Error() {
		return
	}
	f.trouble = err.Error()
	t.log.Error(what, "function", f.name, "error", err.Error())
}

// pause holds all consumers of the function back; they keep their place.
func (f *function) pause(t *Trigger, why string) {
	for _, c := range f.consumers {
		if c.breaker.setShut(true) && why != "" {
			t.log.Info(why, "function", f.name, "stream", c.stream)
		}
		c.measurePause()
	}
}

// bind makes the consumers of a function as its binding asks.
func (t *Trigger) bind(ctx, calls context.Context, f *function, b *Binding) error {
	wanted, err := t.wanted(ctx, b)
	if err != nil {
		return err
	}
	if b.Cron != nil {
		if err := putSchedule(ctx, t.js, b.Function, *b.Cron); refusedSchedule(err) {
			return fmt.Errorf("%w: %w", errBinding, err)
		} else if err != nil {
			return natsError{err}
		}
	}
	for stream, subjects := range wanted {
		c := f.consumers[stream]
		fresh := c == nil
		if fresh {
			c = t.newConsumer(f, stream)
		}
		if err := c.ensure(ctx, subjects, b); err != nil {
			return natsError{err}
		}
		if fresh {
			f.consumers[stream] = c
			t.log.Info("function bound", "function", f.name, "stream", stream, "topics", subjects)
			t.running.Go(func() { c.run(ctx, calls) })
		}
		if c.breaker.setShut(false) {
			t.log.Info("the function is back, its consumer goes on", "function", f.name, "stream", stream)
		}
		c.measurePause()
	}
	for stream, c := range f.consumers {
		if _, ok := wanted[stream]; !ok {
			c.breaker.setShut(true)
		}
	}
	return nil
}

// wanted is the subjects that b asks for, by stream.
func (t *Trigger) wanted(ctx context.Context, b *Binding) (map[string][]string, error) {
	subjects := slices.Clone(b.Topics)
	if b.Cron != nil {
		subjects = append(subjects, tickSubject(b.Function))
	}
	subjects = append(subjects, redriveSubject(b.Function))
	wanted := map[string][]string{}
	for _, subject := range subjects {
		stream, ok := t.streams[subject]
		if !ok {
			var err error
			stream, err = t.js.StreamNameBySubject(ctx, subject)
			if errors.Is(err, jetstream.ErrStreamNotFound) {
				return nil, fmt.Errorf("%w: no stream takes %s", errBinding, subject)
			}
			if err != nil {
				return nil, natsError{fmt.Errorf("looking for the stream of %s: %w", subject, err)}
			}
			t.streams[subject] = stream
		}
		wanted[stream] = append(wanted[stream], subject)
	}
	return wanted, nil
}

// unschedule removes the schedule of a listed function that has none any more.
// Once it is known to be gone nothing is asked again. The schedule of a missing
// function stays: it goes with unbind.
func (t *Trigger) unschedule(ctx context.Context, f *function) error {
	f.tickless++
	if f.tickless != confirm {
		return nil
	}
	stream, err := t.js.Stream(ctx, bus.CronStream)
	if err != nil {
		f.tickless--
		return natsError{fmt.Errorf("finding the stream %s: %w", bus.CronStream, err)}
	}
	_, err = stream.GetLastMsgForSubject(ctx, scheduleSubject(f.name))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err == nil {
		err = dropSchedule(ctx, t.js, f.name)
	}
	if err != nil {
		f.tickless--
		return natsError{fmt.Errorf("removing the schedule of %s: %w", f.name, err)}
	}
	t.log.Info("schedule removed", "function", f.name)
	return nil
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
