package message

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"bazaar/shared/bus"
	"bazaar/shared/outbox"
	"bazaar/shared/pg"
)

const (
	// flushEvery is how long announcements gather before the server is asked for
	// all of them at once.
	flushEvery = 100 * time.Millisecond
	// settleAlone is how long the row of one waits for a transaction to go along
	// with. The relay takes what is older than a second.
	settleAlone = 300 * time.Millisecond
	// settleTimeout bounds that, and the last flush.
	settleTimeout = 2 * time.Second
	// maxTold bounds what waits for a flush; older announcements are left to the relay.
	maxTold = 16 << 10
)

// Teller is what the announcer needs of a bus.Bus.
type Teller interface {
	Tell(notes ...bus.Note) error
	Flush(ctx context.Context) error
	Connections() uint64
}

// AnnouncerSettings are what else is done about messages that were stored.
type AnnouncerSettings struct {
	// Opened is what is told to a user of a new direct conversation, before its
	// first message is: group.changed.
	Opened func(Opened) bus.Note
	// Flushed, if set, is called with messages that the server has been told of,
	// before their event is settled, by one goroutine: those who are not connected
	// may be reminded. What it is not called with comes as an event again.
	Flushed func(ctx context.Context, batch []Posted)
	// Log may be nil.
	Log *slog.Logger
}

// Announcer tells NATS what was stored. The event of each transaction stays in
// the outbox until the server has what was told of it: what is lost before, with
// this process or with the connection, the relay brings as an event.
type Announcer struct {
	bus      Teller
	store    pg.Querier
	settings AnnouncerSettings
	wake     chan struct{}

	mu      sync.Mutex
	told    []announcement
	settled []string // events that can leave the outbox
	since   time.Time
}

// announcement is what was told of one event.
type announcement struct {
	event      string
	connection uint64
	batch      []Posted
}

// NewAnnouncer tells by t, and settles in store what no transaction takes along.
func NewAnnouncer(t Teller, store pg.Querier, s AnnouncerSettings) *Announcer {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	return &Announcer{bus: t, store: store, settings: s, wake: make(chan struct{}, 1)}
}

// Announce tells notes about what the event in the outbox tells of, and has the
// event settled once the server has them. Without an event ("") nothing is known
// to have been told. An error is unavailable: the relay will bring the event.
func (a *Announcer) Announce(event string, notes ...bus.Note) error {
	return a.announce(announcement{event: event}, notes)
}

// posted announces a transaction: first the conversations that are new to a user,
// so that its connectors listen, then what was said.
func (a *Announcer) posted(event string, fresh []Posted, opened []Opened) {
	if len(fresh) == 0 && len(opened) == 0 {
		return
	}
	var notes []bus.Note
	for _, o := range opened {
		if a.settings.Opened != nil {
			notes = append(notes, a.settings.Opened(o))
		}
	}
	err := a.announce(announcement{event: event, batch: fresh}, append(notes, Notes(fresh)...))
	if err != nil {
		a.settings.Log.Debug("an announcement is left to the relay", "event", event, "error", err.Error())
	}
}

func (a *Announcer) announce(one announcement, notes []bus.Note) error {
	one.connection = a.bus.Connections()
	if err := a.bus.Tell(notes...); err != nil || one.event == "" {
		return err
	}
	a.mu.Lock()
	a.told = append(a.told, one)
	if len(a.told) > maxTold {
		a.told = slices.Delete(a.told, 0, len(a.told)-maxTold)
	}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
	return nil
}

// Run flushes and settles until ctx ends, and once more then.
func (a *Announcer) Run(ctx context.Context) {
	timer := time.NewTimer(flushEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			a.finish(ctx)
			return
		case <-a.wake:
		}
		for a.busy() {
			timer.Reset(flushEvery)
			select {
			case <-ctx.Done():
				a.finish(ctx)
				return
			case <-timer.C:
			}
			a.flush(ctx)
			a.settle(ctx, settleAlone)
		}
	}
}

// finish is the last flush, of what was told up to the end.
func (a *Announcer) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	a.flush(ctx)
	a.settle(ctx, 0)
}

// busy reports whether something waits to be flushed or settled.
func (a *Announcer) busy() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.told)+len(a.settled) > 0
}

// flush makes the events of what the server has been told ready to be settled.
// What was told on a connection that is no more is left to the relay, and so is
// all of it while the server does not answer.
func (a *Announcer) flush(ctx context.Context) {
	a.mu.Lock()
	told := a.told
	a.told = nil
	a.mu.Unlock()
	if len(told) == 0 || a.bus.Flush(ctx) != nil {
		return
	}
	now := a.bus.Connections()
	told = slices.DeleteFunc(told, func(one announcement) bool { return one.connection != now })
	if a.settings.Flushed != nil {
		for _, one := range told {
			if len(one.batch) > 0 {
				a.settings.Flushed(ctx, one.batch)
			}
		}
	}
	events := make([]string, len(told))
	for i, one := range told {
		events[i] = one.event
	}
	a.put(events)
}

// settle takes away the rows that have waited for longer than age.
func (a *Announcer) settle(ctx context.Context, age time.Duration) {
	a.mu.Lock()
	ripe := len(a.settled) > 0 && time.Since(a.since) >= age
	a.mu.Unlock()
	if !ripe {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	// What is not taken away comes as an event, and is told once more.
	if err := outbox.Settle(ctx, a.store, a.due()); err != nil {
		a.settings.Log.WarnContext(ctx, "announced events stay in the outbox", "error", err.Error())
	}
}

// due gives the events that can leave the outbox, to who takes them away now.
func (a *Announcer) due() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	events := a.settled
	a.settled = nil
	return events
}

// put adds events that can leave the outbox, also those that nobody took away.
func (a *Announcer) put(events []string) {
	if len(events) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.settled) == 0 {
		a.since = time.Now()
	}
	a.settled = append(a.settled, events...)
}
