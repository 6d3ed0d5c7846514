package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/bus"
	"bazaar/shared/event"
)

// errTickWaits is why a tick is given back instead of waiting for its function.
var errTickWaits = errors.New("the function cannot take a tick now")

func tickSubject(function string) string { return "cron." + function }

func scheduleSubject(function string) string { return "cron.set." + function }

// tick makes the one event of a message that the server's schedule wrote. Its
// id is the time of the tick, so that a redelivered tick is the same event. It
// belongs to no trace: the call begins one. Deliveries are not counted as
// attempts: a tick that waits for its function is given back each time.
func (d *delivery) tick(function string) {
	at := d.stored.UTC()
	e := event.Event{
		SpecVersion: "1.0", Source: event.Source, Type: d.topic, Subject: function,
		ID: d.topic + ":" + at.Format(time.RFC3339Nano), Time: at,
	}
	raw, err := json.Marshal(e)
	if err != nil {
		d.hold(d.bad(d.number(), nil, err))
		return
	}
	d.hold(&item{id: e.ID, raw: raw, from: d, alone: true})
}

// overtaken reports whether a newer tick has replaced this one in the stream.
// Such a tick is not worth a dead letter: the newer one asks for the same.
func (c *consumer) overtaken(ctx context.Context, it *item) bool {
	ctx, cancel := context.WithTimeout(ctx, deadTimeout)
	defer cancel()
	stream, err := c.js.Stream(ctx, c.stream)
	if err != nil {
		return false
	}
	_, err = stream.GetMsg(ctx, it.from.seq)
	return errors.Is(err, jetstream.ErrMsgNotFound)
}

// putSchedule makes the server keep this schedule for the function. It writes
// only where the schedule differs, since writing starts an interval anew, and
// only if nobody wrote in between, so that of two triggers one does.
//
// Of the ticks that nobody takes the newest is left.
func putSchedule(ctx context.Context, js jetstream.JetStream, function string, s Schedule) error {
	stream, err := js.Stream(ctx, bus.CronStream)
	if err != nil {
		return fmt.Errorf("finding the stream %s: %w", bus.CronStream, err)
	}
	msg := nats.NewMsg(scheduleSubject(function))
	msg.Header.Set(jetstream.ScheduleHeader, s.Pattern)
	msg.Header.Set(jetstream.ScheduleTargetHeader, tickSubject(function))
	msg.Header.Set(jetstream.ScheduleRollupHeader, jetstream.MsgRollupSubject)
	if s.Zone != "" {
		msg.Header.Set(jetstream.ScheduleTimeZoneHeader, s.Zone)
	}
	have, err := stream.GetLastMsgForSubject(ctx, msg.Subject)
	var last uint64
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
	case err != nil:
		return fmt.Errorf("reading the schedule of %s: %w", function, err)
	case sameSchedule(have.Header, msg.Header):
		return nil
	default:
		last = have.Sequence
	}
	_, err = js.PublishMsg(ctx, msg, jetstream.WithExpectStream(bus.CronStream), jetstream.WithExpectLastSequencePerSubject(last))
	if wrongSequence(err) {
		return nil // the other trigger was faster; the next poll compares again
	}
	if err != nil {
		return fmt.Errorf("writing the schedule %q of %s: %w", s.Pattern, function, err)
	}
	return nil
}

func sameSchedule(a, b nats.Header) bool {
	for _, name := range []string{
		jetstream.ScheduleHeader, jetstream.ScheduleTargetHeader, jetstream.ScheduleRollupHeader, jetstream.ScheduleTimeZoneHeader,
	} {
		if a.Get(name) != b.Get(name) {
			return false
		}
	}
	return true
}

func wrongSequence(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// refusedSchedule reports whether the server found the schedule itself wrong.
func refusedSchedule(err error) bool {
	const timeZoneInvalid = 10223 // without a name in the client
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrSchedulePatternInvalid) || errors.As(err, &api) && api.ErrorCode == timeZoneInvalid
}

// dropSchedule ends the function's ticks. One that waits is dropped with them.
func dropSchedule(ctx context.Context, js jetstream.JetStream, function string) error {
	stream, err := js.Stream(ctx, bus.CronStream)
	if err != nil {
		return fmt.Errorf("finding the stream %s: %w", bus.CronStream, err)
	}
	for _, subject := range []string{scheduleSubject(function), tickSubject(function)} {
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return fmt.Errorf("removing %s: %w", subject, err)
		}
	}
	return nil
}
