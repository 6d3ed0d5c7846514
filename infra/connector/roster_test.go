package connector

import (
	"context"
	"slices"
	"sync"
	"testing"

	"bazaar/shared/bus"
	"bazaar/shared/message"
)

// steps notes what a roster does with the server and the store, in its order.
type steps struct {
	*scene
	mu  sync.Mutex
	all []string
}

func (s *steps) note(step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, step)
}

func (s *steps) Open(subject string) error {
	s.note("open " + subject)
	return s.scene.Open(subject)
}

func (s *steps) Tell(...bus.Note) error { return nil }

func (s *steps) Flush(context.Context) error {
	s.note("flush")
	return nil
}

func (s *steps) Seats(context.Context, []string) ([]message.Seat, error) {
	s.note("read")
	return []message.Seat{place1("a", 3, 0, 10)}, nil
}

func (s *steps) Heads(context.Context, []string) (map[string]message.Head, error) { return nil, nil }

func (s *steps) ChangesSince(context.Context, string, int64) (message.Head, []message.Change, error) {
	return message.Head{}, nil, nil
}

// TestSeatsAreReadWhenAllIsHeard: what is said between the reading of the heads
// and the moment from which a conversation is heard would be nobody's.
func TestSeatsAreReadWhenAllIsHeard(t *testing.T) {
	t.Parallel()
	s := &steps{scene: newScene()}
	s.ear = s
	go s.run()
	c := person("a")
	left, err := newRoster(s.hub, s, s).round(t.Context(), []string{"a"}, map[string][]*client{"a": {c}})
	close(s.done)
	<-s.stopped
	want := []string{"open group.changed.a", "flush", "read", "open message.sent.g", "flush", "read"}
	if err != nil || len(left) != 0 || !slices.Equal(s.all, want) {
		t.Errorf("%v, %v: %q, want %q", left, err, s.all, want)
	}
	if s.let[c]["g"] != 10 {
		t.Errorf("it is let in with the heads %v", s.let[c])
	}
}
