package schema

import (
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/bus"
	"bazaar/shared/config"
)

// FuzzStreamSettings: whatever stands in the environment, it is refused, or every
// stream has a bound and as many copies as it says.
func FuzzStreamSettings(f *testing.F) {
	for _, c := range [][2]string{{"1073741824", "1"}, {"", ""}, {"0", "1"}, {"-1", "3"}, {"1", "0"}, {"1", "6"}, {"9223372036854775808", "1"}, {"1GB", "3"}, {"1", "-1"}} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, bytes, replicas string) {
		s, err := config.Load[StreamSettings]([]string{"queue_max_bytes=" + bytes, "stream_replicas=" + replicas})
		if err != nil || s.check() != nil {
			return
		}
		if n, err := strconv.ParseInt(bytes, 10, 64); bytes != "" && (err != nil || n != s.QueueMaxBytes) {
			t.Errorf("%q is %d bytes", bytes, s.QueueMaxBytes)
		}
		for _, stream := range Streams(s) {
			if stream.MaxBytes < 1 || stream.Replicas != s.Replicas || stream.Replicas < 1 || stream.Replicas > 5 || bus.VersionOf(stream.Metadata) != bus.StreamsVersion {
				t.Errorf("%q, %q: %+v", bytes, replicas, stream)
			}
		}
	})
}

// FuzzWiden: a stream that is there gets what it lacks and loses nothing,
// whatever an operator has made of it; to do so again changes nothing.
func FuzzWiden(f *testing.F) {
	f.Add(int64(-1), int64(0), int64(time.Hour), 1, "1", "order.placed", int64(64<<20), 3)
	f.Add(int64(1<<40), int64(time.Minute), int64(0), 3, "99", "x", int64(1), 1)
	f.Add(int64(0), int64(-5), int64(-1), 0, "no", "", int64(1<<62), 5)
	f.Fuzz(func(t *testing.T, size, age, twice int64, replicas int, version, subject string, queue int64, copies int) {
		s := StreamSettings{QueueMaxBytes: queue, Replicas: copies}
		if s.check() != nil {
			return
		}
		have := jetstream.StreamConfig{
			MaxBytes: size, MaxAge: time.Duration(age), Duplicates: time.Duration(twice), Replicas: replicas,
			Subjects: []string{subject}, Metadata: map[string]string{bus.VersionKey: version, "theirs": subject}, MaxMsgs: 7,
		}
		for _, want := range Streams(s) {
			got := widen(have, want)
			if got.MaxBytes < have.MaxBytes || got.MaxBytes < want.MaxBytes || got.Replicas < have.Replicas || got.Replicas < want.Replicas || got.Duplicates < have.Duplicates ||
				got.MaxAge != 0 && (have.MaxAge == 0 || want.MaxAge == 0 || got.MaxAge < have.MaxAge || got.MaxAge < want.MaxAge) {
				t.Errorf("%+v becomes %+v", have, got)
			}
			if got.Subjects[0] != subject || len(got.Subjects) < len(want.Subjects) || got.MaxMsgs != 7 || got.Metadata["theirs"] != subject ||
				bus.VersionOf(got.Metadata) < bus.StreamsVersion || bus.VersionOf(got.Metadata) < bus.VersionOf(have.Metadata) {
				t.Errorf("%+v becomes %+v", have, got)
			}
			if again := widen(got, want); len(again.Subjects) != len(got.Subjects) || again.MaxBytes != got.MaxBytes || again.MaxAge != got.MaxAge || again.Replicas != got.Replicas {
				t.Errorf("%+v becomes %+v, and then %+v", have, got, again)
			}
		}
	})
}
