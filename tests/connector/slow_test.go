package connector_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bazaar/infra/connector"
	"bazaar/infra/connector/socket/talk"
	"bazaar/shared/message"
)

// receivers is how many besides the slow ones are in the group: SLOW_RECEIVERS, or
// as many as a test may take.
func receivers(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("SLOW_RECEIVERS"))
	if os.Getenv("SLOW_RECEIVERS") == "" {
		return 200
	}
	must(t, err)
	return n
}

// reader notes the messages that a client is given, as fast as it can.
type reader struct {
	*wire
	name  string
	done  chan struct{}
	mu    sync.Mutex
	seqs  []int64
	at    []time.Time
	hints []int64
	met   error
}

func (r *reader) read() {
	defer close(r.done)
	for {
		op, payload, err := r.frame()
		r.mu.Lock()
		if r.met = err; err != nil || op == talk.Close {
			r.mu.Unlock()
			return
		}
		for text := range bytes.SplitSeq(payload, []byte("\n")) {
			switch {
			case bytes.HasPrefix(text, []byte(`{"t":"message"`)):
				r.seqs, r.at = append(r.seqs, number(text, `"seq":`)), append(r.at, time.Now())
			case bytes.HasPrefix(text, []byte(`{"t":"hint"`)):
				r.hints = append(r.hints, number(text, `"last_seq":`))
			}
		}
		r.mu.Unlock()
	}
}

// number is what stands behind a name.
func number(text []byte, name string) int64 {
	_, rest, _ := bytes.Cut(text, []byte(name))
	end := bytes.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	n, _ := strconv.ParseInt(string(rest[:max(end, 0)]), 10, 64)
	return n
}

// has reports whether it was given this message.
func (r *reader) has(seq int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.seqs, seq)
}

func (r *reader) hinted(seq int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.hints, seq)
}

// seat connects somebody, who is read only once read is called.
func (w *world) seat(n *node, user string, d net.Dialer) *reader {
	c := plug(w.t, n.address, d)
	c.shake().enter(w.token(user, time.Hour, "session-of-"+user), "d")
	return &reader{wire: c, name: user, done: make(chan struct{})}
}

// crowd seats so many, who read at once.
func (w *world) crowd(n *node, many int) []*reader {
	w.t.Helper()
	all := make([]*reader, many)
	var joining sync.WaitGroup
	for part := range 8 {
		joining.Go(func() {
			for i := part; i < many; i += 8 {
				all[i] = w.seat(n, fmt.Sprintf("u%d", i), net.Dialer{})
				all[i].r = bufio.NewReaderSize(all[i].TCPConn, 8<<10)
				go all[i].read()
			}
		})
	}
	joining.Wait()
	for _, r := range all {
		if r == nil {
			w.t.Fatal("not everybody came")
		}
	}
	return all
}

// caughtUp looks at what somebody was given, and asks for the rest as a client
// does: together that must be everything, each once.
func (w *world) caughtUp(r *reader, conversation string, last int64) {
	w.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	contiguous := int64(0)
	seen := map[int64]bool{}
	for _, seq := range r.seqs {
		if seen[seq] {
			w.t.Errorf("%s got %d twice", r.name, seq)
		}
		seen[seq] = true
	}
	for seen[contiguous+1] {
		contiguous++
	}
	synced, err := w.Sync(w.t.Context(), w.pool, r.name, message.Cursors{Seqs: map[string]int64{conversation: contiguous}, Limit: 100}, w.pages)
	must(w.t, err)
	for _, page := range synced.Pages {
		for _, m := range page.Messages {
			seen[m.Seq] = true
		}
	}
	if int64(len(seen)) != last {
		w.t.Errorf("%s has %d of %d messages, %d of them in order before it asked", r.name, len(seen), last, contiguous)
	}
}

