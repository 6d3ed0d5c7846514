package storm_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"bazaar/infra/chat"
	"bazaar/tests/support"
)

// arm makes the connector that passes a point for the nth time from now on kill
// itself there. The file is put in place as a whole: it is read at once.
func (h *house) arm(t *testing.T, point string, nth int) {
	t.Helper()
	file := filepath.Join(h.crashes, point)
	err := os.WriteFile(file+".part", []byte(strconv.Itoa(nth)), 0o600)
	if err == nil {
		err = os.Rename(file+".part", file)
	}
	if err != nil {
		t.Fatalf("arming %s: %v", point, err)
	}
}

// armed reports whether the point still waits for somebody to die there.
func (h *house) armed(point string) bool {
	_, err := os.Stat(filepath.Join(h.crashes, point))
	return err == nil
}

// TestAConnectorThatDiesInMidDelivery has told some of the others, and some not:
// all of them see every message once, in order.
//
//	STORM_KILLS    how often one dies
//	STORM_CROWD    how many receive
func TestAConnectorThatDiesInMidDelivery(t *testing.T) {
	h := open(t)
	receivers, kills := int(support.Number(t, "STORM_CROWD", 200)), int(support.Number(t, "STORM_KILLS", 3))
	c := h.gather(t, fmt.Sprintf("kill-%d", time.Now().UnixMilli()), receivers+1, receivers+1, h.Sockets[:2])
	l := newLife(t, c, 1, 0)
	if !l.found(t.Context(), c.users[0], c.users[1:]) {
		t.Fatal("the group could not be founded")
	}
	g, random := l.groups[0].id, rand.New(rand.NewPCG(uint64(kills), 1))
	divided := 0
	for run := range kills {
		c.mix(t, random)
		said := len(h.Said())
		h.arm(t, "connector.fan", 1+random.IntN(receivers))
		c.say(c.people[1+random.IntN(receivers)], chat.Target{Conversation: g}, fmt.Sprint("run ", run))
		var had, lacked int
		if !support.Within(patience, func() bool {
			had, lacked = c.cut(g, int64(run+1))
			return !h.armed("connector.fan") && h.Deaths(said, "connector") > 0
		}) {
			t.Fatalf("run %d: no connector has died", run)
		}
		if had > 0 && lacked > 0 {
			divided++
		}
		c.hurry()
		took, _ := c.settle(t)
		if t.Failed() {
			t.FailNow()
		}
		t.Logf("run %d: of those who were cut off %d had it and %d had not; all %d had it after %s more", run, had, lacked, len(c.people), took.Round(10*time.Millisecond))
		h.heal(t)
	}
	if divided == 0 {
		t.Errorf("in none of %d runs some of those who were cut off had the message, and some not", kills)
	}
	h.mustHold(t)
}

// mix has half of the people come back by another connector: who lost one has
// gone to the other, all together.
func (c *crowd) mix(t *testing.T, random *rand.Rand) {
	t.Helper()
	for _, p := range c.people {
		if random.IntN(2) == 0 {
			p.Pause().Cut()
		}
	}
	if !support.Within(patience, func() bool {
		c.hurry() // each cut makes the pauses longer
		return c.underway(t) == ""
	}) {
		t.Fatal(c.underway(t))
	}
}

// cut is how many of those who have lost their connection have come to seq, and
// how many have not.
func (c *crowd) cut(conversation string, seq int64) (had, lacked int) {
	for _, p := range c.people {
		if p.State() == chat.Ready {
			continue
		}
		if slices.ContainsFunc(p.Conversations(), func(at chat.Conversation) bool { return at.ID == conversation && at.Cursor >= seq }) {
			had++
		} else {
			lacked++
		}
	}
	return had, lacked
}
