package support

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// FaultKind is what is done to a part of the system or to a link.
type FaultKind string

// What can be done to a part; the tests of a link know more.
const (
	Kill  FaultKind = "kill"  // kill -9; the runner starts it again
	Stop  FaultKind = "pause" // SIGSTOP, later SIGCONT
	Empty FaultKind = "empty" // Redis forgets everything
)

// Fault is one thing that goes wrong.
type Fault struct {
	At    time.Duration // from the beginning
	Kind  FaultKind
	Where string // a part, or one instance of it, or a link, or a point
	Last  time.Duration
}

func (f Fault) String() string {
	text := fmt.Sprintf("%7s %s %s", f.At.Round(time.Millisecond), f.Kind, f.Where)
	if f.Last > 0 {
		text += " for " + f.Last.Round(time.Millisecond).String()
	}
	return text
}

// Plan is what goes wrong, in its order.
type Plan []Fault

func (p Plan) String() string {
	var text strings.Builder
	for _, f := range p {
		fmt.Fprintf(&text, "  %s\n", f)
	}
	return text.String()
}

// Spread puts the faults into a random order and gives each a part of the time
// between the shares of length, and in it a random moment.
func (p Plan) Spread(random *rand.Rand, from, to float64, length time.Duration) {
	random.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
	for i := range p {
		share := (float64(i) + random.Float64()) / float64(len(p))
		p[i].At = time.Duration((from + (to-from)*share) * float64(length))
	}
}

// Lacks is what a plan must do, and does not before length is over.
func (p Plan) Lacks(musts Plan, length time.Duration) []string {
	var missing []string
	for _, m := range musts {
		if !slices.ContainsFunc(p, func(f Fault) bool { return f.Kind == m.Kind && f.Where == m.Where && f.At < length }) {
			missing = append(missing, fmt.Sprintf("%s %s", m.Kind, m.Where))
		}
	}
	return missing
}

// Run has every fault struck at its time, and returns when the last one is over:
// strike also undoes it.
func (p Plan) Run(ctx context.Context, t testing.TB, strike func(context.Context, Fault) error) {
	began := time.Now()
	var all sync.WaitGroup
	for _, f := range p {
		all.Go(func() {
			Pause(ctx, time.Until(began.Add(f.At)))
			if ctx.Err() != nil {
				return
			}
			if err := strike(ctx, f); err != nil {
				t.Errorf("%s: %v", f, err)
			}
		})
	}
	all.Wait()
}

// Pause waits for a time that is part of a story: how long a fault lasts, when
// somebody speaks.
func Pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// FollowsItsSeed checks that a seed that failed fails again.
func FollowsItsSeed(t *testing.T, plan func(seed uint64, length time.Duration) Plan) {
	t.Helper()
	if a, b := plan(7, time.Minute).String(), plan(7, time.Minute).String(); a != b {
		t.Errorf("one seed, two plans:\n%s\n%s", a, b)
	}
	if plan(7, time.Minute).String() == plan(8, time.Minute).String() {
		t.Error("two seeds, one plan")
	}
}
