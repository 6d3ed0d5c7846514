package main

import (
	"context"
	"fmt"
	"time"

	"bazaar/tests/bench/audience"
)

// crowdPeople are on one connector where groups are measured.
const crowdPeople = 8_200

// textSize is what a message says, in bytes.
const textSize = 100

// talkWarm is what is said before anything is measured.
const talkWarm = 4 * time.Second

// talkRounds are how often what is measured is measured; the median counts.
const talkRounds = 3

// measureGroups has many in groups of a hundred speak, now here, now there.
func measureGroups(ctx context.Context, c *chat) (Result, error) {
	const rate, most = 100, 12 * time.Millisecond
	n, err := c.node(ctx)
	if err != nil {
		return Result{}, err
	}
	users := c.users("group", c.many(crowdPeople))
	rooms, err := c.groups(ctx, users, groupSize)
	if err != nil {
		return Result{}, err
	}
	if _, err := c.people.join(c.at(n, "group", users)); err != nil {
		return Result{}, err
	}
	s, err := c.speech(ctx, audience.Talk{Set: "group", Rooms: rooms, Rate: rate, Body: textSize}, 6*time.Second)
	if err != nil {
		return Result{}, err
	}
	what := fmt.Sprintf("%d people on one connector in groups of %d, %d group messages a second in all", len(users), groupSize, rate)
	return Result{
		Rows: []Row{{What: what + ": average from `send` to a receiver's `message`", Figure: inMilliseconds(duration(median(s.means))), Baseline: inMilliseconds(most),
			Ratio: median(s.means) / float64(most), Target: atMost(1)}},
		Tables: []Table{s.delays("Groups", what+"; an open loop at the moments of a Poisson process, who speaks where by lot."), processors("Processor time of a group message, by process", []string{"µs a message"}, s)},
		Plots:  []Plot{s.plot("chat-groups", "Group messages: 100 a second to 99 receivers each")},
	}, nil
}

// measureDirect has a thousand couples talk.
func measureDirect(ctx context.Context, c *chat) (Result, error) {
	const rate, couples, most = 1000, 1000, 5 * time.Millisecond
	n, err := c.node(ctx)
	if err != nil {
		return Result{}, err
	}
	users := c.users("couple", c.many(2*couples))
	rooms, err := c.pairs(ctx, users)
	if err != nil {
		return Result{}, err
	}
	if _, err := c.people.join(c.at(n, "couple", users)); err != nil {
		return Result{}, err
	}
	t := audience.Talk{Set: "couple", Rooms: rooms, Rate: rate, Body: textSize}
	s, err := c.speech(ctx, t, 6*time.Second)
	if err != nil {
		return Result{}, err
	}
	t.Rate = rate / 4
	calm, err := c.speech(ctx, t, 3*time.Second)
	if err != nil {
		return Result{}, err
	}
	what, people := fmt.Sprintf("one to one, %d messages a second", rate), fmt.Sprintf("%d people in couples on one connector", len(users))
	return Result{
		Rows: []Row{
			{What: what + ": `send` to `sent` (durable), p50", Figure: inMilliseconds(s.answer.at(50)), Baseline: inMilliseconds(most),
				Ratio: median(s.answers) / float64(most), Target: atMost(1)},
			{What: what + ": `send` to the other's `message`, p50", Figure: inMilliseconds(s.delay.at(50)), Baseline: inMilliseconds(most),
				Ratio: median(s.delays50) / float64(most), Target: atMost(1)},
			{What: fmt.Sprintf("the same at %d messages a second", rate/4), Figure: inMilliseconds(calm.delay.at(50)), Baseline: inMilliseconds(most),
				Ratio: median(calm.delays50) / float64(most)},
		},
		Tables: []Table{s.delays("One to one", people+"; an open loop at the moments of a Poisson process."),
			calm.delays(fmt.Sprintf("One to one, %d messages a second", rate/4), people+", as before, with a quarter of the messages."),
			processors("Processor time of a message, by process", []string{fmt.Sprintf("µs a message, %d a second", rate), fmt.Sprintf("µs a message, %d a second", rate/4)}, s, calm)},
		Plots: []Plot{s.plot("chat-direct", "One to one: 1,000 messages a second")},
	}, nil
}

