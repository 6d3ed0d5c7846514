package connector

import (
	"math/rand/v2"
	"strings"
	"testing"

	"bazaar/shared/message"
)

// knowing notes how far each client was told that the conversation goes, by a
// message or by word of it.
type knowing struct {
	*scene
	far map[*client]int64
}

func (k *knowing) put(c *client, o op) {
	k.scene.put(c, o)
	switch o.kind {
	case opWelcome:
		k.far[c] = o.heads["g"]
	case opTell:
		k.far[c] = max(k.far[c], o.seq)
	}
}

func (k *knowing) all(o op) {
	k.scene.all(o)
	seq := o.seq
	if o.kind == opDeliver {
		seq = o.delivery.last
	}
	for c, rooms := range k.seats {
		if _, seated := rooms[o.room]; seated {
			k.far[c] = max(k.far[c], seq)
		}
	}
}

// TestWhoIsInKnowsHowFarItGoes once the sweep has told all: whatever was lost
// before, and whether a seat came by an announcement, the sweep, or a reading.
func TestWhoIsInKnowsHowFarItGoes(t *testing.T) {
	t.Parallel()
	checked := 0
	for seed := range uint64(1500) {
		s := &story{scene: newScene(), store: newStore("a", "b", "c"), t: t, r: rand.New(rand.NewPCG(seed, 2)), users: []string{"a", "b", "c", "d"}}
		k := &knowing{scene: s.scene, far: map[*client]int64{}}
		s.hub.out = k
		for range 80 {
			s.step()
			if s.r.IntN(20) == 0 {
				s.rereads = append(s.rereads, s.users[s.r.IntN(len(s.users))]) // NATS was away
			}
		}
		s.flying = nil
		for range 60 {
			s.now += 200
			if s.r.IntN(2) == 0 {
				for _, c := range s.rows {
					s.hub.swept(message.Heads{Heads: map[string]message.Head{"g": head(s.version(), s.store.seq)}, Members: []message.Change{c}}, at(s.now))
				}
			}
			for range s.looks {
				s.hub.looked("g", head(s.version(), s.store.seq), at(s.now))
			}
			s.looks = nil
			s.hub.tick(at(s.now))
			s.answer()
			s.arrive(false)
		}
		for _, c := range s.clients {
			from, in := s.members[s.version()][c.user]
			if !in || from >= s.store.seq {
				continue
			}
			if checked++; k.far[c] < s.store.seq {
				t.Fatalf("seed %d: %s is in from %d, knows of %d, and there are %d:\n%s", seed, c.user, from, k.far[c], s.store.seq, strings.Join(s.trace, "\n"))
			}
		}
	}
	if checked < 800 {
		t.Errorf("%d clients were looked at: the stories are about nothing", checked)
	}
}
