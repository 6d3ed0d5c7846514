package presence

import (
	"context"
	"fmt"
	"time"

	"bazaar/shared/rdb"
)

// Held is what came of holding a session.
type Held struct {
	// Since is to be held with from now on, and to leave with.
	Since int64
	// First reports that the user was not there before: worth telling others.
	First bool
	// Replaced are the sessions that had to go for this one, wherever they are;
	// their nodes are to be told.
	Replaced []Session
	// Lost reports that this session is the one that has to go: a newer one has its
	// device, or there are as many newer ones as there may be. It is not kept.
	Lost bool
}

// Hold registers a session, or renews it: the same call again at the latest
// every HoldEvery, with the Since that the first one gave. active is when its
// client last did something, by the caller's clock; zero says nothing.
//
// Errors: unavailable when Redis is away; then the session may have been held or
// not, and holding it again is safe.
func (s *Store) Hold(ctx context.Context, x Session, active time.Time) (Held, error) {
	if err := x.check(); err != nil {
		return Held{}, fmt.Errorf("holding a session: %w", err)
	}
	call := s.holding(x, active)
	reply, err := s.scripts.hold.Run(ctx, s.client, call.Keys, call.Args...)
	return readHeld(x.User, rdb.Outcome{Reply: reply, Err: err})
}

// Holding is what Hold is called with.
type Holding struct {
	Session
	Active time.Time
}

// HoldAll is Hold for many sessions in one round trip; each has an error of its own.
func (s *Store) HoldAll(ctx context.Context, all []Holding) ([]Held, []error) {
	held, errs := make([]Held, len(all)), make([]error, len(all))
	var calls []rdb.Call
	var of []int
	for i, h := range all {
		if err := h.check(); err != nil {
			errs[i] = fmt.Errorf("holding a session: %w", err)
			continue
		}
		calls, of = append(calls, s.holding(h.Session, h.Active)), append(of, i)
	}
	for n, o := range s.scripts.hold.RunAll(ctx, s.client, calls) {
		i := of[n]
		held[i], errs[i] = readHeld(all[i].User, o)
	}
	return held, errs
}

func (s *Store) holding(x Session, active time.Time) rdb.Call {
	return rdb.Call{
		Keys: []string{sessionKey(x.User), lastKey(x.User)},
		Args: []any{x.Since, x.ID, x.Node, x.Device, SessionLease.Milliseconds(), s.most, ms(active)},
	}
}

func readHeld(user string, o rdb.Outcome) (Held, error) {
	if o.Err != nil {
		return Held{}, o.Err
	}
	list, ok := o.Reply.([]any)
	if !ok || len(list) != 4 {
		return Held{}, fmt.Errorf("holding a session: the script answered %v", o.Reply)
	}
	held := Held{Since: number(list[0]), First: number(list[1]) == 1, Lost: number(list[2]) == 1}
	for _, member := range words(list[3]) {
		if other, ok := readSession(user, member); ok {
			held.Replaced = append(held.Replaced, other)
		}
	}
	return held, nil
}

// Leave ends a session, and says whether it was the user's last. It takes nobody
// else's place, however late it comes. Until now the user was there, as far as
// others see. Error: unavailable when Redis is away; the entry ends with its
// lease then.
func (s *Store) Leave(ctx context.Context, x Session) (last bool, err error) {
	if err := x.check(); err != nil {
		return false, fmt.Errorf("leaving a session: %w", err)
	}
	reply, err := s.scripts.leave.Run(ctx, s.client, []string{sessionKey(x.User), lastKey(x.User)}, x.ID, x.Node, x.Device)
	return err == nil && number(reply) == 0, err
}

// number and words read what a script answers; anything else is nothing.
func number(v any) int64 {
	n, _ := v.(int64)
	return n
}

func words(v any) []string {
	list, _ := v.([]any)
	all := make([]string, 0, len(list))
	for _, one := range list {
		if word, ok := one.(string); ok {
			all = append(all, word)
		}
	}
	return all
}
