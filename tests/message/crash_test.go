package message_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bazaar/infra/chat"
)

// soon is how long a message may take that push-message has left behind when it
// died.
const soon = 5 * time.Second

// TestPushMessageDies between the commit of a message and its announcement, and
// between that and the end of its event: everybody sees it soon, and once.
func TestPushMessageDies(t *testing.T) {
	for _, point := range []string{"push-message.committed", "push-message.announced"} {
		t.Run(point, func(t *testing.T) {
			h := open(t)
			c := h.cast(t)
			group, people := c.talkers()
			pids := h.Pids(t, "push-message")
			eventually(t, "all before to be settled", func() bool {
				return h.count(t, `select count(*) from outbox.event where type = 'message.stored'`) == 0
			})
			h.arm(t, point)
			began := time.Now()
			sent := people[0].Queue(chat.Target{Conversation: group}, "text", map[string]string{"text": "left behind"})
			var event string // that tells of it until somebody was told
			eventually(t, "the event to be left behind", func() bool {
				err := h.Pool.QueryRow(t.Context(), `select event_id from outbox.event where type = 'message.stored'`).Scan(&event)
				return err == nil
			})
			for _, p := range people[1:] {
				p.shows(group, 2)
			}
			took := time.Since(began)
			t.Logf("seen after %s", took)
			if took > soon {
				t.Error("that is late")
			}
			eventually(t, "push-message to have died there", func() bool { return !h.armed(point) })
			eventually(t, "another process to be in its place", func() bool {
				now := h.Pids(t, "push-message")
				return len(now) == len(pids) && !slices.Equal(now, pids)
			})
			select {
			case <-sent.Done():
			case <-time.After(patience):
				t.Fatal("the sender is not told")
			}
			eventually(t, "the message to be told of again", func() bool {
				return strings.Contains(h.Log(t, "push-message"), `"event_id":"`+event+`"`)
			})
			last := people[1].says(group, "and on")
			for _, p := range people {
				p.shows(group, last.Seq)
				if n := p.sights(group, 2); n != 1 || last.Seq != 3 {
					t.Errorf("%s was shown it %d times; the next is %d", p.name, n, last.Seq)
				}
			}
			c.holds()
		})
	}
}
