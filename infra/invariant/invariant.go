// Package invariant is what must be true of the stores of a shop, as queries
// with names: each finds the rows that break its rule. Some rules hold in every
// snapshot of a running shop, whatever is killed or restarted, since what they
// compare is written in one transaction; the others hold when all is settled.
//
// It owns no table and writes none; it reads those of every domain. What the
// tables cannot tell is not here: that an order's id is that of its buyer and
// key (the key is in Redis), and that an accepted order which is not in
// PostgreSQL is in the queue.
package invariant

import (
	"slices"
	"time"
)

// Rule is one thing that must hold.
type Rule struct {
	Name  string
	Means string // in a sentence's words, of a shop where it holds
	// Settled marks a rule that is broken for a while in a running shop: it holds
	// once everything had the time to be done.
	Settled bool
	// Query gives one text a row that breaks the rule, and none where it holds.
	Query string
	// Args are the query's.
	Args []any
}

// Terms are the settings of a shop that rules depend on.
type Terms struct {
	// TokenTTL is the longest life of an access token (token_ttl): a session that
	// ended is revoked for as long.
	TokenTTL time.Duration
	// CloseGrace is how long after its expiry an order with an open payment may
	// still be closing (order_close_grace).
	CloseGrace time.Duration
	// Patience is for how long something may wait before a settled rule calls it
	// forgotten.
	Patience time.Duration
}

// Standard are the terms of a shop that changes none of the defaults.
func Standard() Terms {
	return Terms{TokenTTL: 10 * time.Minute, CloseGrace: time.Minute, Patience: 2 * time.Minute}
}

// Rules are all rules, those of one domain together, the settled ones last.
func Rules(t Terms) []Rule {
	return slices.Concat(orderRules(), stockRules(), paymentRules(), eventRules(), messageRules(), keyRules(), sessionRules(t), settledRules(t))
}

// Always are the rules that hold at any time.
func Always(t Terms) []Rule {
	return slices.DeleteFunc(Rules(t), func(r Rule) bool { return r.Settled })
}
