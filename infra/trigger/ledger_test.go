package trigger

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// message counts what is said about it.
type message struct {
	jetstream.Msg
	data                 []byte
	acks, naks, progress int
	away                 bool // no connection
	lastDelay            time.Duration
}

func (m *message) Data() []byte { return m.data }

func (m *message) Ack() error {
	if m.away {
		return nats.ErrReconnectBufExceeded
	}
	m.acks++
	return nil
}

func (m *message) Nak() error { m.naks++; return nil }

func (m *message) NakWithDelay(d time.Duration) error { m.naks++; m.lastDelay = d; return nil }

func (m *message) InProgress() error { m.progress++; return nil }

func deliver(m *message, seq uint64, stored time.Time) *delivery {
	return &delivery{msg: m, seq: seq, stored: stored}
}

func TestLedgerKnowsWhatItHoldsAndWhatIsDone(t *testing.T) {
	t.Parallel()
	l, now := newLedger(), time.Now()
	m := &message{data: []byte("12345")}
	d := deliver(m, 7, now)
	if !l.take(d) || l.bytes != 5 || l.count() != 1 {
		t.Fatal("a new message is not taken")
	}
	if l.take(deliver(m, 7, now)) {
		t.Error("a message is taken twice")
	}
	l.keep()
	if m.progress != 1 || m.acks != 0 {
		t.Errorf("a held message: %+v", m)
	}
	l.finish(d)
	if m.acks != 1 || l.bytes != 0 || l.count() != 0 {
		t.Errorf("a finished message: %+v, %d bytes held", m, l.bytes)
	}
	again := &message{}
	if l.take(deliver(again, 7, now)) || again.acks != 1 {
		t.Error("a finished message that comes again is not just acknowledged")
	}
	if !l.take(deliver(&message{}, 7, now.Add(1))) {
		t.Error("another message with the same sequence is taken for the finished one")
	}
}

func TestLedgerAcknowledgesLater(t *testing.T) {
	t.Parallel()
	l := newLedger()
	m := &message{away: true}
	d := deliver(m, 1, time.Now())
	l.take(d)
	l.finish(d)
	l.keep()
	m.away = false
	l.keep()
	l.keep()
	if m.acks != 1 {
		t.Errorf("acknowledged %d times", m.acks)
	}
}

func TestLedgerGivesUp(t *testing.T) {
	t.Parallel()
	l := newLedger()
	m := &message{}
	d := deliver(m, 1, time.Now())
	l.take(d)
	l.giveUp(d, time.Hour)
	if m.naks != 1 || m.lastDelay > 10*time.Second || l.count() != 0 {
		t.Errorf("given up: %+v", m)
	}
	if !l.take(deliver(m, 1, d.stored)) {
		t.Error("what was given up is not taken when it comes again")
	}
}

func TestLedgerForgetsTheOldest(t *testing.T) {
	t.Parallel()
	l, now := newLedger(), time.Now()
	for seq := range uint64(2 * doneRemembered) {
		d := deliver(&message{}, seq, now)
		l.take(d)
		l.finish(d)
	}
	if len(l.done) != doneRemembered || len(l.order) != doneRemembered {
		t.Errorf("%d remembered", len(l.done))
	}
	if l.take(deliver(&message{}, 2*doneRemembered-1, now)) || !l.take(deliver(&message{}, 0, now)) {
		t.Error("it remembers the wrong ones")
	}
}

func TestLedgerRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		d := deliver(&message{data: make([]byte, 100)}, 1, time.Now())
		l.take(d)
		room := false
		go func() { room = l.room(t.Context(), 100) == nil }()
		synctest.Wait()
		if room {
			t.Error("there is room when it is full")
		}
		l.finish(d)
		synctest.Wait()
		if !room {
			t.Error("there is no room when it is empty")
		}
	})
}
