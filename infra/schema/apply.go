package schema

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/bus"
)

// ApplyStreams creates the missing streams and consumers and widens those that
// are there, and tells what it did, a line each. It never makes a stream
// smaller, shorter-lived or narrower than it finds it, whoever made it so: a
// migrate of an older version does no harm.
func ApplyStreams(ctx context.Context, js jetstream.JetStream, s StreamSettings) ([]string, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("reading the settings of the streams: %w", err)
	}
	var done []string
	for _, want := range Streams(s) {
		did, err := applyStream(ctx, js, want)
		if err != nil {
			return done, fmt.Errorf("applying the stream %s: %w", want.Name, err)
		}
		if did != "" {
			done = append(done, "stream "+want.Name+" "+did)
		}
		for _, c := range consumers(want.Name) {
			did, err := applyConsumer(ctx, js, want.Name, c)
			if err != nil {
				return done, fmt.Errorf("applying the consumer %s of %s: %w", c.Durable, want.Name, err)
			}
			if did != "" {
				done = append(done, "consumer "+c.Durable+" of "+want.Name+" "+did)
			}
		}
	}
	return done, nil
}

func applyStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (string, error) {
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		// Another migrate may create it now: an equal stream is no error.
		_, err = js.CreateStream(ctx, want)
		if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return "created", err
		}
		stream, err = js.Stream(ctx, want.Name)
	}
	if err != nil {
		return "", err
	}
	have := stream.CachedInfo().Config
	if have.Retention != want.Retention || have.Storage != want.Storage {
		return "", fmt.Errorf("it keeps %s in %s, and must keep %s in %s: that cannot be changed, it has to be drained and made anew",
			have.Retention, have.Storage, want.Retention, want.Storage)
	}
	wider := widen(have, want)
	if reflect.DeepEqual(have, wider) {
		return "", nil
	}
	if _, err := js.UpdateStream(ctx, wider); err != nil {
		return "", err
	}
	return "updated", nil
}

// widen is have with what want asks for beyond it. Settings that we do not speak
// about stay as an operator left them.
func widen(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	out := have
	out.Description = want.Description
	out.Discard = want.Discard
	out.Subjects = union(have.Subjects, want.Subjects)
	out.MaxBytes = max(have.MaxBytes, want.MaxBytes) // one without a bound gets one
	out.MaxAge = longest(have.MaxAge, want.MaxAge)
	out.Duplicates = max(have.Duplicates, want.Duplicates)
	out.Replicas = max(have.Replicas, want.Replicas)
	out.AllowMsgSchedules = have.AllowMsgSchedules || want.AllowMsgSchedules
	out.AllowMsgTTL = have.AllowMsgTTL || want.AllowMsgTTL
	out.AllowRollup = have.AllowRollup || want.AllowRollup
	out.Metadata = maps.Clone(have.Metadata)
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	out.Metadata[bus.VersionKey] = strconv.Itoa(max(bus.VersionOf(have.Metadata), bus.VersionOf(want.Metadata)))
	return out
}

// union keeps the order of have, so that nothing changes when nothing is new.
func union(have, want []string) []string {
	out := slices.Clone(have)
	for _, s := range want {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// longest is the longer of two ages, where zero is for ever.
func longest(have, want time.Duration) time.Duration {
	if have == 0 || want == 0 {
		return 0
	}
	return max(have, want)
}

func applyConsumer(ctx context.Context, js jetstream.JetStream, stream string, want jetstream.ConsumerConfig) (string, error) {
	have, err := js.Consumer(ctx, stream, want.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		if _, err := js.CreateConsumer(ctx, stream, want); err != nil && !errors.Is(err, jetstream.ErrConsumerExists) {
			return "", err
		}
		return "created", nil
	}
	if err != nil {
		return "", err
	}
	out := have.CachedInfo().Config
	out.AckWait = want.AckWait // no limit on what is kept: the wanted value wins
	out.MaxDeliver = want.MaxDeliver
	out.MaxAckPending = max(out.MaxAckPending, want.MaxAckPending)
	if reflect.DeepEqual(out, have.CachedInfo().Config) {
		return "", nil
	}
	if _, err := js.UpdateConsumer(ctx, stream, out); err != nil {
		return "", err
	}
	return "updated", nil
}
