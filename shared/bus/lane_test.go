package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bazaar/shared/event"
	"bazaar/shared/fault"
)

// stage is a lane whose messages wait to be let through.
type stage struct {
	*lane
	sent   chan []byte // a message that is in flight
	answer chan error  // ends it
}

func newStage() *stage {
	s := &stage{sent: make(chan []byte), answer: make(chan error)}
	s.lane = &lane{send: func(body []byte, _ int, _ func() bool) error {
		s.sent <- body
		return <-s.answer
	}}
	return s
}

// publish is what Bus.enqueue and wait do.
func (s *stage) publish(t *testing.T, id string) *item {
	t.Helper()
	it := newItem(t, id)
	start, err := s.add([]*item{it})
	if err != nil {
		t.Error(err)
	}
	if start {
		go s.run()
	}
	return it
}

func newItem(t *testing.T, id string) *item {
	t.Helper()
	ev, err := event.New("order.placed", id, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	it, err := encode(context.Background(), ev)
	if err != nil {
		t.Fatal(err)
	}
	return it
}

func idsOf(t *testing.T, body []byte) string {
	t.Helper()
	batch, err := event.DecodeBatch(body)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, ev := range batch {
		ids = append(ids, ev.ID)
	}
	return strings.Join(ids, " ")
}

func TestWhatGathersGoesAsOneMessage(t *testing.T) {
	t.Parallel()
	s := newStage()
	first := s.publish(t, "1")
	if got := idsOf(t, <-s.sent); got != "1" {
		t.Errorf("first message: %s", got)
	}
	rest := []*item{s.publish(t, "2"), s.publish(t, "3"), s.publish(t, "4")}
	s.answer <- nil
	if err := s.wait(context.Background(), first); err != nil {
		t.Error(err)
	}
	if got := idsOf(t, <-s.sent); got != "2 3 4" {
		t.Errorf("second message: %s", got)
	}
	s.answer <- nil
	for _, it := range rest {
		if err := s.wait(context.Background(), it); err != nil {
			t.Error(err)
		}
	}
}

// TestEveryEventOfAMessageHasItsOutcome is what keeps an order from being
// answered 202 when its neighbour's publish failed.
func TestEveryEventOfAMessageHasItsOutcome(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.publish(t, "0")
	<-s.sent
	var items []*item
	for i := range 5 {
		items = append(items, s.publish(t, fmt.Sprint(i+1)))
	}
	s.answer <- nil
	<-s.sent
	no := errors.New("no")
	s.answer <- no
	for i, it := range items {
		if err := s.wait(context.Background(), it); !errors.Is(err, no) {
			t.Errorf("event %d of the failed message: %v", i+1, err)
		}
	}
}

func TestCallerWhoLeavesIsToldWhatIsKnown(t *testing.T) {
	t.Parallel()
	s := newStage()
	inFlight := s.publish(t, "1")
	<-s.sent
	waits, stays := s.publish(t, "2"), s.publish(t, "3")
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.wait(gone, inFlight); !errors.Is(err, ErrUnknown) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("in flight: %v", err)
	}
	if err := s.wait(gone, waits); err == nil || errors.Is(err, ErrUnknown) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("not yet in flight: %v", err)
	}
	s.answer <- nil
	if got := idsOf(t, <-s.sent); got != "3" {
		t.Errorf("the withdrawn event went along: %s", got)
	}
	s.answer <- nil
	if err := s.wait(context.Background(), stays); err != nil {
		t.Error(err)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.publish(t, "0")
	<-s.sent
	large := strings.Repeat("x", 200<<10)
	for i := range 3 {
		it := newItem(t, fmt.Sprint(i))
		it.body, _ = json.Marshal(event.Event{SpecVersion: "1.0", ID: fmt.Sprint(i), Source: "/t", Type: "t", Subject: large})
		if _, err := s.add([]*item{it}); err != nil {
			t.Fatal(err)
		}
	}
	var many []*item
	for i := range maxMessageEvents + 1 {
		many = append(many, newItem(t, fmt.Sprint(i)))
	}
	if _, err := s.add(many); err != nil {
		t.Fatal(err)
	}
	events := 0
	for range 4 {
		s.answer <- nil
		body := <-s.sent
		batch, err := event.DecodeBatch(body)
		if err != nil || len(body) > maxMessageBytes || len(batch) > maxMessageEvents {
			t.Errorf("%d events in %d bytes, %v", len(batch), len(body), err)
		}
		if events += len(batch); events == 3+len(many) {
			break
		}
	}
	if events != 3+len(many) {
		t.Errorf("%d events in four messages", events)
	}
	s.answer <- nil
}

func TestWhatWaitsIsBounded(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.publish(t, "0")
	<-s.sent
	huge := func() []*item {
		return []*item{{body: make([]byte, maxWaitingBytes/2+1), outcome: make(chan error, 1)}}
	}
	if _, err := s.add(huge()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.add(huge()); !errors.Is(err, errNoRoom) {
		t.Errorf("a second one: %v", err)
	}
	s.answer <- nil
	<-s.sent
	if _, err := s.add([]*item{newItem(t, "1")}); err != nil {
		t.Errorf("after room was made: %v", err)
	}
	s.answer <- nil
	<-s.sent
	s.answer <- nil
}

func TestLaneStartsAgainAfterRest(t *testing.T) {
	t.Parallel()
	l := &lane{send: func([]byte, int, func() bool) error { return nil }}
	var callers sync.WaitGroup
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for c := range 8 {
		callers.Go(func() {
			for i := range 500 {
				it := &item{body: fmt.Appendf(nil, `"%d-%d"`, c, i), outcome: make(chan error, 1)}
				start, err := l.add([]*item{it})
				if err != nil {
					t.Error(err)
				}
				if start {
					go l.run()
				}
				if err := l.wait(ctx, it); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
}
