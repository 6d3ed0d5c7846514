package connector_test

import (
	"fmt"
	"testing"
	"time"

	"bazaar/infra/connector"
)

// TestANodeThatEnds sends its clients elsewhere, spread over time; what they have
// sent is answered and what they have read is brought on.
func TestANodeThatEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(options{settings: func(s *connector.Settings) { s.DrainSpread = time.Second }})
	g := w.found("alice", "bob")
	alice := w.join(n, "alice", "d")
	var others []*person
	for i := range 8 {
		others = append(others, w.join(n, fmt.Sprintf("user%d", i), "d"))
	}
	w.delay.Store(int64(1500 * time.Millisecond)) // longer than the spread
	alice.send(g, "m1")
	alice.say(line{"t": "read", "conversation": g, "seq": 1})
	await(t, "the message to be on its way", func() bool { alice.say(line{"t": "ping"}); alice.await("pong"); return true })
	ended := make(chan error, 1)
	began := time.Now()
	go func() { ended <- n.stop() }()
	alice.await("bye", "code", 4001)
	alice.await("sent", "client_msg_id", "m1", "seq", 1)
	if code := alice.code(); code != 4001 {
		t.Errorf("alice was closed with %d", code)
	}
	for _, p := range others {
		bye := p.await("bye", "code", 4001)
		if after := bye["after_ms"].(float64); after < 0 || after > 1000 {
			t.Errorf("bye %v", bye)
		}
		if code := p.code(); code != 4001 {
			t.Errorf("%s was closed with %d", p.name, code)
		}
	}
	must(t, <-ended)
	t.Logf("it took %s", time.Since(began))
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.marks) != 1 {
		t.Errorf("marks %q", w.marks)
	}
	left, err := w.redis.Exists(t.Context(), "presence:{u:alice}:session").Result()
	if must(t, err); left != 0 {
		t.Error("alice is still there")
	}
}
