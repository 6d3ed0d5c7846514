package presence

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/rdb"
)

// mostAtOnce bounds the scripts of one pipeline: others wait behind it.
const mostAtOnce = 512

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
	found := make(map[string]Presence, len(users))
	for i, outcome := range s.lookAll(ctx, users) {
		if found[users[i]], err = n.presence(users[i], outcome); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (s *Store) lookAll(ctx context.Context, users []string) []rdb.Outcome {
	calls := make([]rdb.Call, len(users))
	for i, user := range users {
		calls[i] = rdb.Call{Keys: []string{sessionKey(user), lastKey(user)}}
	}
	return s.scripts.look.RunAll(ctx, s.client, calls)
}

// presence reads the answer about one user.
func (n nodes) presence(user string, o rdb.Outcome) (Presence, error) {
	if o.Err != nil {
		return Presence{}, o.Err
	}
	list, ok := o.Reply.([]any)
	if !ok || len(list) != 2 {
		return Presence{}, fmt.Errorf("looking for a user: the script answered %v", o.Reply)
	}
	var p Presence
	for _, member := range words(list[0]) {
		x, ok := readSession(user, member)
		p.Online = p.Online || ok && n.live[x.Node]
	}
	if last, ok := list[1].(string); ok && last != "" {
		at, err := strconv.ParseInt(last, 10, 64)
		if err != nil {
			return Presence{}, fmt.Errorf("reading when a user was last active: %w", err)
		}
		p.LastActive = time.UnixMilli(at).UTC()
	}
	return p, nil
}

// Missing gives those of users who are not there and were not given for this
// conversation within quiet: who is to be told by another way. A user whom it
// gives counts as told.
//
// sure is false when some may be there after all or were told before: Redis is
// away (then the answer is everyone it cannot tell of), or was emptied so lately
// that not everybody has held again. It never fails.
func (s *Store) Missing(ctx context.Context, users []string, conversation string, quiet time.Duration) (missing []string, sure bool) {
	n, err := s.leases.get(ctx)
	if err != nil {
		return users, false
	}
	sure = n.settled
	for part := range slices.Chunk(users, mostAtOnce) {
		gone, told := s.missing(ctx, n, part, conversation, quiet)
		missing = append(missing, gone...)
		sure = sure && told
	}
	return missing, sure
}

func (s *Store) missing(ctx context.Context, n nodes, users []string, conversation string, quiet time.Duration) (missing []string, sure bool) {
	sure = true
	var away []string
	var calls []rdb.Call
	for i, outcome := range s.lookAll(ctx, users) {
		p, err := n.presence(users[i], outcome)
		switch {
		case err != nil:
			missing, sure = append(missing, users[i]), false
		case !p.Online:
			away = append(away, users[i])
			calls = append(calls, rdb.Call{Keys: []string{toldKey(users[i])}, Args: []any{conversation, quiet.Milliseconds()}})
		}
	}
	for i, outcome := range s.scripts.tell.RunAll(ctx, s.client, calls) {
		if outcome.Err != nil {
			sure = false
		}
		if outcome.Err != nil || number(outcome.Reply) == 1 {
			missing = append(missing, away[i])
		}
	}
	return missing, sure
}
