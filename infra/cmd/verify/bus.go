package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"bazaar/infra/invariant"
	"bazaar/infra/trigger"
	"bazaar/shared/bus"
)

// closeTimeout bounds the end of the connection, on which nothing is in flight.
const closeTimeout = time.Second

// letters are the dead letters of one function and kind.
type letters struct {
	Function string    `json:"function"`
	Kind     string    `json:"kind"`
	Poison   bool      `json:"poison"` // died of what they are
	Count    int       `json:"count"`
	First    time.Time `json:"first_at"` // given up
}

// bus adds what NATS tells.
func (r *report) bus(ctx context.Context, s bus.Settings, t invariant.Terms, settled bool) (err error) {
	b, err := bus.Open(s, "verify", nil)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if closed := b.Close(closing); err == nil {
			err = closed
		}
	}()
	if err := b.Check(ctx); err != nil {
		return fmt.Errorf("NATS at %s cannot be reached: %w", s.URL, err)
	}
	if err := r.dead(ctx, b.JetStream()); err != nil {
		return err
	}
	return r.queues(ctx, b.JetStream(), t, settled)
}

// dead counts the dead letters and finds those that died of no fault of theirs.
func (r *report) dead(ctx context.Context, js jetstream.JetStream) error {
	f := invariant.Finding{Rule: invariant.Rule{Name: "nothing_given_up", Means: "no event that was in order became a dead letter"}}
	begin := time.Now()
	type group struct{ function, kind string }
	count := map[group]*letters{}
	err := trigger.NewLetters(js).Each(ctx, "", func(l trigger.Letter) error {
		g := group{l.Function, l.Kind}
		if count[g] == nil {
			count[g] = &letters{Function: l.Function, Kind: l.Kind, Poison: l.Poison(), First: l.At}
		}
		count[g].Count++
		if !l.Poison() {
			f.Broken++
			if len(f.Rows) < shownRows {
				f.Rows = append(f.Rows, fmt.Sprintf("letter %d: %s of %s, %s after %d attempts: %s", l.Seq, l.Event, l.Function, l.Kind, l.Attempts, l.Reason))
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking for dead letters: %w", err)
	}
	for _, l := range count {
		r.Dead = append(r.Dead, *l)
	}
	slices.SortFunc(r.Dead, func(a, b letters) int {
		return cmp.Or(cmp.Compare(a.Function, b.Function), cmp.Compare(a.Kind, b.Kind))
	})
	f.Took = time.Since(begin)
	r.Findings = append(r.Findings, f)
	return nil
}

// queues measures the work queues: messages, each of one event or of many.
func (r *report) queues(ctx context.Context, js jetstream.JetStream, t invariant.Terms, settled bool) error {
	drained := invariant.Finding{Rule: invariant.Rule{Name: "queues_are_drained", Settled: true,
		Means: "no accepted order and no redriven event has been in its queue for long"}}
	begin := time.Now()
	for _, q := range []struct{ stream, name, means string }{
		{bus.QueueStream, "queue", "messages of accepted orders in the queue"},
		{bus.RedriveStream, "redrive", "redriven events in their queue"},
	} {
		stream, err := js.Stream(ctx, q.stream)
		if err != nil {
			return fmt.Errorf("looking at the stream %s: %w", q.stream, err)
		}
		state := stream.CachedInfo().State
		f := invariant.Figure{Name: q.name, Means: q.means, Count: int64(state.Msgs)} //nolint:gosec // no stream holds 2^63 messages
		if state.Msgs > 0 {
			f.Oldest = max(time.Since(state.FirstTime), 0)
		}
		r.Underway = append(r.Underway, f)
		if f.Oldest > t.Patience {
			drained.Broken++
			drained.Rows = append(drained.Rows, fmt.Sprintf("%s, the oldest for %s", f, brief(f.Oldest)))
		}
	}
	drained.Took = time.Since(begin)
	if settled {
		r.Findings = append(r.Findings, drained)
	}
	return nil
}
