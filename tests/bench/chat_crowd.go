package main

import (
	"context"
	"fmt"
	"time"

	"bazaar/tests/bench/audience"
)

// crowdTurns are how often the connector and the bare loop take turns.
const crowdTurns = 3

// measureCrowd has one speak to all, over a connector and over a loop that only
// writes, in turns, before the same people.
func measureCrowd(ctx context.Context, c *chat) (Result, error) {
	n, err := c.node(ctx)
	if err != nil {
		return Result{}, err
	}
	address, loop, stop, err := startBare(ctx)
	if err != nil {
		return Result{}, err
	}
	defer stop()
	c.beside[loop.Process.Pid] = barePart
	users := c.users("crowd", c.many(crowdPeople))
	rooms, err := c.groups(ctx, users, len(users))
	if err != nil {
		return Result{}, err
	}
	rooms[0].Members = []int{0} // the bare loop hears one only
	bareJoin := audience.Join{Set: barePart, Address: address, Users: users, AtOnce: 64, Within: audience.Duration(time.Minute)}
	for _, j := range []audience.Join{c.at(n, connectorPart, users), bareJoin} {
		if _, err := c.people.join(j); err != nil {
			return Result{}, err
		}
	}
	talk := audience.Talk{Rooms: rooms, Rate: 1, Evenly: true, Body: textSize}
	var both [2]*fanned
	for i, name := range []string{connectorPart, barePart} {
		both[i] = &fanned{name: name, delay: newHistogram()}
		talk.Set, talk.Length = name, audience.Duration(3*time.Second)
		if _, err := c.people.talk(talk); err != nil { // to warm up
			return Result{}, err
		}
	}
	talk.Length = audience.Duration(c.b.long(8 * time.Second))
	for range crowdTurns {
		for i := range both {
			talk.Set = both[1-i].name
			if err := c.fan(talk, both[1-i], both[i]); err != nil {
				return Result{}, err
			}
		}
		c.b.say("average %s, bare %s", inMilliseconds(duration(both[0].means[len(both[0].means)-1])), inMilliseconds(duration(both[1].means[len(both[1].means)-1])))
	}
	return crowdResult(len(users), both[0], both[1]), ctx.Err()
}

// fanned is what one server has done for a crowd.
type fanned struct {
	name       string
	delay      *histogram
	means      []float64
	used, idle []time.Duration // processor time of its turns, and of the other's
	rates      []float64       // deliveries a second of processor time
	deliveries int
}

// fan is one's turn, in which the other only waits.
func (c *chat) fan(t audience.Talk, one, other *fanned) error {
	var h heard
	used, all, err := c.spending(one.name, func() (err error) {
		h, err = c.people.talk(t)
		return err
	})
	if err != nil {
		return err
	}
	one.delay.merge(h.delay)
	one.means = append(one.means, float64(h.delay.mean()))
	one.used, other.idle = append(one.used, used), append(other.idle, all[other.name])
	one.rates = append(one.rates, float64(h.Got)/used.Seconds())
	one.deliveries += h.Got
	return nil
}

// net is deliveries a second of processor time without what it takes to have the
// people there: heartbeats, sessions, sweeps.
func (f *fanned) net() float64 {
	var used time.Duration
	for i := range f.used {
		used += f.used[i] - f.idle[i]
	}
	return float64(f.deliveries) / used.Seconds()
}

func crowdResult(people int, ours, bare *fanned) Result {
	var delays, rates []float64
	for i := range ours.means {
		delays, rates = append(delays, ours.means[i]/bare.means[i]), append(rates, ours.rates[i]/bare.rates[i])
	}
	t := Table{
		Title: "A crowd",
		Note: fmt.Sprintf("One group of %d, one message a second, over the connector and, in turns, over a process that lets the same people in and then does nothing but write the frame to one socket after the other. *A delivery* is processor time of the connector or of the loop;", people) +
			" *at rest* is what they use in the turn of the other: for the connector heartbeats, sessions in Redis and sweeps.",
		Head: []string{"server", "deliveries", "average", "p50", "p90", "p99", "p99.9", "longest", "a delivery", "at rest, of a core"},
	}
	for _, f := range []*fanned{ours, bare} {
		var used, idle time.Duration
		for i := range f.used {
			used, idle = used+f.used[i], idle+f.idle[i]
		}
		t.Rows = append(t.Rows, append(append([]string{f.name, fmt.Sprint(f.deliveries)}, f.delay.cells()...),
			fmt.Sprintf("%.1f µs", float64(used.Nanoseconds())/1000/float64(f.deliveries)), fmt.Sprintf("%.1f %%", 100*idle.Seconds()/(float64(f.deliveries)/float64(people-1)))))
	}
	return Result{
		Rows: []Row{
			{What: fmt.Sprintf("one group of %d, a message a second: average from `send` to `message`, against a loop that only writes the frame", people),
				Figure: inMilliseconds(duration(median(ours.means))), Baseline: inMilliseconds(duration(median(bare.means))), Ratio: median(delays), Target: atMost(1.5)},
			{What: "the same: deliveries a second of the connector's processor time, all that it does in it, against the loop's",
				Figure: perSecond(median(ours.rates)), Baseline: perSecond(median(bare.rates)), Ratio: median(rates), Target: atLeast(0.6)},
			{What: "the same without what each uses while nobody speaks",
				Figure: perSecond(ours.net()), Baseline: perSecond(bare.net()), Ratio: ours.net() / bare.net()},
		},
		Tables: []Table{t},
		Plots: []Plot{percentiles("chat-crowd", fmt.Sprintf("A message to %d people", people-1),
			[]line{{"connector", ours.delay, false}, {"a loop that only writes", bare.delay, true}})},
	}
}
