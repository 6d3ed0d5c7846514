package socket

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"bazaar/infra/connector/socket/talk"
)

func TestClosingBringsWhatWaits(t *testing.T) {
	t.Parallel()
	r := slow(t, nil)
	c, s := r.openSlow(t, 4096)
	stuff(t, s)
	for n := range 3 {
		s.Offer(numbered(n+1, 100), Live)
	}
	s.Close(Draining, "moving")
	s.Close(TooSlow, "too late to say so")
	if taken := s.Offer(numbered(0, 100), Control); taken != Gone {
		t.Errorf("behind the close frame a frame is %d", taken)
	}
	for want := range 4 {
		if got := c.hearsNumber(); got != want {
			t.Fatalf("heard %d, want %d", got, want)
		}
	}
	c.hears(opClose, "\x0f\xa1moving")
	// It is not over before the peer has answered.
	if len(r.ended) > 0 {
		t.Error("ended without the peer's answer")
	}
	c.say(closes(Draining, ""))
	c.gone()
	_ = c.Close()
	if end := await(t, r.ended); end.code != Draining || end.err != nil {
		t.Errorf("ended with %d, %v", end.code, end.err)
	}
}

// TestTheServerClosesFirst: a peer whose close frame is answered waits for us to
// end the connection, as RFC 6455 wants, and not for long.
func TestTheServerClosesFirst(t *testing.T) {
	t.Parallel()
	r := slow(t, nil)
	c, _ := r.open(t)
	c.say(closes(GoingAway, "so long"))
	c.hears(opClose, "\x03\xe9")
	c.gone()
	_ = c.Close()
	await(t, r.ended)
	// With something still to be written the answer comes behind it.
	c, s := r.openSlow(t, 4096)
	stuff(t, s)
	c.say(closes(GoingAway, ""))
	poll(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.ended
	})
	if got := c.hearsNumber(); got != 0 {
		t.Errorf("heard %d", got)
	}
	c.hears(opClose, "\x03\xe9")
	c.gone()
	_ = c.Close()
	if end := await(t, r.ended); end.code != GoingAway || end.err != nil {
		t.Errorf("ended with %d, %v", end.code, end.err)
	}
}

// TestAViolatorIsHeardOut: whoever is told what it did wrong may still be
// sending. To close under its hands would be a reset, which can take our close
// frame with it.
func TestAViolatorIsHeardOut(t *testing.T) {
	t.Parallel()
	r := slow(t, nil)
	c, _ := r.open(t)
	c.say(join(masked(fin|opData, nil), make([]byte, 100)))
	c.hears(opClose, "\x10\x6donly text is spoken here")
	c.gone() // our half of the connection
	for range 4 {
		c.say(make([]byte, 10<<10))
	}
	select {
	case <-r.ended:
		t.Error("ended while the peer sends")
	case <-time.After(100 * time.Millisecond):
	}
	_ = c.Close()
	if end := await(t, r.ended); end.code != Misused {
		t.Errorf("ended with %d, %v", end.code, end.err)
	}
}

// TestEndedIsTheLastWord: not even Drained, which another goroutine calls, is
// still running then. And while it runs, others can offer.
func TestEndedIsTheLastWord(t *testing.T) {
	t.Parallel()
	r := slow(t, nil)
	leave := make(chan bool)
	r.onDrained = func() { <-leave }
	c, s := r.openSlow(t, 4096)
	stuff(t, s)
	for s.Offer(numbered(0, 100), Ephemeral) == Queued {
	}
	for range s.waiting() {
		c.hearsNumber()
	}
	await(t, r.drained)
	if taken := s.Offer(numbered(0, 100), Live); taken != Written {
		t.Errorf("while Drained runs a frame is %d", taken)
	}
	_ = c.Close()
	poll(t, func() bool { return s.Offer(numbered(0, 100), Ephemeral) == Gone })
	select {
	case <-r.ended:
		t.Error("ended while Drained runs")
	case <-time.After(100 * time.Millisecond):
	}
	close(leave)
	await(t, r.ended)
}

func TestAPeerThatDoesNotAnswerAClose(t *testing.T) {
	t.Parallel()
	r := slow(t, func(s *Settings) { s.CloseTimeout = 200 * time.Millisecond })
	began := time.Now()
	for name, stuck := range map[string]bool{"silent": false, "stuck": true} {
		_, s := r.openSlow(t, 4096)
		if stuck {
			stuff(t, s)
		}
		s.Close(Expired, "")
		if end := await(t, r.ended); end.code != Expired || end.err != nil {
			t.Errorf("%s: ended with %d, %v", name, end.code, end.err)
		}
	}
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("both together took %v", took)
	}
}

// TestNothingIsHandedOnAfterClose: what was sent before the peer has heard of it
// is nobody's any more.
func TestNothingIsHandedOnAfterClose(t *testing.T) {
	t.Parallel()
	r := serve(t, nil)
	r.onText = func(s *Socket, _ []byte) { s.Close(Misused, "first auth") }
	c, _ := r.open(t)
	c.say(join(says("a"), says("b"), masked(fin|opPing, nil), says("c")))
	c.hears(opClose, "\x10\x6dfirst auth")
	c.say(join(says("d"), closes(Misused, "")))
	c.gone()
	if end := await(t, r.ended); end.code != Misused || end.err != nil {
		t.Errorf("ended with %d, %v", end.code, end.err)
	}
	if len(r.texts) != 1 {
		t.Errorf("%d messages were handed on", len(r.texts))
	}
}

func TestClosingAtTheDoor(t *testing.T) {
	t.Parallel()
	r := serve(t, nil)
	r.onOpen = func(s *Socket) {
		s.Offer(Text([]byte(`{"t":"bye"}`)), Control)
		s.Close(Full, "")
	}
	c, _ := r.open(t)
	c.hears(opText, `{"t":"bye"}`)
	c.hearsClose(Full)
	if end := await(t, r.ended); end.code != Full || end.err != nil {
		t.Errorf("ended with %d, %v", end.code, end.err)
	}
}

