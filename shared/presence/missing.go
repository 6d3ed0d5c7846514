package presence

import (
	"context"
	"slices"
	"time"

	"bazaar/shared/rdb"
)

// mostAtOnce bounds the commands of one pipeline: others wait behind it.
const mostAtOnce = 512

// Audience are those who should hear of a conversation.
type Audience struct {
	Conversation string
	Users        []string
}

// Missed are those of an audience who are to be told by another way.
type Missed struct {
	Users []string
	// Sure is false when some may be there after all or were told before: Redis is
	// away (then these are all whom it cannot tell of), or was emptied so lately
	// that not everybody has held again.
	Sure bool
}

// Missing gives of each audience those who are not there and were not given for
// this conversation within quiet. A user whom it gives counts as told. It never
// fails, and costs a few round trips for all audiences together.
func (s *Store) Missing(ctx context.Context, audiences []Audience, quiet time.Duration) []Missed {
	missed := make([]Missed, len(audiences))
	n, err := s.leases.get(ctx)
	if err != nil {
		for i, a := range audiences {
			missed[i].Users = a.Users
		}
		return missed
	}
	there := s.there(ctx, n, audiences)
	var tell []telling
	for i, a := range audiences {
		missed[i].Sure = n.settled
		for _, user := range a.Users {
			switch online, known := there[user]; {
			case !known:
				missed[i].add(user, false)
			case !online:
				tell = append(tell, telling{i, user, rdb.Call{Keys: []string{toldKey(user)}, Args: []any{a.Conversation, quiet.Milliseconds()}}})
			}
		}
	}
	for some := range slices.Chunk(tell, mostAtOnce) {
		calls := make([]rdb.Call, len(some))
		for i, t := range some {
			calls[i] = t.call
		}
		for i, o := range s.scripts.tell.RunAll(ctx, s.client, calls) {
			if t := some[i]; o.Err != nil || number(o.Reply) == 1 {
				missed[t.audience].add(t.user, o.Err == nil)
			}
		}
	}
	return missed
}

// telling is a user of an audience who is not there, and may have been told.
type telling struct {
	audience int
	user     string
	call     rdb.Call
}

func (m *Missed) add(user string, sure bool) {
	m.Users, m.Sure = append(m.Users, user), m.Sure && sure
}

// there says of the users of all audiences whether they are there; nothing of
// those whom Redis did not tell of.
func (s *Store) there(ctx context.Context, n nodes, audiences []Audience) map[string]bool {
	var users []string
	asked := map[string]bool{}
	for _, a := range audiences {
		for _, user := range a.Users {
			if !asked[user] {
				asked[user], users = true, append(users, user)
			}
		}
	}
	there := make(map[string]bool, len(users))
	for some := range slices.Chunk(users, mostAtOnce) {
		commands := make([][]any, len(some))
		for i, user := range some {
			commands[i] = n.sessions(user)
		}
		for i, o := range s.client.DoAll(ctx, commands) {
			if online, err := n.online(some[i], o); err == nil {
				there[some[i]] = online
			}
		}
	}
	return there
}
