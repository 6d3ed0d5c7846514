package socket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// numbered is a frame that says its number, in so many bytes of payload.
func numbered(n, size int) Frame {
	return Text(binary.BigEndian.AppendUint32(nil, uint32(n)), bytes.Repeat([]byte{byte(n)}, size-5))
}

// hearsNumber reads a frame of numbered and gives its number.
func (c *client) hearsNumber() int {
	c.t.Helper()
	op, payload, err := c.next()
	if err != nil || op != opText || len(payload) < 5 {
		c.t.Fatalf("instead of a number came %x %.20x, %v", op, payload, err)
	}
	n := binary.BigEndian.Uint32(payload)
	if rest := payload[5:]; payload[4] != '\n' || !bytes.Equal(rest, bytes.Repeat([]byte{byte(n)}, len(rest))) {
		c.t.Fatalf("number %d came with something of another frame", n)
	}
	return int(n)
}

// narrow lets our kernel keep as little as it can for a peer.
func narrow(s *Socket) { _ = s.conn.SetWriteBuffer(4096) }

// stuff offers a frame that is more than the kernels keep, so that the rest of
// it waits until somebody reads. Its number is 0.
func stuff(t *testing.T, s *Socket) {
	t.Helper()
	if taken := s.Offer(numbered(0, 60<<10), Live); taken != Queued {
		t.Fatalf("a frame of 60 KiB is %d", taken)
	}
}

// slow is a server whose peers are stuck after little, and are not given up soon.
func slow(t *testing.T, change func(*Settings)) *rig {
	t.Helper()
	r := serve(t, func(s *Settings) {
		s.WriteTimeout, s.CloseTimeout = 4*patience, 8*patience
		if change != nil {
			change(s)
		}
	})
	r.onOpen = narrow
	return r
}

func TestOfferingDoesNotWait(t *testing.T) {
	t.Parallel()
	r := slow(t, nil)
	c, s := r.openSlow(t, 4096)
	stuff(t, s)
	// Nobody reads: if one of these waited, it would wait for ever.
	queued := 1
	for n := 1; n <= 400; n++ {
		want := Queued
		if queued == 192 { // three quarters of 256
			want = Refused
		}
		if taken := s.Offer(numbered(n, 500), Live); taken != want {
			t.Fatalf("frame %d is %d with %d waiting, want %d", n, taken, queued, want)
		}
		if want == Queued {
			queued++
		}
	}
	if held := s.held.Load(); held < 191*504 || held > 191*504+60<<10 || r.server.set.Budget.Used() != held {
		t.Errorf("holds %d bytes, in all %d", held, r.server.set.Budget.Used())
	}
	if len(r.drained) > 0 {
		t.Error("drained while nobody reads")
	}
	for n := range queued {
		if got := c.hearsNumber(); got != n {
			t.Fatalf("heard %d, want %d", got, n)
		}
	}
	if got := await(t, r.drained); got != s {
		t.Error("another socket drained")
	}
	if taken := s.Offer(numbered(1, 1000), Ephemeral); taken != Written {
		t.Errorf("after that a frame is %d", taken)
	}
	c.hearsNumber()
	if s.held.Load() != 0 || len(r.drained) > 0 {
		t.Errorf("holds %d bytes, drained %d times more", s.held.Load(), len(r.drained))
	}
}

func TestClassesGiveWayInTurn(t *testing.T) {
	t.Parallel()
	r := slow(t, func(s *Settings) { s.QueueFrames = 16 })
	c, s := r.openSlow(t, 4096)
	stuff(t, s)
	n := 1
	offer := func(c Class, want Taken) {
		t.Helper()
		if taken := s.Offer(numbered(n, 100), c); taken != want {
			t.Fatalf("class %d is %d with %d waiting, want %d", c, taken, s.waiting(), want)
		}
		if want == Queued {
			n++
		}
	}
	fill := func(to int) {
		t.Helper()
		for s.waiting() < to {
			offer(Answer, Queued)
		}
	}
	fill(7)
	offer(Ephemeral, Queued)
	offer(Ephemeral, Refused)
	fill(11)
	offer(Live, Queued)
	offer(Live, Refused)
	offer(Notice, Refused)
	offer(Ephemeral, Refused)
	fill(15)
	offer(Control, Queued)
	if len(r.ended) > 0 {
		t.Fatal("ended before it was full")
	}
	offer(Answer, Gone)
	offer(Control, Gone)
	// What can be dropped is: the peer is told why before anything else.
	if got := c.hearsNumber(); got != 0 {
		t.Errorf("heard %d", got)
	}
	c.hears(opClose, "\x0f\xa2"+errFull.Error())
	_ = c.Close()
	if end := await(t, r.ended); end.code != TooSlow || !errors.Is(end.err, errFull) {
		t.Errorf("ended with %d, %v", end.code, end.err)
	}
	if len(r.drained) > 0 {
		t.Error("a socket that was cut off drained")
	}
}

