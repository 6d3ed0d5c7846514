package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"bazaar/shared/event"
	"bazaar/shared/message"
	"bazaar/shared/pg"
	"bazaar/shared/presence"
)

const (
	// quiet is how long nobody is reminded of the same conversation again.
	quiet = 10 * time.Minute
	// gather is how long conversations wait for others, and for newer messages of
	// their own, before anybody is asked about them.
	gather = 500 * time.Millisecond
	// remindTimeout bounds each question, and the publishing.
	remindTimeout = 3 * time.Second
	// asked is how many conversations the store is asked for at once: a question
	// for each would cost it more than the messages do. They may have 10,000
	// members each.
	asked = 128
	// askedUsers is about how many users are looked for at once.
	askedUsers = 4096
	// maxAbsent bounds the conversations that wait to be looked at; of more the
	// next message reminds.
	maxAbsent = 4096
	// maxNamed is the most users that one event names.
	maxNamed = 500
)

// absent finds out who was not connected when a message was told, and emits an
// event about it. It looks at the newest message of each conversation, some at a
// time, beside everything else: a Redis that does not answer must not keep
// announcements from being settled. What waits is lost with the process: these
// are reminders, and the message itself is stored.
type absent struct {
	store    pg.Querier
	messages interface {
		Users(ctx context.Context, q pg.Querier, conversations []string) (map[string][]string, error)
	}
	people interface {
		Missing(ctx context.Context, audiences []presence.Audience, quiet time.Duration) []presence.Missed
	}
	bus interface {
		PublishAll(ctx context.Context, events []event.Event) []error
	}
	log  *slog.Logger
	wake chan struct{}

	mu      sync.Mutex
	waiting map[string]message.Message // the newest of each conversation
}

func newAbsent(store pg.Querier, people interface {
	Missing(ctx context.Context, audiences []presence.Audience, quiet time.Duration) []presence.Missed
}, bus interface {
	PublishAll(ctx context.Context, events []event.Event) []error
}, log *slog.Logger,
) *absent {
	return &absent{
		store: store, messages: message.Store{}, people: people, bus: bus, log: log,
		wake: make(chan struct{}, 1), waiting: map[string]message.Message{},
	}
}

// Note has the conversations of messages looked at soon, and does not wait.
func (a *absent) Note(_ context.Context, batch []message.Posted) {
	a.mu.Lock()
	for _, m := range batch {
		if _, ok := a.waiting[m.Conversation]; ok || len(a.waiting) < maxAbsent {
			a.waiting[m.Conversation] = m.Message
		}
	}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Run reminds until ctx ends.
func (a *absent) Run(ctx context.Context) {
	pause := time.NewTimer(gather)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		}
		pause.Reset(gather)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		a.mu.Lock()
		waiting := a.waiting
		a.waiting = map[string]message.Message{}
		a.mu.Unlock()
		for some := range slices.Chunk(slices.Collect(maps.Values(waiting)), asked) {
			if ctx.Err() != nil {
				return
			}
			if err := a.remind(ctx, some); err != nil {
				a.log.DebugContext(ctx, "not everybody was reminded", "conversations", len(some), "error", err.Error())
			}
		}
	}
}

// remind emits who has missed messages of as many conversations.
func (a *absent) remind(ctx context.Context, messages []message.Message) error {
	conversations := make([]string, len(messages))
	for i, m := range messages {
		conversations[i] = m.Conversation
	}
	asking, cancel := context.WithTimeout(ctx, remindTimeout)
	users, err := a.messages.Users(asking, a.store, conversations)
	cancel()
	if err != nil {
		return err
	}
	var errs []error
	for len(messages) > 0 {
		n, audiences := 0, []presence.Audience(nil)
		for looked := 0; n < len(messages) && looked < askedUsers; n++ {
			m := messages[n]
			heard := slices.DeleteFunc(users[m.Conversation], func(u string) bool { return u == m.From || u == message.Shop })
			audiences = append(audiences, presence.Audience{Conversation: m.Conversation, Users: heard})
			looked += len(heard)
		}
		errs = append(errs, a.tell(ctx, messages[:n], audiences))
		messages = messages[n:]
	}
	return errors.Join(errs...)
}

// tell emits who of the audiences of messages has missed them.
func (a *absent) tell(ctx context.Context, messages []message.Message, audiences []presence.Audience) error {
	asking, cancel := context.WithTimeout(ctx, remindTimeout)
	missed := a.people.Missing(asking, audiences, quiet)
	cancel()
	var events []event.Event
	for i, m := range messages {
		these, err := missedBy(m, missed[i])
		if err != nil {
			return err
		}
		events = append(events, these...)
	}
	publishing, cancel := context.WithTimeout(ctx, remindTimeout)
	defer cancel()
	return errors.Join(a.bus.PublishAll(publishing, events)...)
}

// missedBy are the events about those who missed a message.
func missedBy(m message.Message, missed presence.Missed) (events []event.Event, err error) {
	for some := range slices.Chunk(missed.Users, maxNamed) {
		e, err := message.MissedEvent(m.ID, message.MissedData{
			Users: some, Conversation: m.Conversation, Kind: m.Kind, From: m.From, Seq: m.Seq, SentAt: m.SentAt, Sure: missed.Sure,
		})
		if err != nil {
			return nil, err
		}
		if len(events) > 0 {
			e.ID += "-" + some[0] // the same fact about others
		}
		events = append(events, e)
	}
	return events, nil
}
