package main

import (
	"context"
	"fmt"
	"time"

	"bazaar/tests/bench/audience"
)

// slowTurns are how often a group is heard with and without a slow receiver.
const slowTurns = 3

// measureSlow sees what somebody who does not read costs the others of a group.
func measureSlow(ctx context.Context, c *chat) (Result, error) {
	const rate, text = 50, 4096
	n, err := c.node(ctx)
	if err != nil {
		return Result{}, err
	}
	users := c.users("quick", groupSize)
	rooms, err := c.groups(ctx, users, groupSize)
	if err != nil {
		return Result{}, err
	}
	others, slow := users[1:], c.at(n, "slow", users[:1])
	slow.Deaf, slow.Buffer = true, 4096
	rooms[0].Members, rooms[0].Hearers = nil, len(others)-1
	for i := range others {
		rooms[0].Members = append(rooms[0].Members, i)
	}
	if _, err := c.people.join(c.at(n, "quick", others)); err != nil {
		return Result{}, err
	}
	talk := audience.Talk{Set: "quick", Rooms: rooms, Rate: rate, Length: audience.Duration(c.b.long(2 * time.Second)), Body: text}
	if _, err := c.people.talk(talk); err != nil { // to warm up
		return Result{}, err
	}
	talk.Length = audience.Duration(c.b.long(12 * time.Second)) // long enough to be cut off
	s := &slowed{alone: newHistogram(), beside: newHistogram()}
	for turn := range slowTurns {
		talk.Seed = uint64(turn)
		if err := c.slowTurn(ctx, n, talk, slow, s); err != nil {
			return Result{}, err
		}
	}
	if s.refused == 0 && s.cut == 0 {
		return Result{}, fmt.Errorf("nobody was slow: no frame was refused")
	}
	t := Table{
		Title: "A slow receiver",
		Note: fmt.Sprintf("A group of %d, %d messages of %d bytes a second, in turns with and without one among the receivers who never reads: in all %.0f frames were not taken for it, and it was cut off %.0f times in %d turns. From `send` to the `message` of the others:",
			groupSize, rate, text, s.refused, s.cut, slowTurns),
		Head: []string{"", "average", "p50", "p90", "p99", "p99.9", "longest"},
		Rows: [][]string{append([]string{"without"}, s.alone.cells()...), append([]string{"with a slow one"}, s.beside.cells()...)},
	}
	return Result{Rows: []Row{{
		What:   "p99 of the others' delay with somebody in their group who does not read, against without",
		Figure: inMilliseconds(s.beside.at(99)), Baseline: inMilliseconds(s.alone.at(99)), Ratio: median(s.ratios),
	}}, Tables: []Table{t}}, nil
}

// slowed is what a slow receiver has changed.
type slowed struct {
	alone, beside *histogram // the others' delays
	ratios        []float64  // of p99
	refused, cut  float64    // frames that were not taken for it, and how often it was cut off
}

// slowTurn has people talk without and with a slow one.
func (c *chat) slowTurn(ctx context.Context, n *node, talk audience.Talk, slow audience.Join, s *slowed) error {
	without, err := c.people.talk(talk)
	if err != nil {
		return err
	}
	before, err := n.counts(ctx)
	if err != nil {
		return err
	}
	if _, err := c.people.join(slow); err != nil {
		return err
	}
	with, err := c.people.talk(talk)
	if err != nil {
		return err
	}
	after, err := n.counts(ctx)
	if err != nil {
		return err
	}
	if err := c.people.leave(slow.Set); err != nil {
		return err
	}
	const refused, cut = `connector_deliveries_total{taken="refused"}`, `connector_closes_total{code="4002"}`
	s.refused, s.cut = s.refused+after[refused]-before[refused], s.cut+after[cut]-before[cut]
	s.alone.merge(without.delay)
	s.beside.merge(with.delay)
	s.ratios = append(s.ratios, float64(with.delay.at(99))/float64(without.delay.at(99)))
	c.b.say("p99 %s with a slow one, %s without; %.0f frames refused so far, cut off %.0f times", inMilliseconds(with.delay.at(99)),
		inMilliseconds(without.delay.at(99)), s.refused, s.cut)
	return nil
}
