package schema

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/bus"
)

// TestStreamsRefuseRatherThanDrop: the server's own way is to drop the oldest.
func TestStreamsRefuseRatherThanDrop(t *testing.T) {
	t.Parallel()
	for _, s := range Streams(StreamSettings{QueueMaxBytes: 1 << 20, Replicas: 1}) {
		drops := s.Name == bus.CronStream || s.Name == bus.MissedStream
		if (s.Discard == jetstream.DiscardOld) != drops || s.MaxBytes < 1 || s.Replicas != 1 || s.Storage != jetstream.FileStorage {
			t.Errorf("%s: discards %v, at most %d bytes, %d replicas, storage %v", s.Name, s.Discard, s.MaxBytes, s.Replicas, s.Storage)
		}
	}
}
