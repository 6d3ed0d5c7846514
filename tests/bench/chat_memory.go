package main

import (
	"context"
	"fmt"
	"time"
)

// idlePeople are connected where memory is measured.
const idlePeople = 15_000

// memoryTarget is what one of them may take, in bytes.
const memoryTarget = 12 << 10

// measureMemory connects many who say nothing, and sees what the connector has
// grown by when two heartbeats have gone by.
func measureMemory(ctx context.Context, c *chat) (Result, error) {
	n, err := c.node(ctx)
	if err != nil {
		return Result{}, err
	}
	users := c.users("idle", c.many(idlePeople))
	if _, err := c.groups(ctx, users, groupSize); err != nil {
		return Result{}, err
	}
	if err := settle(ctx, 2*time.Second); err != nil {
		return Result{}, err
	}
	var seen []memoryOf
	look := func(when string) error {
		m, err := n.memory(ctx, when)
		seen = append(seen, m)
		return err
	}
	if err := look("before"); err != nil {
		return Result{}, err
	}
	joined, err := c.people.join(c.at(n, "idle", users))
	if err != nil {
		return Result{}, err
	}
	c.b.say("%d people in after %s", len(users), time.Duration(joined.Took).Round(time.Millisecond))
	if err := look(fmt.Sprintf("all in, %s after the first", time.Duration(joined.Took).Round(100*time.Millisecond))); err != nil {
		return Result{}, err
	}
	var used time.Duration
	for range 2 {
		length := c.b.long(25 * time.Second)
		spent, _, err := c.spending(connectorPart, func() error { return settle(ctx, length) })
		if err != nil {
			return Result{}, err
		}
		used = time.Duration(float64(spent) / length.Seconds())
		if err := look(fmt.Sprintf("%s later", length)); err != nil {
			return Result{}, err
		}
	}
	c.b.say("%.0f bytes each", (seen[len(seen)-1].resident-seen[0].resident)/float64(len(users)))
	return memoryResult(len(users), seen, used)
}

// memoryResult holds the last look against the first.
func memoryResult(people int, seen []memoryOf, used time.Duration) (Result, error) {
	before, after := seen[0], seen[len(seen)-1]
	if after.sockets != float64(people) {
		return Result{}, fmt.Errorf("%.0f of %d people are still in", after.sockets, people)
	}
	each := (after.resident - before.resident) / float64(people)
	table := Table{
		Title: "Memory of a connector",
		Note: fmt.Sprintf("%d people with a token each, in groups of %d (who sits where is asked of PostgreSQL as always), silent but for the heartbeat every 25 s; at rest they take %.1f %% of a core. KB are 1024 bytes; the column of one is what came since *before*, divided.",
			people, groupSize, 100*used.Seconds()),
		Head: []string{"when", "people in", "RSS", "RSS of one", "heap in use", "of one", "stacks", "of one", "goroutines"},
	}
	for _, m := range seen {
		table.Rows = append(table.Rows, m.row(before, float64(people)))
	}
	return Result{Rows: []Row{{
		What:   fmt.Sprintf("memory (RSS) of an idle connection that is let in, at %d on one connector", people),
		Figure: fmt.Sprintf("%.1f KB", each/1024), Baseline: fmt.Sprintf("%d KB", memoryTarget>>10), Ratio: each / memoryTarget, Target: atMost(1),
	}}, Tables: []Table{table}}, nil
}

// memoryOf is what a connector takes at a time, in bytes.
type memoryOf struct {
	when                                        string
	sockets, resident, heap, stacks, goroutines float64
}

func (n *node) memory(ctx context.Context, when string) (memoryOf, error) {
	counts, err := n.counts(ctx)
	if err != nil {
		return memoryOf{}, err
	}
	resident, err := n.resident()
	return memoryOf{when, counts[`connector_sockets{state="ready"}`], resident, counts["go_memstats_heap_inuse_bytes"],
		counts["go_memstats_stack_inuse_bytes"], counts["go_goroutines"]}, err
}

func (m memoryOf) row(before memoryOf, people float64) []string {
	mib := func(b float64) string { return fmt.Sprintf("%.0f MiB", b/(1<<20)) }
	one := func(b, base float64) string {
		if b == base {
			return ""
		}
		return fmt.Sprintf("%.1f KB", (b-base)/people/1024)
	}
	return []string{m.when, fmt.Sprintf("%.0f", m.sockets), mib(m.resident), one(m.resident, before.resident), mib(m.heap), one(m.heap, before.heap),
		mib(m.stacks), one(m.stacks, before.stacks), fmt.Sprintf("%.0f", m.goroutines)}
}
