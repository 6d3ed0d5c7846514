package storm_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"bazaar/infra/chat"
	"bazaar/infra/invariant"
	"bazaar/tests/support"
)

// patience is how long anything else may take that is to happen.
const patience = time.Minute

// settleWithin is how long after the end of a storm all may take to be right.
const settleWithin = time.Minute

// settle waits until nothing is on its way any more and every client has what
// it should have, and gives how long that took. Otherwise it fails the test
// with what does not fit.
func (c *crowd) settle(t *testing.T) (took time.Duration, records []chat.Record) {
	t.Helper()
	began := time.Now()
	var waiting, last string
	var found []chat.Breach
	judged := support.Within(settleWithin, func() bool {
		if time.Since(began) > settleWithin/2 {
			c.hurry()
		}
		if waiting = c.underway(t); waiting != "" {
			last = fmt.Sprintf("%s: %s", time.Since(began).Round(100*time.Millisecond), waiting)
			return false
		}
		records = c.records() // before the truth: nothing is said any more
		found = chat.Judge(records, support.Truth(t, c.h.Pool))
		return len(found) == 0
	})
	took = time.Since(began)
	t.Logf("the last that was waited for, after %s", last)
	if waiting != "" {
		t.Errorf("%s after the storm: %s", settleWithin, waiting)
	}
	if !judged {
		for _, b := range found[:min(len(found), 20)] {
			t.Error(b)
		}
		t.Logf("%d breaches", len(found))
	}
	if _, wrong := c.unsettled(); wrong != nil {
		t.Errorf("a message was refused: %v", wrong)
	}
	return took, records
}

// hurry has who still waits come back now, as somebody does who wants to see
// something: the pause may have grown to half a minute, before a message that
// waits for as long.
func (c *crowd) hurry() {
	for _, p := range c.people {
		if p.State() == chat.Waiting {
			p.Pause().Hold(false)
		}
	}
}

// underway says what is not at rest; empty when everything is. What it finds in
// gaps it has loaded.
func (c *crowd) underway(t *testing.T) (gaps string) {
	t.Helper()
	if left, _ := c.unsettled(); left > 0 {
		return fmt.Sprintf("%d messages are neither stored nor refused", left)
	}
	for _, p := range c.people {
		if s := p.State(); s != chat.Ready {
			return fmt.Sprintf("%s/%s is %s", p.user, p.device, s)
		}
		for _, at := range p.Conversations() {
			if at.Head > at.Cursor {
				return fmt.Sprintf("%s/%s has come to %d of %d in %s", p.user, p.device, at.Cursor, at.Head, at.ID)
			}
			if len(p.Gaps(at.ID)) > 0 {
				ctx, cancel := context.WithTimeout(t.Context(), callWithin)
				gaps = fmt.Sprintf("%s/%s has gaps in %s (%v)", p.user, p.device, at.ID, p.Older(ctx, at.ID))
				cancel()
			}
		}
	}
	return gaps
}

// mustHold checks the rules of the stores, once the outbox had the time to be
// emptied.
func (h *house) mustHold(t *testing.T) {
	t.Helper()
	terms := invariant.Standard()
	terms.Patience = time.Millisecond
	var broken []invariant.Violation
	var err error
	support.Within(20*time.Second, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		broken, err = invariant.CheckSettled(ctx, h.Pool, terms)
		return err == nil && len(broken) == 0
	})
	if err != nil {
		t.Errorf("checking what must hold: %v", err)
	}
	for _, v := range broken {
		t.Error(v)
	}
}

// whereabouts waits until presence is right: as many nodes as there are live,
// and everyone who is connected is online. Within atMost no session of a dead
// node is left either.
func (c *crowd) whereabouts(t *testing.T, sessions time.Duration) {
	t.Helper()
	var wrong string
	if !support.Within(30*time.Second, func() bool { wrong = c.misplaced(t.Context()); return wrong == "" }) {
		t.Errorf("presence: %s", wrong)
	}
	if sessions > 0 && !support.Within(sessions, func() bool { wrong = c.stale(t.Context()); return wrong == "" }) {
		t.Errorf("presence, %s later: %s", sessions, wrong)
	}
}

// misplaced says what is wrong with the nodes, or with who is online.
func (c *crowd) misplaced(ctx context.Context) string {
	nodes, err := c.h.presence.Nodes(ctx)
	if err != nil {
		return err.Error()
	}
	if len(nodes) != connectors {
		return fmt.Sprintf("%d nodes live, of %d", len(nodes), connectors)
	}
	for first := 0; first < len(c.users); first += 100 {
		some := c.users[first:min(first+100, len(c.users))]
		seen, err := c.h.presence.Look(ctx, some)
		if err != nil {
			return err.Error()
		}
		for _, user := range some {
			if !seen[user].Online {
				return user + " is connected, and not online"
			}
		}
	}
	return ""
}

// stale names a session in Redis whose node does not live, of any user.
func (c *crowd) stale(ctx context.Context) string {
	nodes, err := c.h.presence.Nodes(ctx)
	if err != nil {
		return err.Error()
	}
	keys := c.h.redis.Scan(ctx, 0, "presence:{u:*}:session", 1000).Iterator()
	for keys.Next(ctx) {
		members, err := c.h.redis.ZRange(ctx, keys.Val(), 0, -1).Result()
		if err != nil {
			return err.Error()
		}
		for _, m := range members {
			if parts := strings.Split(m, "|"); len(parts) != 4 || !nodes[parts[2]] {
				return fmt.Sprintf("%s has %s", keys.Val(), m)
			}
		}
	}
	if err := keys.Err(); err != nil {
		return err.Error()
	}
	return ""
}
