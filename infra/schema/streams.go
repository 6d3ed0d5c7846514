package schema

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/bus"
)

// StreamSettings are what an installation decides about its streams.
type StreamSettings struct {
	// QueueMaxBytes bounds the orders that wait for PostgreSQL; a full queue refuses more.
	QueueMaxBytes int64 `env:"queue_max_bytes" envDefault:"1073741824"`
	// Replicas is the number of servers that keep each stream: 3 in a cluster.
	Replicas int `env:"stream_replicas" envDefault:"1"`
}

// mostReplicas is what a NATS server takes.
const mostReplicas = 5

// check refuses settings under which a stream would have no bound, or could not be.
func (s StreamSettings) check() error {
	if s.QueueMaxBytes < 1 {
		return fmt.Errorf("queue_max_bytes must be more than 0, not %d: every stream is bounded", s.QueueMaxBytes)
	}
	if s.Replicas < 1 || s.Replicas > mostReplicas {
		return fmt.Errorf("stream_replicas must be 1 to %d, not %d", mostReplicas, s.Replicas)
	}
	return nil
}

const (
	mib = 1 << 20
	day = 24 * time.Hour
)

// Streams are all streams. Subjects are listed, not matched, so that a new event
// type is a decision here; every stream is bounded, and all but CRON and MISSED
// refuse rather than drop.
func Streams(s StreamSettings) []jetstream.StreamConfig {
	streams := append(domainStreams(s.QueueMaxBytes), triggerStreams()...)
	for i := range streams {
		streams[i].Storage = jetstream.FileStorage
		streams[i].Replicas = s.Replicas
		streams[i].Metadata = map[string]string{bus.VersionKey: strconv.Itoa(bus.StreamsVersion)}
	}
	return streams
}

// domainStreams hold what the domains tell.
func domainStreams(queueMaxBytes int64) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{
			Name:        bus.QueueStream,
			Description: "orders that were acknowledged to buyers and wait for PostgreSQL",
			Subjects:    []string{"order.placed"},
			Retention:   jetstream.WorkQueuePolicy,
			MaxBytes:    queueMaxBytes,
			Discard:     jetstream.DiscardNew,
		},
		{
			Name:        bus.OrdersStream,
			Description: "what became of orders",
			Subjects: []string{"order.reserved", "order.rejected", "order.paid", "order.closed",
				"order.shipped", "order.completed"},
			Retention: jetstream.LimitsPolicy,
			MaxAge:    7 * day,
			MaxBytes:  512 * mib,
			Discard:   jetstream.DiscardNew,
		},
		{
			Name:        bus.PaymentsStream,
			Description: "what the payment provider said and did",
			Subjects:    []string{"payment.notified", "payment.refunded"},
			Retention:   jetstream.LimitsPolicy,
			MaxAge:      30 * day,
			MaxBytes:    256 * mib,
			Discard:     jetstream.DiscardNew,
		},
		{
			Name:        bus.MessagesStream,
			Description: "messages that were committed and are perhaps not announced",
			Subjects:    []string{"message.stored"},
			Retention:   jetstream.LimitsPolicy,
			MaxAge:      day,
			MaxBytes:    128 * mib,
			Discard:     jetstream.DiscardNew,
		},
		{
			Name:        bus.MissedStream,
			Description: "reminders of messages for people who were not connected; the oldest go where nobody takes them",
			Subjects:    []string{"message.missed"},
			Retention:   jetstream.LimitsPolicy,
			MaxAge:      day,
			MaxBytes:    64 * mib,
			Discard:     jetstream.DiscardOld,
		},
	}
}

// triggerStreams hold what the trigger tells itself.
func triggerStreams() []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{
			Name:              bus.CronStream,
			Description:       "schedules and their ticks",
			Subjects:          []string{"cron.>"},
			Retention:         jetstream.WorkQueuePolicy,
			MaxBytes:          16 * mib,
			AllowMsgSchedules: true,
			AllowMsgTTL:       true, // schedules give their ticks a life
			AllowRollup:       true, // one tick a schedule is left waiting, the newest
			// The server takes schedules with no other. It never comes to that, since there
			// are only the schedules and their newest ticks.
			Discard: jetstream.DiscardOld,
		},
		{
			Name:        bus.DeadStream,
			Description: "events that could not be handled, for a person to look at",
			Subjects:    []string{"dead.>"},
			Retention:   jetstream.LimitsPolicy,
			MaxBytes:    256 * mib,
			Discard:     jetstream.DiscardNew,
			Duplicates:  10 * time.Minute, // a dead letter that is written twice is one
		},
		{
			Name:        bus.RedriveStream,
			Description: "dead letters on their way back to the one function that gave them up",
			Subjects:    []string{"redrive.*"},
			Retention:   jetstream.WorkQueuePolicy,
			MaxBytes:    64 * mib,
			Discard:     jetstream.DiscardNew,
			Duplicates:  10 * time.Minute, // a letter that is redriven twice goes once
		},
	}
}

// consumers are those that must exist before the first event does: QUEUE's one
// reader, whose acknowledgements are what bus.Passed watches. All others are
// made by who reads.
func consumers(stream string) []jetstream.ConsumerConfig {
	if stream != bus.QueueStream {
		return nil
	}
	return []jetstream.ConsumerConfig{{
		Durable:       bus.QueueConsumer,
		Description:   "the one reader of the queue",
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       5 * time.Second,
		MaxDeliver:    -1,
		MaxAckPending: 4096,
	}}
}