// waiting is how many frames wait.
func (s *Socket) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backlog == nil {
		return 0
	}
	return len(s.backlog.frames)
}

func TestAdmission(t *testing.T) {
	t.Parallel()
	most := &Settings{QueueFrames: 8, QueueBytes: 1000}
	cases := []struct {
		frames, bytes, size int
		want                [5]Taken // by class
	}{
		{1, 10, 10, [5]Taken{Queued, Queued, Queued, Queued, Queued}},
		{3, 499, 10, [5]Taken{Queued, Queued, Queued, Queued, Queued}},
		{4, 10, 10, [5]Taken{Queued, Queued, Queued, Queued, Refused}},
		{1, 500, 10, [5]Taken{Queued, Queued, Queued, Queued, Refused}},
		{5, 749, 10, [5]Taken{Queued, Queued, Queued, Queued, Refused}},
		{6, 10, 10, [5]Taken{Queued, Queued, Refused, Refused, Refused}},
		{1, 750, 10, [5]Taken{Queued, Queued, Refused, Refused, Refused}},
		{7, 990, 10, [5]Taken{Queued, Queued, Refused, Refused, Refused}},
		{7, 990, 11, [5]Taken{Gone, Gone, Refused, Refused, Refused}},
		{8, 10, 10, [5]Taken{Gone, Gone, Refused, Refused, Refused}},
		{1, 10, 991, [5]Taken{Gone, Gone, Refused, Refused, Refused}}, // no room for it, though for another
	}
	for _, c := range cases {
		for class, want := range c.want {
			b := backlog{frames: make([][]byte, c.frames), bytes: c.bytes}
			if got := b.admit(c.size, Class(class), most); got != want {
				t.Errorf("class %d, %d bytes behind %d frames of %d bytes: %d, want %d", class, c.size, c.frames, c.bytes, got, want)
			}
		}
	}
}

// TestABacklog against a plain list of bytes.
func TestABacklog(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var b backlog
	var want, got []byte
	for range 20000 {
		switch random.IntN(3) {
		case 0:
			wire := bytes.Repeat([]byte{byte(random.Int())}, 1+random.IntN(3000))
			b.push(wire)
			want = append(want, wire...)
		default:
			chunks := b.next()
			all := slices.Concat(chunks...)
			if len(chunks) > pourFrames || len(chunks) > 1 && len(all) > pourBytes {
				t.Fatalf("%d chunks of %d bytes at once", len(chunks), len(all))
			}
			n := random.IntN(len(all) + 1)
			got = append(got, all[:n]...)
			b.advance(n)
		}
		if b.bytes != len(want)-len(got) || b.empty() != (b.bytes == 0) {
			t.Fatalf("%d bytes wait, want %d", b.bytes, len(want)-len(got))
		}
	}
	if !bytes.Equal(got, want[:len(got)]) {
		t.Error("bytes came in another order")
	}
	b.push([]byte("next"))
	b.advance(1)
	if rest := len(b.frames[0]); b.cut() == 0 || b.bytes != rest || !b.begun {
		t.Errorf("cut to %d bytes, want the %d that are begun", b.bytes, rest)
	}
	if b.clear(); b.bytes != 0 || !b.empty() {
		t.Errorf("cleared to %d bytes", b.bytes)
	}
}

