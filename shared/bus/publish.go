package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
)

const (
	// publishTimeout bounds one attempt to store a message. It is our own: the
	// deadline of a caller ends that caller's waiting only.
	publishTimeout = 5 * time.Second
	// returnTimeout is how long a message whose outcome is unknown waits for the
	// connection to come back, to be sent once more.
	returnTimeout = 2 * time.Second
)

// ErrUnknown marks an event of which nobody can say whether it was stored. The
// error that carries it is unavailable to the caller, who may publish the same
// event again: doubles end at primary keys.
var ErrUnknown = errors.New("the outcome of the publish is unknown")

// Publish stores ev in the stream that takes its type. When it returns nil the
// event is durable as the stream's settings say. It shares a message with the
// events of other callers. A traceparent is set from ctx when ev has none.
//
// Errors are faults: queue_full and unavailable were certainly not stored;
// those that are also ErrUnknown may have been.
func (b *Bus) Publish(ctx context.Context, ev event.Event) error {
	return b.PublishAll(ctx, []event.Event{ev})[0]
}

// PublishAll publishes events and gives an error, or nil, for each. Events of
// one type are stored in their order; between types, and around an event that
// failed, there is none.
func (b *Bus) PublishAll(ctx context.Context, events []event.Event) []error {
	errs := make([]error, len(events))
	items := make([]*item, len(events))
	bySubject := map[string][]*item{}
	for i, ev := range events {
		items[i], errs[i] = encode(ctx, ev)
		if errs[i] == nil {
			bySubject[ev.Type] = append(bySubject[ev.Type], items[i])
		}
	}
	lanes := make(map[string]*lane, len(bySubject))
	refused := map[string]error{}
	for subject, group := range bySubject {
		lanes[subject], refused[subject] = b.enqueue(subject, group)
	}
	for i, ev := range events {
		if errs[i] != nil {
			continue // a mistake of ours: nothing was published
		}
		if errs[i] = refused[ev.Type]; errs[i] == nil {
			errs[i] = lanes[ev.Type].wait(ctx, items[i])
		}
		b.metrics.outcome(ev.Type, errs[i])
	}
	return errs
}

// encode checks and encodes an event, in the caller's time.
func encode(ctx context.Context, ev event.Event) (*item, error) {
	if err := ev.Validate(); err != nil {
		return nil, fmt.Errorf("publishing the event %s: %w", ev.ID, err)
	}
	if !literal(ev.Type) {
		return nil, fmt.Errorf("publishing the event %s: its type %q is no subject", ev.ID, ev.Type)
	}
	if ev.TraceParent == "" {
		ev.TraceParent = telemetry.TraceParent(ctx)
	}
	body, err := event.Encode(ev)
	if err != nil {
		return nil, err
	}
	if len(body)+2 > maxMessageBytes {
		return nil, fault.New(fault.TooLarge, "event_too_large", "The request holds more than can be handled at once.").
			Because(fmt.Errorf("the event %s %s has %d bytes", ev.Type, ev.ID, len(body)))
	}
	return &item{body: body, outcome: make(chan error, 1)}, nil
}

// literal reports whether text is a subject without wildcards.
func literal(text string) bool {
	if strings.ContainsAny(text, " \t\r\n*>") {
		return false
	}
	for token := range strings.SplitSeq(text, ".") {
		if token == "" {
			return false
		}
	}
	return true
}

// enqueue puts items into the lane of their subject and starts it when it rests.
func (b *Bus) enqueue(subject string, items []*item) (*lane, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, unavailable(errClosed)
	}
	l := b.lanes[subject]
	if l == nil {
		l = &lane{send: func(body []byte, events int, wanted func() bool) error {
			return b.send(subject, body, events, wanted)
		}}
		b.lanes[subject] = l
	}
	start, err := l.add(items)
	if err != nil {
		return nil, unavailable(err)
	}
	if start {
		b.runs.Go(l.run)
	}
	return l, nil
}

// send stores one message.
func (b *Bus) send(subject string, body []byte, events int, wanted func() bool) error {
	began := time.Now()
	err := tryTwice(func() error { return b.attempt(subject, body) }, func() bool { return wanted() && b.returns() })
	b.metrics.message(subject, events, time.Since(began))
	return err
}

// tryTwice attempts once more when the outcome is unknown and worthwhile agrees.
// A double is harmless; but the first attempt may have succeeded, so whatever the
// second meets, short of success, leaves the outcome unknown.
func tryTwice(attempt func() error, worthwhile func() bool) error {
	first := attempt()
	if !errors.Is(first, ErrUnknown) || !worthwhile() {
		return first
	}
	second := attempt()
	if second == nil {
		return nil
	}
	return unknown(errors.Join(first, second))
}

// attempt sends the message once and waits for the server's word.
func (b *Bus) attempt(subject string, body []byte) error {
	if !b.conn.IsConnected() {
		return unavailable(nats.ErrDisconnected)
	}
	life, _ := b.link.life()
	ctx, cancel := context.WithTimeout(life, publishTimeout)
	defer cancel()
	if err := b.check(ctx, subject); err != nil {
		return err
	}
	_, err := b.js.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: body}, jetstream.WithRetryAttempts(0))
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		b.checked.Delete(subject) // its stream may be gone: the next attempt says so
	}
	return classify(err)
}

// returns waits until the connection is there again.
func (b *Bus) returns() bool {
	if b.conn.IsClosed() {
		return false
	}
	_, up := b.link.life()
	timer := time.NewTimer(returnTimeout)
	defer timer.Stop()
	select {
	case <-up:
		return true
	case <-timer.C:
		return false
	}
}
