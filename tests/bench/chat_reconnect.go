package main

import (
	"context"
	"fmt"
	"time"

	"bazaar/tests/bench/audience"
)

// stormPeople lose their connector where coming back is measured.
const stormPeople = 5_000

// measureReconnect kills a connector under many, who come back as the client
// library does, and to whom something was said meanwhile: once to another node
// that runs beside it, once to the same, which is started again.
func measureReconnect(ctx context.Context, c *chat) (Result, error) {
	t := Table{
		Title: "Coming back",
		Note: fmt.Sprintf("%d people in groups of %d lose their connector by SIGKILL; in each group something is said while they are away. They try again after a random part of 0.5 s, doubled each time, up to 30 s (full jitter), and ask sync-messages within 0.2 s of `ready`, at most 64 at a time. Times from the kill.",
			c.many(stormPeople), groupSize),
		Head: []string{"who comes back where", "lost it: last", "`ready` again: p50", "p99", "last", "in sync: p50", "p99", "last", "tries", "calls of sync-messages", "put off", "the others' p99 before", "meanwhile"},
	}
	var rows []Row
	for _, where := range []string{"another node", "the same node, started again"} {
		s, err := c.storm(ctx, where == "another node")
		if err != nil {
			return Result{}, err
		}
		t.Rows = append(t.Rows, append([]string{where}, s.cells()...))
		rows = append(rows, Row{
			What:   fmt.Sprintf("%d clients whose connector is killed: until all are back and in sync (%s), against 30 s", c.many(stormPeople), where),
			Figure: inMilliseconds(s.synced.at(100)), Baseline: "30 s", Ratio: s.synced.at(100).Seconds() / 30,
		})
	}
	return Result{Rows: rows, Tables: []Table{t}}, nil
}

// storm is what was seen of one.
type storm struct {
	audience.Back
	gone, ready, synced *histogram
	calm, meanwhile     *histogram // delays of the others, on the node that lives
}

func (s *storm) cells() []string {
	last := func(h *histogram) string { return inMilliseconds(h.at(100)) }
	return []string{last(s.gone), inMilliseconds(s.ready.at(50)), inMilliseconds(s.ready.at(99)), last(s.ready),
		inMilliseconds(s.synced.at(50)), inMilliseconds(s.synced.at(99)), last(s.synced),
		fmt.Sprint(s.Tries), fmt.Sprint(s.Asked), fmt.Sprint(s.Denied), inMilliseconds(s.calm.at(99)), inMilliseconds(s.meanwhile.at(99))}
}

// scene is who is where before a node dies: those whom it takes along, one of
// each of their groups on the other node, who speaks to them, and there also
// people in groups of their own, who go on talking.
type scene struct {
	lost, left, calm audience.Join
	each, usual      audience.Talk // one message to each group of the lost; the talk of the others
}

func (c *chat) scene(ctx context.Context, set string, dies, lives *node) (*scene, error) {
	users, quiet := c.users(set, c.many(stormPeople)), c.users("calm-"+set, 10*groupSize)
	rooms, err := c.groups(ctx, users, groupSize)
	if err != nil {
		return nil, err
	}
	calm, err := c.groups(ctx, quiet, groupSize)
	if err != nil {
		return nil, err
	}
	s := &scene{lost: c.at(dies, set, nil), left: c.at(lives, "left-"+set, nil), calm: c.at(lives, "calm-"+set, quiet)}
	for i := range rooms {
		r := &rooms[i]
		s.left.Users = append(s.left.Users, users[r.Members[0]])
		for _, n := range r.Members[1:] {
			s.lost.Users, s.lost.Rooms = append(s.lost.Users, users[n]), append(s.lost.Rooms, r.ID)
		}
		r.Members = []int{i}
	}
	const rate = 500
	s.each = audience.Talk{Set: s.left.Set, Rooms: rooms, Evenly: true, Rate: rate, Length: audience.Duration(time.Duration(len(rooms)) * time.Second / rate), Body: textSize}
	s.usual = audience.Talk{Set: s.calm.Set, Rooms: calm, Rate: 20, Length: audience.Duration(c.b.long(4 * time.Second)), Body: textSize}
	return s, nil
}

// storm kills a node, and sees the people come back to the other one or to the
// same.
func (c *chat) storm(ctx context.Context, toAnother bool) (*storm, error) {
	dies, lives, err := c.two(ctx)
	if err != nil {
		return nil, err
	}
	p, err := c.scene(ctx, fmt.Sprintf("lost-%t", toAnother), dies, lives)
	if err != nil {
		return nil, err
	}
	if p.lost.Return = []string{dies.address}; toAnother {
		p.lost.Return = []string{lives.address}
	}
	for _, j := range []audience.Join{p.lost, p.left, p.calm} {
		if _, err := c.people.join(j); err != nil {
			return nil, err
		}
	}
	if _, err := c.people.talk(p.each); err != nil { // all are heard
		return nil, err
	}
	before, err := c.people.talk(p.usual)
	if err != nil {
		return nil, err
	}
	since := time.Now()
	if err := dies.kill(); err != nil {
		return nil, err
	}
	if _, err := c.people.said(p.each); err != nil { // some are back already, most are not
		return nil, err
	}
	meanwhile, err := c.people.talk(p.usual)
	if err != nil {
		return nil, err
	}
	a, err := c.people.ask(audience.Order{Await: &audience.Await{Set: p.lost.Set, Since: since, Seq: 2, Within: audience.Duration(time.Minute)}})
	if err != nil {
		return nil, err
	}
	if _, err := c.people.talk(p.each); err != nil { // all are heard again
		return nil, err
	}
	for _, j := range []audience.Join{p.lost, p.left, p.calm} {
		if err := c.people.leave(j.Set); err != nil {
			return nil, err
		}
	}
	s := &storm{Back: *a.Back, gone: histogramOf(a.Back.Gone), ready: histogramOf(a.Back.Ready), synced: histogramOf(a.Back.Synced), calm: before.delay, meanwhile: meanwhile.delay}
	c.b.say("%d lost: ready p50 %s, last %s; in sync last %s", s.Lost, inMilliseconds(s.ready.at(50)), inMilliseconds(s.ready.at(100)), inMilliseconds(s.synced.at(100)))
	return s, ctx.Err()
}

// two are two fresh nodes.
func (c *chat) two(ctx context.Context) (one, other *node, err error) {
	for _, n := range c.nodes {
		n.stop()
	}
	c.nodes = nil
	if one, err = c.node(ctx); err != nil {
		return nil, nil, err
	}
	other, err = c.node(ctx)
	return one, other, err
}
