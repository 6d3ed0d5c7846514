package trigger

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Every event is in one call, and no call is more than it may be.
func TestCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events, size := rapid.IntRange(1, 20).Draw(t, "events"), rapid.IntRange(1, 200).Draw(t, "size")
		var items []*item
		for i := range rapid.IntRange(0, 60).Draw(t, "items") {
			raw := fmt.Sprintf("%q", rapid.StringMatching(`[a-z]{0,80}`).Draw(t, "raw"))
			items = append(items, &item{
				id: fmt.Sprint(i), raw: []byte(raw), alone: rapid.IntRange(0, 5).Draw(t, "alone") == 0,
				from: &delivery{topic: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "topic")},
			})
		}
		seen := map[*item]int{}
		last := map[string]int{}
		for _, b := range cut(items, events, size) {
			bytes := 0
			for _, it := range b {
				seen[it]++
				bytes += len(it.raw)
				if it.from.topic != b[0].from.topic || it.alone && len(b) > 1 {
					t.Fatalf("%s is in the wrong company", it.id)
				}
				if it.alone {
					continue
				}
				var n int
				_, _ = fmt.Sscan(it.id, &n)
				if n < last[it.from.topic] {
					t.Fatalf("%s comes after %d", it.id, last[it.from.topic])
				}
				last[it.from.topic] = n
			}
			if len(b) > events || bytes > size && len(b) > 1 {
				t.Fatalf("a call of %d events and %d bytes", len(b), bytes)
			}
			var parts []string
			if err := json.Unmarshal(b.body(), &parts); err != nil || len(parts) != len(b) {
				t.Fatalf("body %s: %v", b.body(), err)
			}
		}
		if len(seen) != len(items) {
			t.Fatalf("%d of %d events have a call", len(seen), len(items))
		}
		for it, n := range seen {
			if n != 1 {
				t.Fatalf("%s is in %d calls", it.id, n)
			}
		}
	})
}