// speech is what came of some rounds of talk.
type speech struct {
	answer, delay, late      *histogram
	means, answers, delays50 []float64 // of the rounds, in nanoseconds
	used                     usage
	messages, deliveries     int
}

// speech lets people talk for a while to warm up, and then for some rounds.
func (c *chat) speech(ctx context.Context, t audience.Talk, length time.Duration) (*speech, error) {
	t.Length = audience.Duration(c.b.long(talkWarm))
	if _, err := c.people.talk(t); err != nil {
		return nil, err
	}
	s := &speech{answer: newHistogram(), delay: newHistogram(), late: newHistogram(), used: usage{}}
	t.Length = audience.Duration(c.b.long(length))
	for round := range talkRounds {
		t.Seed = uint64(round + 1)
		var h heard
		_, used, err := c.spending("", func() (err error) {
			h, err = c.people.talk(t)
			return err
		})
		if err != nil {
			return nil, err
		}
		s.add(h, used)
		c.b.say("average %s, p50 %s, p99 %s; sent p50 %s, p99 %s; written late p99 %s", inMilliseconds(h.delay.mean()), inMilliseconds(h.delay.at(50)),
			inMilliseconds(h.delay.at(99)), inMilliseconds(h.answer.at(50)), inMilliseconds(h.answer.at(99)), inMilliseconds(h.late.at(99)))
	}
	return s, ctx.Err()
}

func (s *speech) add(h heard, used usage) {
	s.answer.merge(h.answer)
	s.delay.merge(h.delay)
	s.late.merge(h.late)
	s.means = append(s.means, float64(h.delay.mean()))
	s.answers, s.delays50 = append(s.answers, float64(h.answer.at(50))), append(s.delays50, float64(h.delay.at(50)))
	s.used.add(used)
	s.messages += h.Sent
	s.deliveries += h.Got
}

func duration(nanoseconds float64) time.Duration { return time.Duration(nanoseconds) }

// delays is the table of how long things took.
func (s *speech) delays(title, note string) Table {
	t := Table{Title: title, Note: note + " Times count from the moment at which a message was to be sent; *written late* is the client's own delay, which is part of the others.",
		Head: []string{"from `send` to", "times", "average", "p50", "p90", "p99", "p99.9", "longest"}}
	for _, one := range []struct {
		name string
		n    int
		h    *histogram
	}{{"`sent`", s.messages, s.answer}, {"a receiver's `message`", s.deliveries, s.delay}, {"written late", s.messages, s.late}} {
		t.Rows = append(t.Rows, append([]string{one.name, fmt.Sprint(one.n)}, one.h.cells()...))
	}
	return t
}

// cells are the usual figures of a histogram.
func (h *histogram) cells() []string {
	return []string{inMilliseconds(h.mean()), inMilliseconds(h.at(50)), inMilliseconds(h.at(90)), inMilliseconds(h.at(99)), inMilliseconds(h.at(99.9)), inMilliseconds(h.at(100))}
}

// processors is the table of where the processor time goes.
func processors(title string, heads []string, all ...*speech) Table {
	t := Table{Title: title, Note: fmt.Sprintf("What runs anyway (heartbeats, timers, sweeps) is in it; *%s* are the clients.", peoplePart), Head: append([]string{"process"}, heads...)}
	sums, last := make([]float64, len(all)), []string{"**all but the clients**"}
	for _, name := range all[0].used.names() {
		row, most := []string{name}, 0.0
		for i, s := range all {
			each := perOrder(s.used[name], s.messages)
			if name != peoplePart && name != generatorPart {
				sums[i] += each
			}
			row, most = append(row, fmt.Sprintf("%.0f", each)), max(most, each)
		}
		if most >= 0.5 {
			t.Rows = append(t.Rows, row)
		}
	}
	for _, sum := range sums {
		last = append(last, fmt.Sprintf("**%.0f**", sum))
	}
	t.Rows = append(t.Rows, last)
	return t
}

func (s *speech) plot(name, title string) Plot {
	return percentiles(name, title, []line{{"send to sent", s.answer, true}, {"send to a receiver's message", s.delay, false}})
}
