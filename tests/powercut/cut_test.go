//go:build linux

package powercut_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"bazaar/tests/powercut/disk"
	"bazaar/tests/support"
)

const (
	// The power is cut that long after orders began to come in.
	soonest, latest = 100 * time.Millisecond, 1200 * time.Millisecond
	// controlCuts is how often settings that lose may be lucky; mostly they are not once.
	controlCuts = 10
)

// momentOf fires when a seed has the power cut.
func momentOf(seed uint64) *time.Timer {
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // to be repeated, not to be secret
	return time.NewTimer(soonest + time.Duration(random.Int64N(int64(latest-soonest))))
}

// plan is how the power is cut.
type plan struct {
	seed uint64 // gives the moment
	// atCommit waits, from the seed's moment on, for a transaction to be committed.
	atCommit bool
	cut      func() disk.Loss
}

// cutUnderLoad trades, ends both servers at the planned moment, has the power
// cut, starts the servers on what is left, and counts.
func (m *machine) cutUnderLoad(t *testing.T, p plan) count {
	t.Helper()
	ctx, shut := context.WithCancel(t.Context())
	defer shut()
	s, wait := open(ctx, m)
	late := time.NewTimer(startTimeout)
	defer late.Stop()
	select {
	case <-s.first:
	case <-late.C:
		s.stillOpen(t)
		t.Fatalf("no order within %s", startTimeout)
	}
	moment := momentOf(p.seed)
	defer moment.Stop()
	<-moment.C
	s.stillOpen(t)
	if p.atCommit {
		s.awaitCommit(t)
	}
	m.kill()
	shut()
	wait()
	m.disconnect()
	loss := p.cut()
	m.start(t)
	c := s.compare(m.look(t))
	t.Logf("seed %d: the cut took %s; %s", p.seed, loss, c)
	return c
}

// TestNothingAcknowledgedIsLost cuts the power of the shop's settings again and
// again: nothing of the unsynced is left with even seeds, a random part of it
// with odd ones.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	t.Parallel()
	m := newMachine(t, settings{nats: "nats"})
	first, last := uint64(1), uint64(*seeds)
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for seed := first; seed <= last; seed++ {
		ok := t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			c := m.cutUnderLoad(t, plan{seed: seed, cut: func() disk.Loss {
				if seed%2 == 0 {
					return m.disk.Cut(t)
				}
				return m.disk.CutPartly(t, seed)
			}})
			if c.lost() > 0 {
				t.Error(c)
			}
			support.MustHold(t, m.pool)
			m.clear(t)
		})
		if !ok {
			t.Fatalf("to try this one again: go test ./tests/powercut -run NothingAcknowledged -seed %d", seed)
		}
	}
}

// TestCarelessSettingsLose shows that the cut would find a loss: the same shop
// loses orders with each of the settings that it does not have.
func TestCarelessSettingsLose(t *testing.T) {
	t.Parallel()
	for name, control := range map[string]struct {
		settings
		lost func(c count) int
	}{
		"sync_interval at its default": {settings{nats: carelessNATS}, func(c count) int { return c.acceptedLost }},
		"synchronous_commit off":       {settings{nats: "nats", postgres: []string{"synchronous_commit=off"}}, func(c count) int { return c.committedLost }},
		"fsync off":                    {settings{nats: "nats", postgres: []string{"fsync=off"}}, func(c count) int { return c.committedLost }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, control.settings)
			m.disk.Settle(t) // or nothing would be there but the servers' own first files
			for seed := range uint64(controlCuts) {
				// At a commit, since PostgreSQL writes down what it promised within 200 ms.
				c := m.cutUnderLoad(t, plan{seed: seed, atCommit: true, cut: func() disk.Loss { return m.disk.Cut(t) }})
				if control.lost(c) > 0 {
					return
				}
				m.clear(t)
			}
			t.Errorf("the control has lost nothing in %d cuts, so the proof proves nothing", controlCuts)
		})
	}
}

// TestKillingAloneLosesNothing shows that it takes the cut: servers that are
// only killed lose nothing, however they are set, since the kernel has it.
func TestKillingAloneLosesNothing(t *testing.T) {
	t.Parallel()
	m := newMachine(t, settings{nats: carelessNATS, postgres: []string{"fsync=off"}})
	c := m.cutUnderLoad(t, plan{seed: 1, cut: func() disk.Loss { return disk.Loss{} }})
	if c.lost() > 0 {
		t.Error(c)
	}
	support.MustHold(t, m.pool)
}
