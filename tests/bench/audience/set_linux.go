package audience

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/uuid"

	"bazaar/shared/auth"
)

// set is people who have come together.
type set struct {
	order  Join
	people []*person
	begun  int // how many were told to connect
	inside int
	ended  int // that the server has closed, of those who were in
	tries  int
	each   *hdrhistogram.Histogram
	failed error // why somebody could not join
}

// address is where somebody goes who has tried so often.
func (s *set) address(tries int) string {
	if tries == 0 {
		return s.order.Address
	}
	return s.order.Return[(tries-1)%len(s.order.Return)]
}

func (s *set) entered(p *person) {
	s.inside++
	record(s.each, p.loop.now.Sub(p.began))
	p.times.ready = p.loop.now
}

func (s *set) left(_ *person, was stage, err error) {
	if was == in {
		s.inside--
		s.ended++
		return
	}
	if len(s.order.Return) == 0 && s.failed == nil {
		s.failed = err
	}
}

// joining is the task of a Join.
type joining struct {
	*set
	began time.Time
	ends  time.Time
}

func (l *loop) join(o Join) (task, error) {
	if l.sets[o.Set] != nil {
		return nil, fmt.Errorf("there is a set %s", o.Set)
	}
	s := &set{order: o, each: newHistogram()}
	tokens, err := sign(o.Key, o.Users)
	if err != nil {
		return nil, err
	}
	for i := range o.Users {
		p := &person{loop: l, set: s, number: i, token: tokens[i], bye: -1}
		p.fd.Store(-1)
		s.people = append(s.people, p)
	}
	l.sets[o.Set] = s
	l.now = time.Now()
	return &joining{set: s, began: l.now, ends: l.now.Add(time.Duration(o.Within))}, nil
}

func (j *joining) done(l *loop) (Answer, bool) {
	for j.begun < len(j.people) && j.begun-j.inside < j.order.AtOnce {
		j.begun++
		j.people[j.begun-1].connect()
	}
	switch {
	case j.inside == len(j.people):
		return Answer{Joined: &Joined{Took: Duration(l.now.Sub(j.began)), Each: j.each.Export()}}, true
	case j.failed != nil:
		return Answer{Error: "joining: " + j.failed.Error()}, true
	case l.now.After(j.ends):
		return Answer{Error: fmt.Sprintf("%d of %d are in after %s", j.inside, len(j.people), l.now.Sub(j.began))}, true
	}
	return Answer{}, false
}

// tokenLife is longer than any measurement.
const tokenLife = time.Hour

// sign makes the tokens of users, on all cores. Without a key they are their names.
func sign(key string, users []string) ([]string, error) {
	if key == "" {
		return users, nil
	}
	tokens := make([]string, len(users))
	raw, err := os.ReadFile(key)
	if err != nil {
		return nil, fmt.Errorf("reading the key of tokens: %w", err)
	}
	issuer, err := auth.NewIssuer(raw, "bazaar", "bazaar-api", tokenLife)
	if err != nil {
		return nil, err
	}
	var all sync.WaitGroup
	var once sync.Once
	var failed error
	const hands = 4
	for hand := range hands {
		all.Go(func() {
			for i := hand; i < len(users); i += hands {
				var err error
				if tokens[i], err = issuer.Issue(auth.Claims{Subject: users[i], SessionID: uuid.NewString()}); err != nil {
					once.Do(func() { failed = err })
				}
			}
		})
	}
	all.Wait()
	return tokens, failed
}

func (l *loop) leave(o Leave) (task, error) {
	s := l.sets[o.Set]
	if s == nil {
		return nil, fmt.Errorf("there is no set %s", o.Set)
	}
	delete(l.sets, o.Set)
	s.order.Return = nil
	ended := s.ended
	for _, p := range s.people {
		p.close()
		p.stage = away
	}
	return said{Answer{Ended: ended}}, nil
}

// awaiting is the task of an Await.
type awaiting struct {
	*set
	order Await
	ends  time.Time
}

func (l *loop) await(o Await) (task, error) {
	s := l.sets[o.Set]
	if s == nil {
		return nil, fmt.Errorf("there is no set %s", o.Set)
	}
	return &awaiting{set: s, order: o, ends: time.Now().Add(time.Duration(o.Within))}, nil
}

func (a *awaiting) done(l *loop) (Answer, bool) {
	missing := 0
	for _, p := range a.people {
		if p.stage != in || p.seen < a.order.Seq || p.times.lost.After(p.times.synced) {
			missing++
		}
	}
	if missing > 0 {
		late := l.now.After(a.ends)
		return Answer{Error: fmt.Sprintf("%d are not back and in sync", missing)}, late
	}
	b := &Back{Tries: a.tries, Asked: l.asks.sent, Denied: l.asks.denied}
	gone, ready, synced := newHistogram(), newHistogram(), newHistogram()
	for _, p := range a.people {
		if p.times.lost.Before(a.order.Since) {
			continue
		}
		b.Lost++
		record(gone, p.times.lost.Sub(a.order.Since))
		record(ready, p.times.ready.Sub(a.order.Since))
		record(synced, p.times.synced.Sub(a.order.Since))
	}
	b.Gone, b.Ready, b.Synced = gone.Export(), ready.Export(), synced.Export()
	return Answer{Back: b}, true
}