// TestSlowReceiversAmongMany: one reads nothing, one a hundred bytes a second, one
// a little, one nothing for a while. The others get every message at once; what
// waits for the slow ones is bounded; who takes nothing for its time is cut off,
// and who reads on is hinted at what it missed. All of them are equal by sync.
func TestSlowReceiversAmongMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const (
		messages = 60
		queue    = 16 << 10
	)
	many := receivers(t)
	// The sleeper has to wake before it is given up: serving more takes longer.
	patienceOf := 3*time.Second + time.Duration(many)*3*time.Millisecond
	n := w.open(options{settings: func(s *connector.Settings) {
		s.QueueBytes, s.WriteTimeout, s.MaxSockets = queue, patienceOf, many+10
	}})
	members := []string{"stuck", "drip", "trickle", "sleeper"}
	for i := range many {
		members = append(members, fmt.Sprintf("u%d", i))
	}
	g := w.found("owner", members...)
	crowd := w.crowd(n, many)
	slow := map[string]*reader{}
	for _, name := range members[:4] {
		slow[name] = w.seat(n, name, net.Dialer{Control: narrow})
		_ = slow[name].SetDeadline(time.Now().Add(3 * patience))
	}
	var posting sync.WaitGroup
	defer posting.Wait()
	stop := make(chan struct{})
	defer func() {
		close(stop)
		_ = slow["trickle"].Close() // or it would read on
	}()
	quick := &atomic.Bool{}
	posting.Go(func() { sip(slow["drip"], 10, 100*time.Millisecond, stop, &atomic.Bool{}) })
	posting.Go(func() { sip(slow["trickle"], 100, 10*time.Millisecond, stop, quick) })
	posted, most := w.flow(n, g, messages)
	await(t, "the others to have everything", func() bool {
		return !slices.ContainsFunc(crowd, func(r *reader) bool { return !r.has(messages) })
	})
	slowest := unhindered(t, crowd, posted)
	// Whoever waited for one of the slow ones would have waited for its end.
	if slowest >= patienceOf {
		t.Errorf("one of the others waited %s", slowest)
	}
	t.Logf("the others waited %s at most; %d bytes waited for the slow ones", slowest, most)
	if bound := 4 * (queue + 8<<10); most == 0 || most > bound {
		t.Errorf("%d bytes waited for four slow receivers, at most %d may", most, bound)
	}
	go slow["sleeper"].read()
	await(t, "the sleeper's hint", func() bool { return slow["sleeper"].hinted(messages) })
	await(t, "two to be cut off", func() bool { return n.count(`connector_closes_total{code="4002"}`) == 2 })
	quick.Store(true)
	await(t, "the hint of who reads little", func() bool { return slow["trickle"].hinted(messages) })
	last := w.post("owner", g, "last").Seq
	for _, name := range []string{"sleeper", "trickle"} {
		await(t, name+" to be served again", func() bool { return slow[name].has(last) })
	}
	for _, name := range members[:4] {
		w.caughtUp(slow[name], g, last)
	}
}

// unhindered looks at what receivers were given, which must be everything, in
// order, and gives how long one of them has waited at most.
func unhindered(t *testing.T, crowd []*reader, posted []time.Time) (slowest time.Duration) {
	t.Helper()
	for _, r := range crowd {
		r.mu.Lock()
		if len(r.seqs) != len(posted) || !slices.IsSorted(r.seqs) || len(r.hints) > 0 {
			t.Fatalf("%s got %d messages and %d hints, or in another order", r.name, len(r.seqs), len(r.hints))
		}
		for i, at := range r.at {
			slowest = max(slowest, at.Sub(posted[i]))
		}
		r.mu.Unlock()
	}
	return slowest
}

// sip reads so many bytes at a time, until it may be quick.
func sip(r *reader, bytes int, every time.Duration, stop chan struct{}, quick *atomic.Bool) {
	from, to := io.Pipe()
	r.r = bufio.NewReaderSize(from, 16)
	go r.read()
	tick := time.NewTicker(every)
	defer tick.Stop()
	defer func() { _ = to.Close(); <-r.done }()
	buffer := make([]byte, 4096)
	for {
		part := buffer[:bytes]
		if quick.Load() {
			part = buffer
		} else {
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
		n, err := r.Read(part)
		if _, lost := to.Write(part[:n]); err != nil || lost != nil {
			return
		}
	}
}

// flow posts messages of 4 KiB, 25 a second, and gives when each was stored, and the
// most that was seen to wait for receivers.
func (w *world) flow(n *node, conversation string, messages int) (posted []time.Time, most int) {
	w.t.Helper()
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	body := []byte(`{"text":"` + strings.Repeat("x", 4<<10) + `"}`)
	for i := range messages {
		_, err := w.poster.Post(w.t.Context(), message.Draft{Sender: "owner", Conversation: conversation, ClientMsgID: fmt.Sprint("flow", i), Kind: "text", Body: body})
		must(w.t, err)
		posted = append(posted, time.Now())
		most = max(most, int(n.count("connector_queued_bytes")))
		<-tick.C
	}
	return posted, most
}
