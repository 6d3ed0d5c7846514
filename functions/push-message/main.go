// push-message stores what people and the shop say, each message once and under
// a number of its conversation, and has it announced to whoever is connected. It
// takes messages back, and reminds of those that nobody was there to get.
package main

import (
	"context"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/crash"
	"bazaar/shared/fn"
	"bazaar/shared/group"
	"bazaar/shared/message"
	"bazaar/shared/order"
	"bazaar/shared/outbox"
	"bazaar/shared/payment"
	"bazaar/shared/pg"
	"bazaar/shared/presence"
	"bazaar/shared/rdb"
	"bazaar/shared/stores"
)

type settings struct {
	PG         pg.Settings
	Redis      rdb.Settings
	Bus        bus.Settings
	Tokens     auth.TokenSettings
	TriggerKey []byte `secret:"trigger-key"`
}

func main() { fn.Main("push-message", assemble) }

func assemble(_ context.Context, run *fn.Runtime, s *settings) (fn.Routes, error) {
	trigger, err := auth.NewEventVerifier(s.TriggerKey)
	if err != nil {
		return nil, err
	}
	pool, err := stores.Postgres(run, s.PG)
	if err != nil {
		return nil, err
	}
	cache, err := stores.Redis(run, s.Redis)
	if err != nil {
		return nil, err
	}
	queue, err := stores.NATS(run, s.Bus)
	if err != nil {
		return nil, err
	}
	user, err := stores.UserDoor(run, pool, s.Tokens)
	if err != nil {
		return nil, err
	}

	absent := newAbsent(pool, presence.NewStore(cache, 0), queue, run.Log)
	run.Go("absent", absent.Run)
	announcer := message.NewAnnouncer(queue, pool, message.AnnouncerSettings{
		Opened: opened, Log: run.Log,
		Flushed: func(ctx context.Context, batch []message.Posted) {
			absent.Note(ctx, batch)
			crash.Point("push-message", "announced")
		},
	})
	run.Go("announcer", announcer.Run)
	// One connection is left to the questions of the others.
	poster := message.NewPoster(committing{pool}, announcer, int(s.PG.MaxConns)-1)
	run.OnStop("poster", poster.Close)

	h := &Handler{
		Store: pool, Owner: user.Owner, Log: run.Log, Poster: poster, Messages: message.Store{}, Payments: payment.Store{},
		Record: outbox.Add, Announce: announcer.Announce, Bus: queue, Absent: absent.Note,
	}
	return fn.Routes{
		fn.User(user, "POST /{$}", fn.Step(h.Send)),
		fn.User(user, "POST /{conversation}/recall", fn.Step(h.Recall)),
		fn.Raw("POST /letters", h.Letters, fn.MaxBody(maxLettersBody)),
		fn.Event(trigger,
			fn.On(order.Reserved, h.OrderMoved), fn.On(order.Paid, h.OrderMoved),
			fn.On(order.Shipped, h.OrderMoved), fn.On(order.Closed, h.OrderMoved),
			fn.On(payment.Refunded, h.Refunded),
			fn.On(message.Stored, h.Stored),
			fn.On("cron.push-message", h.Tick),
		),
	}, nil
}

// committing is a store of messages with the moment between their commit and
// their announcement.
type committing struct{ *pg.Pool }

// AskAndWrite is pg.Pool's.
func (c committing) AskAndWrite(ctx context.Context, ask func(*pgx.Batch), write func(*pgx.Batch) error) error {
	err := c.Pool.AskAndWrite(ctx, ask, write)
	if err == nil {
		crash.Point("push-message", "committed")
	}
	return err
}

// opened tells a user of a direct conversation that somebody has begun.
func opened(o message.Opened) bus.Note {
	return group.Changed{Conversation: o.Conversation, Version: o.Version, LastSeq: o.LastSeq, By: o.By}.Note(o.User)
}
