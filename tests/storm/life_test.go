package storm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"bazaar/infra/chat"
	"bazaar/tests/support"
)

// callWithin bounds a call of manage-group: while it storms many have no answer.
const callWithin = 5 * time.Second

// group is what the test believes of one; what it was not answered it does not
// know.
type group struct {
	id      string
	owner   string
	members []string // beside the owner
	ended   bool
}

// life is what a crowd does at random.
type life struct {
	*crowd
	random *rand.Rand
	mu     sync.Mutex
	groups []*group
	hands  sync.WaitGroup
}

// newLife founds so many groups, of few and of many.
func newLife(t *testing.T, c *crowd, seed uint64, groups int) *life {
	t.Helper()
	l := &life{crowd: c, random: rand.New(rand.NewPCG(seed, 3))}
	for i := range groups {
		size := 4 + l.random.IntN(20)
		if i == 0 {
			size = len(c.users) / 2
		}
		if !l.found(t.Context(), pick(l.random, c.users), l.some(size)) {
			t.Fatal("a group could not be founded before it storms")
		}
	}
	return l
}

// some are so many different users.
func (l *life) some(n int) []string {
	var all []string
	for _, i := range l.random.Perm(len(l.users))[:n] {
		all = append(all, l.users[i])
	}
	return all
}

// call calls manage-group as a user; false when the answer is no, or none.
func (l *life) call(ctx context.Context, user, method, path string, body, into any) bool {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return false
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, l.h.Gateway+"/function/manage-group"+path, bytes.NewReader(raw))
	if err != nil {
		return false
	}
	token, _, err := l.h.token(user)
	if err != nil {
		return false
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := l.h.http.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		return false
	}
	l.crowd.mu.Lock()
	l.answers[method+" "+strconv.Itoa(answer.StatusCode)]++
	l.crowd.mu.Unlock()
	return answer.StatusCode < 300 && (into == nil || json.Unmarshal(said, into) == nil)
}

// found makes an open group.
func (l *life) found(ctx context.Context, owner string, members []string) bool {
	members = slices.DeleteFunc(members, func(u string) bool { return u == owner })
	var made struct {
		ID string `json:"group_id"`
	}
	if !l.call(ctx, owner, http.MethodPost, "", map[string]any{"title": "of " + owner, "members": members, "open": true}, &made) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups = append(l.groups, &group{id: made.ID, owner: owner, members: members})
	return true
}

// begin begins something that waits for an answer.
func (l *life) begin(f func()) { l.hands.Go(f) }

// out has somebody taken out of a group, by itself or by the owner.
func (l *life) out(ctx context.Context, g *group, by, who string) {
	l.begin(func() {
		if l.call(ctx, by, http.MethodDelete, fmt.Sprintf("/%s/members/%s", g.id, who), nil, nil) {
			l.mu.Lock()
			g.members = slices.DeleteFunc(g.members, func(u string) bool { return u == who })
			l.mu.Unlock()
		}
	})
}

// in has somebody taken into a group.
func (l *life) in(ctx context.Context, g *group, by, who string) {
	l.begin(func() {
		if who != g.owner && l.call(ctx, by, http.MethodPut, fmt.Sprintf("/%s/members/%s", g.id, who), map[string]any{}, nil) {
			l.mu.Lock()
			g.members = append(g.members, who)
			l.mu.Unlock()
		}
	})
}

// dissolve ends a group.
func (l *life) dissolve(ctx context.Context, g *group) {
	l.begin(func() {
		if l.call(ctx, g.owner, http.MethodDelete, "/"+g.id, nil, nil) {
			l.mu.Lock()
			g.ended = true
			l.mu.Unlock()
		}
	})
}

// among gives a group, and one of its members if it has any to spare.
func (l *life) among() (g *group, who string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g = pick(l.random, l.groups)
	if len(g.members) < 2 || g.ended {
		return g, "", false
	}
	return g, pick(l.random, g.members), true
}

// change changes who is in which group.
func (l *life) change(ctx context.Context) {
	g, who, ok := l.among()
	user := pick(l.random, l.users)
	switch what := l.random.IntN(20); {
	case what < 4:
		l.in(ctx, g, user, user) // joins
	case what < 8:
		l.in(ctx, g, g.owner, user) // is added
	case what < 12 && ok:
		l.out(ctx, g, who, who) // leaves
	case what < 16 && ok:
		l.out(ctx, g, g.owner, who) // is removed
	case what < 18 && ok:
		l.out(ctx, g, g.owner, who) // goes and comes at once, in any order
		l.in(ctx, g, g.owner, who)
	case what < 19:
		members := l.some(3 + l.random.IntN(8))
		l.begin(func() { l.found(ctx, user, members) })
	case l.random.IntN(2) == 0:
		l.dissolve(ctx, g)
	}
}

// speak lets somebody say something where it believes to be, or to anybody.
func (l *life) speak(number int) {
	p := pick(l.random, l.people)
	text := fmt.Sprintf("%d of %s %s", number, p.device, strings.Repeat("x", l.random.IntN(200)))
	if places := p.Conversations(); len(places) > 0 && l.random.IntN(8) > 0 {
		l.say(p, chat.Target{Conversation: pick(l.random, places).ID}, text)
		return
	}
	if to := pick(l.random, l.users); to != p.user {
		l.say(p, chat.Target{User: to}, text)
	}
}

// fidget does what costs nobody anything: it reads, types, watches, and recalls.
func (l *life) fidget(ctx context.Context) {
	p := pick(l.random, l.people)
	places := p.Conversations()
	if len(places) == 0 {
		return
	}
	at := pick(l.random, places)
	switch l.random.IntN(8) {
	case 0:
		p.Typing(at.ID)
	case 1:
		p.Watch(l.some(5))
	case 2:
		entries := p.Timeline(at.ID)
		for _, e := range slices.Backward(entries) {
			if e.Gap == nil && e.From == p.user {
				l.begin(func() { _ = p.Recall(ctx, at.ID, e.Seq) }) // no answer is no answer
				break
			}
		}
	default:
		p.Read(at.ID, at.Cursor)
	}
}

// trouble is what people have with their own networks.
func (l *life) trouble(ctx context.Context) {
	p := pick(l.random, l.people)
	if l.random.IntN(3) == 0 {
		p.Pause().Cut()
		return
	}
	away := time.Duration(500+l.random.IntN(9500)) * time.Millisecond
	l.begin(func() {
		p.Pause().Hold(true)
		support.Pause(ctx, away)
		p.Pause().Hold(false)
	})
}

// live goes on until ctx ends: so many messages a second, and beside each one
// something else now and then. When it returns nobody is held away any more.
func (l *life) live(ctx context.Context, rate float64) {
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	calls := context.WithoutCancel(ctx)
	for number := 0; ctx.Err() == nil; number++ {
		l.speak(number)
		switch l.random.IntN(10) {
		case 0, 1:
			l.change(calls)
		case 2, 3, 4:
			l.fidget(calls)
		case 5:
			l.trouble(ctx)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	l.hands.Wait()
}
