package trigger

import (
	"fmt"
	"time"

	"bazaar/shared/fault"
)

// Fate is what becomes of an event after a call.
type Fate int

// The fates.
const (
	Done  Fate = iota // acknowledged
	Dead              // to the dead letters, then acknowledged
	Again             // an attempt is used up; later again, or dead when none is left
	Alone             // in a call of its own, which decides; no attempt is used up
	Held              // not the event's fault: when the consumer goes on; no attempt is used up
)

// Verdict is what a call's answer means. It is a function of the answer and the
// events alone.
type Verdict struct {
	Name  string        // for metrics: done, partial, dead, again, halved, held
	Halve bool          // the batch failed as a whole: two calls of half of it each
	Pause bool          // the consumer pauses
	After time.Duration // for at least so long
	Fates []Fate        // of each event, in their order; nil when Halve
	Why   []Failure     // of each event, zero for Done
}

// Judge gives the verdict on a call that carried the events with these ids.
//
//	2xx                                              done, but for those in failed
//	failed as invalid, denied, mismatch, too_large   dead
//	internal, timeout, any other kind, of one event  again
//	any of these, of a batch as a whole              halved
//	limited, unavailable, unauthenticated, transport
//	error, any status without X-Fault                held, and the consumer pauses
//
// An event that a call of several names as failed with internal or timeout goes
// alone: an attempt is one that the event had for itself. The same holds for an
// answer that cannot be understood, or that names events which were not sent.
func Judge(a Answer, ids []string) Verdict {
	if a.Err != nil {
		return whole(Held, Failure{Kind: fault.Unavailable, Detail: a.Err.Error()}, a, ids)
	}
	if a.Status/100 != 2 {
		if a.Fault == "" {
			detail := fmt.Sprintf("status %d without X-Fault", a.Status)
			return whole(Held, Failure{Kind: fault.Unavailable, Detail: detail}, a, ids)
		}
		return whole(fateOf(a.Fault), Failure{Kind: a.Fault, Detail: a.Detail}, a, ids)
	}
	if a.Garbled != nil {
		return whole(Again, Failure{Kind: fault.Internal, Detail: a.Garbled.Error()}, a, ids)
	}
	return partial(a, ids)
}

// fateOf is the fate of a single event that failed as kind. A wrong signature
// (unauthenticated) is a wrong key somewhere: no event deserves to die of it.
func fateOf(kind fault.Kind) Fate {
	switch kind {
	case fault.Invalid, fault.Denied, fault.Mismatch, fault.TooLarge:
		return Dead
	case fault.Limited, fault.Unavailable, fault.Unauthenticated:
		return Held
	}
	return Again
}

// whole is the verdict on a call that failed as one.
func whole(fate Fate, why Failure, a Answer, ids []string) Verdict {
	if fate != Held && len(ids) > 1 {
		return Verdict{Name: "halved", Halve: true, Why: []Failure{why}}
	}
	v := Verdict{Fates: make([]Fate, len(ids)), Why: make([]Failure, len(ids))}
	for i := range ids {
		v.Fates[i], v.Why[i] = fate, why
	}
	v.name(a)
	return v
}

// partial is the verdict on a 2xx.
func partial(a Answer, ids []string) Verdict {
	v := Verdict{Fates: make([]Fate, len(ids)), Why: make([]Failure, len(ids))}
	failed := make(map[string]Failure, len(a.Failed))
	for _, f := range a.Failed {
		failed[f.ID] = f
	}
	found := 0
	seen := make(map[string]bool, len(failed))
	for i, id := range ids {
		why, ok := failed[id]
		if !ok {
			continue
		}
		if !seen[id] {
			seen[id] = true
			found++
		}
		v.Fates[i], v.Why[i] = fateOf(why.Kind), why
		if v.Fates[i] == Again && len(ids) > 1 {
			v.Fates[i] = Alone
		}
	}
	if found != len(failed) {
		why := Failure{Kind: fault.Internal, Detail: "the answer names events that were not sent"}
		return whole(Again, why, a, ids)
	}
	v.name(a)
	return v
}

// name sums the fates up.
func (v *Verdict) name(a Answer) {
	var count [Held + 1]int
	for _, fate := range v.Fates {
		count[fate]++
	}
	if count[Held] > 0 {
		v.Pause, v.After = true, a.RetryAfter
	}
	switch len(v.Fates) {
	case count[Done]:
		v.Name = "done"
	case count[Dead]:
		v.Name = "dead"
	case count[Again]:
		v.Name = "again"
	case count[Held]:
		v.Name = "held"
	default:
		v.Name = "partial"
	}
}
