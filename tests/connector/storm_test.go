package connector_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"bazaar/infra/connector"
	"bazaar/shared/presence"
)

// TestFiveHundredComeBack at once, when their connector was killed: the other one
// lets each of them in, with the head that it has to know, and all are served.
func TestFiveHundredComeBack(t *testing.T) {
	t.Parallel()
	const many = 500
	w := newWorld(t)
	first := w.start(0)
	second := w.open(options{settings: func(s *connector.Settings) { s.MaxSockets, s.MaxHandshakes = 2*many, 100 }})
	var members []string
	for i := range many {
		members = append(members, fmt.Sprintf("u%d", i))
	}
	g := w.found("owner", members...)
	before := w.crowd(first.node, many)
	seq := w.post("owner", g, "before").Seq
	await(t, "everybody to be served", func() bool {
		return !slices.ContainsFunc(before, func(r *reader) bool { return !r.has(seq) })
	})
	first.kill()
	for _, r := range before {
		<-r.done
	}
	missed := w.post("owner", g, "missed").Seq
	began := time.Now()
	after := w.crowd(second, many)
	t.Logf("%d are back after %s", many, time.Since(began))
	for _, r := range after {
		if heads, _ := r.ready["heads"].(map[string]any); heads[g] != float64(missed) {
			t.Fatalf("%s is let in with %v, and there are %d", r.name, r.ready, missed)
		}
	}
	last := w.post("owner", g, "after").Seq
	await(t, "everybody to be served again", func() bool {
		return !slices.ContainsFunc(after, func(r *reader) bool { return !r.has(last) })
	})
	for _, r := range after {
		if r.has(missed) || r.has(seq) {
			t.Errorf("%s got again what came before it", r.name)
		}
	}
	there, err := presence.NewStore(w.redis, 0).Look(t.Context(), members[:100])
	must(t, err)
	for user, p := range there {
		if !p.Online {
			t.Errorf("%s is not known to be there", user)
		}
	}
}