func TestConnectionsThatBreak(t *testing.T) {
	t.Parallel()
	r := serve(t, nil)
	c, _ := r.open(t)
	_ = c.Close()
	if end := await(t, r.ended); end.code != Abnormal || !errors.Is(end.err, io.EOF) {
		t.Errorf("a peer that leaves: %d, %v", end.code, end.err)
	}
	c, s := r.open(t)
	_ = c.SetLinger(0)
	_ = c.Close() // with a reset
	if end := await(t, r.ended); end.code != Abnormal || end.err == nil {
		t.Errorf("a peer that resets: %d, %v", end.code, end.err)
	}
	if taken := s.Offer(numbered(0, 100), Live); taken != Gone {
		t.Errorf("a frame for it is %d", taken)
	}
	s.Close(Normal, "")
	// A code that is not to be sent closes without a frame.
	c, s = r.open(t)
	s.Close(Abnormal, "")
	c.gone()
	if end := await(t, r.ended); end.code != Abnormal || end.err != nil {
		t.Errorf("cut off by us: %d, %v", end.code, end.err)
	}
}

func TestSlowMessages(t *testing.T) {
	t.Parallel()
	const limit = 300 * time.Millisecond
	r := serve(t, func(s *Settings) { s.MessageTimeout = limit })
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for name, begin := range map[string][]byte{
		"half a header": {fin | opText}, "a header without its mask": headOf(fin|opText, 5)[:4], "half a message": headOf(fin|opText, 5000),
		"a first fragment": masked(opText, []byte("x")), "half a ping": headOf(fin|opPing, 100),
	} {
		c, _ := r.open(t)
		c.say(join(says("whole"), begin))
		await(t, r.texts)
		began := time.Now()
		// Neither a byte now and then nor a ping between fragments is more time.
		for i := 0; time.Since(began) < limit/2; i++ {
			switch name {
			case "half a message", "half a ping":
				c.utter([]byte{'x' ^ talk.Key[i%4]})
			case "a first fragment":
				c.utter(masked(fin|opPing, nil))
			}
			<-tick.C
		}
		c.hearsClose(Misused)
		_ = c.Close()
		if end := await(t, r.ended); end.code != Misused || end.err == nil || time.Since(began) < limit*9/10 {
			t.Errorf("%s: ended with %d, %v, after %v", name, end.code, end.err, time.Since(began))
		}
	}
	// Who is quick may be silent as long as it likes, and was slow before.
	c, quick := r.open(t)
	c.say([]byte{fin | opText})
	poll(t, func() bool {
		quick.mu.Lock()
		defer quick.mu.Unlock()
		return quick.reader.paced
	})
	c.say(says("x")[1:])
	await(t, r.texts)
	for range int(2 * limit / (10 * time.Millisecond)) {
		<-tick.C
	}
	c.say(says("y"))
	if got := await(t, r.texts); got != "y" {
		t.Errorf("heard %q", got)
	}
}

func TestFloods(t *testing.T) {
	t.Parallel()
	r := serve(t, func(s *Settings) { s.FramesPerSecond, s.ControlsPerSecond = 200, 50 })
	ping := masked(fin|opPing, []byte("x"))
	for name, c := range map[string]struct {
		frame []byte
		most  int
	}{
		"messages": {says("x"), 200}, "fragments": {join(says("x"), masked(opText, nil), masked(opMore, nil), masked(fin|opMore, nil)), 200 / 4},
		"pings": {ping, 50}, "pongs": {masked(fin|opPong, nil), 50},
	} {
		peer, _ := r.open(t)
		// Twice what may come, and one: more than that in one second or the next.
		peer.utter([]byte(strings.Repeat(string(c.frame), 2*c.most+1)))
		peer.hearsClose(Misused)
		_ = peer.Close()
		if end := await(t, r.ended); end.code != Misused || end.err == nil {
			t.Errorf("%s: ended with %d, %v", name, end.code, end.err)
		}
	}
	for len(r.texts) > 0 {
		<-r.texts
	}
	peer, _ := r.open(t)
	peer.say([]byte(strings.Repeat(string(says("x")), 150) + strings.Repeat(string(ping), 50)))
	for range 50 {
		peer.hears(opPong, "x")
	}
	for range 150 {
		await(t, r.texts)
	}
}

func TestWhatASocketKnows(t *testing.T) {
	t.Parallel()
	r := serve(t, nil)
	r.onOpen = func(s *Socket) { s.Tag(s.Serial() * 10) }
	began := time.Now()
	first, a := r.open(t)
	_, b := r.open(t)
	if a.Serial() != 1 || b.Serial() != 2 || a.Tagged() != uint64(10) || b.Tagged() != uint64(20) {
		t.Errorf("sockets %d %v and %d %v", a.Serial(), a.Tagged(), b.Serial(), b.Tagged())
	}
	if got := a.Remote().String(); got != first.LocalAddr().String() {
		t.Errorf("the peer is at %s, want %s", got, first.LocalAddr())
	}
	opened := a.LastHeard()
	if opened.Before(began) || opened.After(time.Now()) {
		t.Errorf("opened at %v, now %v", opened, time.Now())
	}
	for _, frame := range [][]byte{says("x"), masked(fin|opPing, nil), masked(fin|opPong, nil)} {
		before := a.LastHeard()
		first.say(frame)
		poll(t, func() bool { return a.LastHeard().After(before) })
	}
	if n := r.server.Sockets(); n != 2 {
		t.Errorf("%d sockets are open", n)
	}
}
