package trigger

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/bus"
	"bazaar/shared/event"
)

// Headers of a dead letter. Its body is a batch of the one event, or what came
// instead of one.
const (
	headerEvent    = "Dead-Event"    // the event's id
	headerTopic    = "Dead-Topic"    // the subject it was published to
	headerKind     = "Dead-Kind"     // of the last failure
	headerReason   = "Dead-Reason"   // its detail
	headerAttempts = "Dead-Attempts" // calls that it had for itself
	headerTime     = "Dead-Time"     // RFC 3339, when it was given up
	headerOrigin   = "Dead-Origin"   // stream:sequence of the message it came in
	headerSequence = "Dead-Sequence" // of a redriven event: the dead letter that it was
)

// deadTimeout bounds the writing of one dead letter.
const deadTimeout = 5 * time.Second

func deadSubject(function string) string { return "dead." + function }

func redriveSubject(function string) string { return "redrive." + function }

// bury writes the copy of it to the dead letters and returns when that is
// durable. Only then may the original be acknowledged.
//
// The message id makes one letter of an event that dies twice in a short time,
// for two triggers or after a lost acknowledgement. An event that was redriven
// and dies again is another letter: its first one is gone by then, so to take
// it for a double would lose the event.
func bury(ctx context.Context, js jetstream.JetStream, function string, it *item) error {
	ctx, cancel := context.WithTimeout(ctx, deadTimeout)
	defer cancel()
	id := function + ":" + it.id
	if it.from.redriven != "" {
		id += ":" + it.from.redriven
	}
	msg := nats.NewMsg(deadSubject(function))
	msg.Data = batch{it}.body()
	if !json.Valid(it.raw) {
		msg.Data = it.raw // as it came: there is nothing to make a batch of
	}
	h := msg.Header
	h.Set(headerEvent, oneLine(it.id))
	h.Set(headerTopic, oneLine(it.from.topic))
	h.Set(headerKind, oneLine(string(it.dead.Kind)))
	h.Set(headerReason, oneLine(it.dead.Detail))
	h.Set(headerAttempts, strconv.Itoa(it.used))
	h.Set(headerTime, time.Now().UTC().Format(time.RFC3339))
	h.Set(headerOrigin, it.from.number())
	if it.traceparent != "" {
		h.Set("traceparent", oneLine(it.traceparent))
	}
	h.Set("Content-Type", event.ContentType)
	if _, err := js.PublishMsg(ctx, msg, jetstream.WithMsgID(oneLine(id)), jetstream.WithExpectStream(bus.DeadStream)); err != nil {
		return fmt.Errorf("writing the dead letter of %s: %w", it.id, err)
	}
	return nil
}

// oneLine makes a text fit a header: one line, of bounded length.
func oneLine(text string) string {
	const limit = 1000
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return strings.TrimSpace(text)
}
