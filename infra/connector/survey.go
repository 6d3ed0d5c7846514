package connector

import (
	"context"
	"slices"
	"sync"
	"time"

	"bazaar/shared/message"
)

// maxHeads bounds the conversations of one question.
const maxHeads = 500

// survey asks the store how far things are when something may not have been
// heard: a room that was entered late, all of them when NATS was away or notes
// were dropped.
type survey struct {
	hub       *hub
	bus       Bus
	directory Directory
	roster    *roster
	metrics   *metrics
	wake      chan struct{}

	mu    sync.Mutex
	rooms []string // entered late
	whole bool
}

func newSurvey(h *hub, b Bus, d Directory, r *roster, m *metrics) *survey {
	return &survey{hub: h, bus: b, directory: d, roster: r, metrics: m, wake: make(chan struct{}, 1)}
}

// room has one room looked at.
func (s *survey) room(id string) { s.note(func() { s.rooms = append(s.rooms, id) }) }

// all has everything looked at.
func (s *survey) all() { s.note(func() { s.whole = true }) }

func (s *survey) note(f func()) {
	s.mu.Lock()
	f()
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *survey) take() (rooms []string, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms, whole = s.rooms, s.whole
	s.rooms, s.whole = nil, false
	return rooms, whole
}

// run surveys until ctx ends. What fails is tried again after a second.
func (s *survey) run(ctx context.Context) {
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-again.C:
		}
		rooms, whole := s.take()
		if err := s.look(ctx, rooms, whole); err != nil {
			s.mu.Lock()
			s.rooms, s.whole = append(s.rooms, rooms...), s.whole || whole
			s.mu.Unlock()
			again.Reset(time.Second)
		}
	}
}

func (s *survey) look(ctx context.Context, rooms []string, whole bool) error {
	if len(rooms) == 0 && !whole {
		return nil
	}
	if err := s.bus.Flush(ctx); err != nil {
		return err
	}
	if err := s.heads(ctx, rooms, func(id string, head message.Head) { s.hub.looked(id, head, time.Now()) }); err != nil || !whole {
		return err
	}
	s.metrics.surveys.Inc()
	var users []string
	if !s.roster.ask(func() {
		rooms = nil
		for id := range s.hub.rooms {
			rooms = append(rooms, id)
		}
		for name := range s.hub.users {
			users = append(users, name)
		}
	}) {
		return errEnded
	}
	err := s.heads(ctx, rooms, func(id string, head message.Head) {
		s.hub.swept(message.Heads{Heads: map[string]message.Head{id: head}}, time.Now())
	})
	if err == nil {
		s.roster.again(users...)
	}
	return err
}

// heads asks how far rooms are and has f called for each in the hub's turn.
func (s *survey) heads(ctx context.Context, rooms []string, f func(id string, head message.Head)) error {
	for some := range slices.Chunk(rooms, maxHeads) {
		asking, cancel := context.WithTimeout(ctx, rosterTimeout)
		heads, err := s.directory.Heads(asking, some)
		cancel()
		if err != nil {
			return err
		}
		s.hub.do(func() {
			for id, head := range heads {
				f(id, head)
			}
		})
	}
	return nil
}
