package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bazaar/shared/event"
	"bazaar/shared/message"
	"bazaar/shared/pg"
	"bazaar/shared/presence"
)

// people are the members of every conversation; those with a capital are there.
type people struct {
	members []string
	sure    bool

	mu     sync.Mutex
	events []event.Event
	asked  int
}

func (p *people) Users(_ context.Context, _ pg.Querier, conversations []string) (map[string][]string, error) {
	users := map[string][]string{}
	for _, c := range conversations {
		users[c] = slices.Clone(p.members)
	}
	return users, nil
}

func (p *people) Missing(_ context.Context, audiences []presence.Audience, _ time.Duration) (missed []presence.Missed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	for _, a := range audiences {
		missed = append(missed, presence.Missed{Users: slices.DeleteFunc(a.Users, func(u string) bool { return u[0] < 'a' }), Sure: p.sure})
	}
	return missed
}

func (p *people) PublishAll(_ context.Context, events []event.Event) []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, events...)
	return make([]error, len(events))
}

func (p *people) absent() *absent {
	a := newAbsent(nil, p, p, slog.New(slog.DiscardHandler))
	a.messages = p
	return a
}

func told(conversation, from string, seq int64) message.Posted {
	return message.Posted{Message: message.Message{Conversation: conversation, Seq: seq, From: from, Kind: "text", ID: fmt.Sprint("m", seq)}}
}

func TestTheAbsentAreRemindedOfTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &people{members: []string{"alice", "bob", "Carol", "shop"}, sure: true}
		a := p.absent()
		a.Note(t.Context(), []message.Posted{told("g_1", "bob", 1), told("g_1", "alice", 2), told("g_2", "Carol", 9)})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); a.Run(ctx) }()
		time.Sleep(gather / 2)
		a.Note(ctx, []message.Posted{told("g_1", "alice", 3)})
		time.Sleep(gather)
		synctest.Wait()
		got := map[string]message.MissedData{}
		for _, e := range p.events {
			var d message.MissedData
			if err := e.Decode(&d); err != nil {
				t.Fatal(err)
			}
			got[d.Conversation] = d
		}
		one, two := got["g_1"], got["g_2"]
		if len(p.events) != 2 || !slices.Equal(one.Users, []string{"bob"}) || one.Seq != 3 || one.From != "alice" || !one.Sure {
			t.Errorf("%+v", got)
		}
		if !slices.Equal(two.Users, []string{"alice", "bob"}) || two.Seq != 9 {
			t.Errorf("%+v", two)
		}
		stop()
		<-ended
	})
}

func TestManyAbsentAreSeveralEvents(t *testing.T) {
	p := &people{}
	for i := range maxNamed + 1 {
		p.members = append(p.members, fmt.Sprintf("user%04d", i))
	}
	if err := p.absent().remind(t.Context(), []message.Message{told("g_1", "alice", 1).Message}); err != nil {
		t.Fatal(err)
	}
	if len(p.events) != 2 || p.events[0].ID == p.events[1].ID || !strings.HasPrefix(p.events[1].ID, p.events[0].ID) {
		t.Errorf("%d events", len(p.events))
	}
}

// Those who are asked about at once are bounded: large conversations are asked about
// one by one.
func TestTheAbsentOfLargeConversationsAreNotAskedAboutAtOnce(t *testing.T) {
	p := &people{}
	for i := range askedUsers {
		p.members = append(p.members, fmt.Sprintf("user%04d", i))
	}
	var messages []message.Message
	for i := range 3 {
		messages = append(messages, told(fmt.Sprint("g_", i), "alice", 1).Message)
	}
	if err := p.absent().remind(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
	if each := (askedUsers + maxNamed - 1) / maxNamed; p.asked != 3 || len(p.events) != 3*each {
		t.Errorf("asked %d times, %d events", p.asked, len(p.events))
	}
	p.members, p.asked = []string{"bob"}, 0
	if err := p.absent().remind(t.Context(), messages); err != nil || p.asked != 1 {
		t.Errorf("of small ones asked %d times, %v", p.asked, err)
	}
}

// What waits is bounded, and a conversation that waits already takes its newest.
func TestWhatWaitsForTheAbsentIsBounded(t *testing.T) {
	a := (&people{}).absent()
	for i := range maxAbsent + 10 {
		a.Note(t.Context(), []message.Posted{told(fmt.Sprint("c", i), "a", 1)})
	}
	a.Note(t.Context(), []message.Posted{told("c0", "a", 2), told("new", "a", 2)})
	if _, taken := a.waiting["new"]; len(a.waiting) != maxAbsent || a.waiting["c0"].Seq != 2 || taken {
		t.Errorf("%d wait", len(a.waiting))
	}
}
