package chat

import "time"

// terms are the times that the machines work with.
type terms struct {
	greet      time.Duration // for a dial, and again from the open socket to ready
	silence    time.Duration // beyond a heartbeat in which the server says nothing
	steady     time.Duration // of ready, after which earlier failures are forgotten
	linger     time.Duration // beyond the time at which the server wants us gone
	linkBase   time.Duration // first wait of a lost link, doubled
	sendBase   time.Duration // first wait of a refused message or a failed sync, doubled
	longest    time.Duration // wait of either
	answer     time.Duration // for the answer to a message
	gap        time.Duration // for what comes out of order
	gapSpread  time.Duration // so that a whole group does not ask at once
	headSpread time.Duration // the same, where the server says that we are behind
	keep       time.Duration // between savings of what need not be saved at once
}

func standard() terms {
	return terms{
		greet: 15 * time.Second, silence: 10 * time.Second, steady: 30 * time.Second, linger: 5 * time.Second,
		linkBase: 500 * time.Millisecond, sendBase: time.Second, longest: 30 * time.Second, answer: 15 * time.Second,
		gap: 300 * time.Millisecond, gapSpread: 2 * time.Second, headSpread: 200 * time.Millisecond, keep: time.Second,
	}
}

// doubled is base after n doublings, at most longest.
func doubled(n int, base, longest time.Duration) time.Duration {
	return min(base<<min(max(n, 0), 20), longest)
}

// part is a random part of d; random is in [0, 1).
func part(d time.Duration, random float64) time.Duration {
	return time.Duration(random * float64(d))
}

// fullJitter waits any time up to the doubled base: many who lost the same node
// come back one by one.
func fullJitter(n int, base, longest time.Duration, random float64) time.Duration {
	return part(doubled(n, base, longest), random)
}

// halfJitter waits at least half of it: for a server that has asked for time.
func halfJitter(n int, base, longest time.Duration, random float64) time.Duration {
	d := doubled(n, base, longest)
	return d/2 + part(d-d/2, random)
}

// earliest is the first of times that are set; zero when none is.
func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