func TestLargeFramesGoInParts(t *testing.T) {
	t.Parallel()
	r := slow(t, nil)
	c, s := r.openSlow(t, 4096)
	// More than the queue's room: with nothing before it, it goes.
	if taken := s.Offer(numbered(0, 400<<10), Live); taken != Queued {
		t.Errorf("a large frame is %d", taken)
	}
	if taken := s.Offer(numbered(1, 100), Live); taken != Refused {
		t.Errorf("one behind it is %d", taken)
	}
	if got := c.hearsNumber(); got != 0 {
		t.Errorf("heard %d", got)
	}
	await(t, r.drained)
	for n := range 3 {
		if taken := s.Offer(numbered(n, 60<<10), Live); taken > Queued {
			t.Fatalf("frame %d is %d", n, taken)
		}
	}
	for n := range 3 {
		if got := c.hearsNumber(); got != n {
			t.Errorf("heard %d, want %d", got, n)
		}
	}
}

func TestWhoTakesNothingIsCutOff(t *testing.T) {
	t.Parallel()
	const limit = 300 * time.Millisecond
	r := slow(t, func(s *Settings) { s.WriteTimeout, s.CloseTimeout = limit, 50*time.Millisecond })
	_, s := r.openSlow(t, 4096)
	began := time.Now()
	stuff(t, s)
	end := await(t, r.ended)
	if end.code != TooSlow || !errors.Is(end.err, errStuck) {
		t.Errorf("ended with %d, %v", end.code, end.err)
	}
	if took := time.Since(began); took < limit {
		t.Errorf("cut off after %v", took)
	}
	if taken := s.Offer(numbered(1, 100), Control); taken != Gone {
		t.Errorf("a frame for it is %d", taken)
	}
}

// TestATricklingReaderStays: slow is not stuck. All that is queued takes many
// times as long as nothing may take.
func TestATricklingReaderStays(t *testing.T) {
	t.Parallel()
	const limit = 400 * time.Millisecond
	r := slow(t, func(s *Settings) { s.WriteTimeout = limit })
	c, s := r.openSlow(t, 4096)
	const frames = 80
	for n := range frames {
		if taken := s.Offer(numbered(n, 1000), Live); taken > Queued {
			t.Fatalf("frame %d is %d", n, taken)
		}
	}
	if s.waiting() < 40 {
		t.Fatalf("only %d wait: there is nothing to see", s.waiting())
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for n := range frames {
		if got := c.hearsNumber(); got != n {
			t.Fatalf("heard %d, want %d", got, n)
		}
		<-tick.C
	}
	if took := time.Since(began); took < 3*limit {
		t.Errorf("all of it took %v: there was nothing to see", took)
	}
	// The limit was for what waited then: it does not end what comes long after.
	poll(t, func() bool { return s.waiting() == 0 })
	for range int(limit/(20*time.Millisecond)) + 2 {
		<-tick.C
	}
	if taken := s.Offer(numbered(frames, 100), Live); taken != Written {
		t.Errorf("a frame after the limit is %d", taken)
	}
	if len(r.ended) > 0 {
		t.Error("it was cut off")
	}
	if len(r.drained) > 0 {
		t.Error("it drained, and nothing had been refused")
	}
}

func TestManyOfferAtOnce(t *testing.T) {
	t.Parallel()
	const writers, each = 8, 250
	r := slow(t, nil)
	c, s := r.openSlow(t, 16<<10)
	var taken [writers][]int // the numbers that went, by writer
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range each {
				n := w*each + i
				if s.Offer(numbered(n, 5+random.IntN(2000)), Live) <= Queued {
					taken[w] = append(taken[w], n)
				}
			}
		})
	}
	offered := make(chan bool)
	go func() { all.Wait(); s.Close(Normal, ""); close(offered) }()
	var heard [writers][]int
	for {
		op, payload, err := c.next()
		if err != nil {
			t.Fatal(err)
		}
		if op == opClose {
			break
		}
		n := int(binary.BigEndian.Uint32(payload))
		if rest := payload[5:]; !bytes.Equal(rest, bytes.Repeat([]byte{byte(n)}, len(rest))) {
			t.Fatalf("number %d came with something of another frame", n)
		}
		heard[n/each] = append(heard[n/each], n)
	}
	await(t, offered)
	for w := range writers {
		if !slices.Equal(heard[w], taken[w]) {
			t.Errorf("writer %d: %d frames went, heard %d of them, or in another order", w, len(taken[w]), len(heard[w]))
		}
	}
}
