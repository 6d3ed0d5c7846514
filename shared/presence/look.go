package presence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"bazaar/shared/fault"
	"bazaar/shared/rdb"
)

// Look tells of up to MostUsers users. Sessions of a node that does not live any
// more do not count. Nothing is said about whether a user exists. Errors: fault
// invalid invalid_users for more users, or for what is no id; unavailable when
// Redis is away.
func (s *Store) Look(ctx context.Context, users []string) (map[string]Presence, error) {
	if len(users) > MostUsers || slices.ContainsFunc(users, func(u string) bool { return !isID(u) }) {
		return nil, fault.New(fault.Invalid, "invalid_users", "At most %d user ids can be asked about at a time.", MostUsers)
	}
	n, err := s.leases.get(ctx)
	if err != nil {
		return nil, err
	}
	commands := make([][]any, 0, 2*len(users))
	for _, user := range users {
		commands = append(commands, n.sessions(user), []any{"get", lastKey(user)})
	}
	outcomes := s.client.DoAll(ctx, commands)
	found := make(map[string]Presence, len(users))
	for i, user := range users {
		var p Presence
		if p.Online, err = n.online(user, outcomes[2*i]); err != nil {
			return nil, err
		}
		if p.LastActive, err = lastActive(outcomes[2*i+1]); err != nil {
			return nil, err
		}
		found[user] = p
	}
	return found, nil
}

// sessions asks for the sessions of a user that were held lately.
func (n nodes) sessions(user string) []any {
	return []any{"zrangebyscore", sessionKey(user), "(" + strconv.FormatInt(n.now(), 10), "+inf"}
}

// online reads the answer: one of them is at a node that lives.
func (n nodes) online(user string, o rdb.Outcome) (bool, error) {
	if o.Err != nil {
		return false, rdb.Fault(o.Err, "reading the sessions of a user")
	}
	return slices.ContainsFunc(words(o.Reply), func(member string) bool {
		x, ok := readSession(user, member)
		return ok && n.live[x.Node]
	}), nil
}

// lastActive reads when a user was last active; zero where nothing is known.
func lastActive(o rdb.Outcome) (time.Time, error) {
	if errors.Is(o.Err, redis.Nil) {
		return time.Time{}, nil
	}
	if o.Err != nil {
		return time.Time{}, rdb.Fault(o.Err, "reading when a user was last active")
	}
	text, _ := o.Reply.(string)
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading when a user was last active: %w", err)
	}
	return time.UnixMilli(at).UTC(), nil
}
