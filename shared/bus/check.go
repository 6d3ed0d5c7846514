package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// check finds out, once for each subject, whether the stream that takes it is
// there and new enough.
func (b *Bus) check(ctx context.Context, subject string) error {
	if _, ok := b.checked.Load(subject); ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	name, err := b.js.StreamNameBySubject(ctx, subject)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return unavailable(fmt.Errorf("no stream takes %s: run migrate", subject))
	}
	if err != nil {
		return unavailable(fmt.Errorf("looking for the stream of %s: %w", subject, err))
	}
	if _, err := b.state(ctx, name); err != nil {
		return err
	}
	b.checked.Store(subject, struct{}{})
	return nil
}

// state asks the server how a stream is, and refuses one that is missing or too old.
func (b *Bus) state(ctx context.Context, name string) (jetstream.StreamState, error) {
	stream, err := b.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return jetstream.StreamState{}, unavailable(fmt.Errorf("the stream %s is missing: run migrate", name))
	}
	if err != nil {
		return jetstream.StreamState{}, unavailable(fmt.Errorf("asking for the stream %s: %w", name, err))
	}
	info := stream.CachedInfo()
	if version := VersionOf(info.Config.Metadata); version < StreamsVersion {
		return jetstream.StreamState{}, unavailable(fmt.Errorf(
			"the stream %s is at version %d, this code needs %d: run migrate", name, version, StreamsVersion))
	}
	return info.State, nil
}
