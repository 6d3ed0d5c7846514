package connector

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"bazaar/shared/group"
	"bazaar/shared/message"
)

// FuzzHeads: whatever is told of heads and of changes, nothing is heard but what
// has a name of ours, nobody sits anywhere who is not here, and who knew of a
// place keeps knowing where it is.
func FuzzHeads(f *testing.F) {
	for _, text := range []string{
		`{"heads":[["g",12,3]],"members":[["g","a",4,2,false]]}`, `{"heads":[],"members":[["g","a",4,0,true],["h","a",1,0,false],["h","b",1,0,false]]}`,
		`{"conversation":"g","version":4,"from_seq":2,"last_seq":9,"gone":true,"by":"b"}`, `{"conversation":"new","version":1,"from_seq":0,"last_seq":1}`,
		`{"conversation":"*","version":1}`, `{"conversation":"a.>","version":1}`, `{"conversation":"g h","version":9223372036854775807,"from_seq":9223372036854775807}`,
		`{"heads":[["*",1,1]]}`, `{"heads":[["g",-1,1]]}`, `{"heads":[["g",9223372036854775807,9223372036854775807]]}`, `{"members":[["g","a",2]]}`, `{"heads":[[null,null,null]]}`,
		`{`, `null`, `[]`, `{"heads":{}}`, `{"heads":[["g",1.5,1]]}`, `{"heads":[["g","1",1]]}`,
	} {
		f.Add([]byte(text), []byte(text))
	}
	f.Fuzz(func(t *testing.T, heads, changed []byte) {
		s := newScene()
		a, b := person("a"), person("b")
		s.sit(t, a, place1("a", 3, 0, 10))
		s.sit(t, b)
		for range 2 { // once more changes nothing that could be wrong
			s.hear(&nats.Msg{Subject: message.HeadSubject, Data: heads}, at(0))
			s.hear(&nats.Msg{Subject: group.Subject("a"), Data: changed}, at(10))
			s.hear(&nats.Msg{Subject: group.Subject("nobody"), Data: changed}, at(10))
		}
		for ms := 100; ms <= 2000; ms += 100 {
			s.tick(at(ms))
		}
		for subject := range s.heard {
			name, sent := strings.CutPrefix(subject, message.SentSubject(""))
			if !sent {
				name = strings.TrimPrefix(subject, group.Subject(""))
			}
			if !isID(name) {
				t.Errorf("%q is heard", subject)
			}
		}
		for _, r := range s.rooms {
			for u, at := range r.seats {
				if len(u.clients) == 0 || s.users[u.name] != u || s.seats[u.clients[0]][r.id] != at {
					t.Errorf("%s sits in %s at %+v, and is not there", u.name, r.id, at)
				}
			}
		}
		for c, rooms := range s.seats {
			for id := range rooms {
				if _, seated := s.rooms[id].seats[c.here]; !seated {
					t.Errorf("%s sits in %s, and nobody knows", c.user, id)
				}
			}
		}
		for _, o := range append(s.hints, s.told...) {
			if o.seq < 0 || o.kind == opHint && o.seq == 0 {
				t.Errorf("hinted at %d", o.seq)
			}
		}
	})
}
