package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bazaar/shared/message"
	"bazaar/tests/bench/audience"
)

// groupSize is how many people a usual group has.
const groupSize = 100

// chat is the usual system with connectors beside it, which are not the runner's
// own so that each measure has fresh ones, and with people who talk.
type chat struct {
	*shop
	b       *bench
	program string
	people  *people
	nodes   []*node
	run     string // makes the users of this measure its own
}

// chatting runs a measure of the chat and stops what it has started.
func chatting(measure func(context.Context, *chat) (Result, error)) func(context.Context, *bench) (Result, error) {
	return func(ctx context.Context, b *bench) (result Result, err error) {
		s, err := b.usual(ctx)
		if err != nil {
			return Result{}, err
		}
		c := &chat{shop: s, b: b, program: filepath.Join(b.dir, "connector"), run: uuid.NewString()[:8]}
		if _, err := os.Stat(c.program); err != nil {
			if out, err := exec.CommandContext(ctx, "go", "build", "-o", c.program, "./infra/cmd/connector").CombinedOutput(); err != nil {
				return Result{}, fmt.Errorf("building the connector: %w: %s", err, out)
			}
		}
		if c.people, err = gather(ctx); err != nil {
			return Result{}, err
		}
		defer func() { err = errors.Join(err, c.stop()) }()
		s.beside = map[int]string{c.people.pid(): peoplePart}
		return measure(ctx, c)
	}
}

func (c *chat) stop() error {
	err := c.people.stop()
	for _, n := range c.nodes {
		n.stop()
	}
	c.beside = nil
	return err
}

// many is a usual number of people, or a part of it as the options say, in whole
// groups.
func (c *chat) many(usual int) int {
	return max(1, int(float64(usual)*c.b.options.People)/groupSize) * groupSize
}

// users are n names that nobody else has.
func (c *chat) users(set string, n int) []string {
	users := make([]string, n)
	for i := range users {
		users[i] = fmt.Sprintf("%s-%s-%05d", c.run, set, i)
	}
	return users
}

// groups puts users into groups of so many, straight into the store: how they
// come to be is not measured. Each is a room in which everybody may speak.
func (c *chat) groups(ctx context.Context, users []string, size int) ([]audience.Room, error) {
	var rooms []audience.Room
	for first := 0; first < len(users); first += size {
		last := min(first+size, len(users))
		room := audience.Room{ID: message.NewGroupID(), Hearers: last - first - 1}
		for i := first; i < last; i++ {
			room.Members = append(room.Members, i)
		}
		if err := c.found(ctx, room.ID, users[first:last]); err != nil {
			return nil, err
		}
		rooms = append(rooms, room)
	}
	return rooms, c.age(ctx)
}

// age has the members that there are be ones of an hour ago: who is new is told
// to all connectors for a while, and these are not to look new.
func (c *chat) age(ctx context.Context) error {
	if _, err := c.Pool.Exec(ctx, `update message.member set changed_at = changed_at - interval '1 hour' where changed_at > now() - interval '30 minutes'`); err != nil {
		return fmt.Errorf("making members old: %w", err)
	}
	return nil
}

// found opens a group of users, the first of whom owns it.
func (c *chat) found(ctx context.Context, id string, users []string) error {
	return c.Pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := message.Store{}.Open(ctx, tx, id, users[0], users[1:])
		return err
	})
}

// pairs has each two of users share a conversation of their own.
func (c *chat) pairs(ctx context.Context, users []string) ([]audience.Room, error) {
	var rooms []audience.Room
	var ids, of []string
	for i := 0; i+1 < len(users); i += 2 {
		id := message.DirectID(users[i], users[i+1])
		rooms = append(rooms, audience.Room{ID: id, Members: []int{i, i + 1}, Hearers: 1})
		ids, of = append(ids, id), append(of, id, id)
	}
	_, err := c.Pool.Exec(ctx, `
		with c as (insert into message.conversation (conversation_id, kind, member_count) select id, 'direct', 2 from unnest($1::text[]) id)
		insert into message.member (conversation_id, user_id, version, from_seq, read_seq)
		select p.id, p.u, 1, 0, 0 from unnest($2::text[], $3::text[]) p (id, u)`, ids, of, users[:len(of)])
	if err != nil {
		return nil, fmt.Errorf("making conversations of two: %w", err)
	}
	return rooms, c.age(ctx)
}

// at is where a set of people connects, and what else is as usual of it.
func (c *chat) at(n *node, set string, users []string) audience.Join {
	return audience.Join{Set: set, Address: n.address, Users: users, Key: filepath.Join(c.Dir, "secrets", "token-signing-key"),
		AtOnce: 256, Within: audience.Duration(time.Minute), Gateway: c.host()}
}

// settle gives timers and collectors the time to do what they will.
func settle(ctx context.Context, d time.Duration) error {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// spending is the processor time of one part, and of all, while do runs.
func (c *chat) spending(name string, do func() error) (time.Duration, usage, error) {
	before, err := c.usage()
	if err != nil {
		return 0, nil, err
	}
	if err := do(); err != nil {
		return 0, nil, err
	}
	after, err := c.usage()
	if err != nil {
		return 0, nil, err
	}
	used := after.since(before)
	return used[name], used, nil
}

// child makes this program run once more, as something else.
func child(ctx context.Context, as string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childOf+"="+as)
	cmd.Stderr = os.Stderr
	return cmd
}
