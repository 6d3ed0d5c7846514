package main

import (
	"errors"
	"strings"
	"testing"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/message"
)

func TestWhatWasStoredIsToldAgain(t *testing.T) {
	h := newHall()
	stored := func(id string, d message.StoredData) event.Event {
		e, err := message.StoredEvent(id, d)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	batch := []event.Event{
		stored("one", message.StoredData{Spans: []message.Stretch{{Conversation: "g_1", First: 1, Last: 2}}}),
		stored("two", message.StoredData{Recalls: []message.Place{{Conversation: "g_1", Seq: 1}, {Conversation: "gone", Seq: 1}}}),
		stored("odd", message.StoredData{Spans: []message.Stretch{{Conversation: "g_1", First: 2, Last: 1}}}),
		stored("endless", message.StoredData{Spans: []message.Stretch{{Conversation: "g_1", First: 1, Last: maxStretch + 1}}}),
		stored("twice", message.StoredData{Spans: []message.Stretch{{Conversation: "g_1", First: 1, Last: 1}, {Conversation: "g_1", First: 2, Last: 2}}}),
	}
	failed, err := h.handler().Stored(t.Context(), batch)
	var given []string
	for _, f := range failed {
		given = append(given, f.ID)
		if f.Kind != fault.Invalid {
			t.Errorf("%+v", f)
		}
	}
	if err != nil || strings.Join(given, " ") != "odd endless twice" {
		t.Fatalf("%+v, %v", failed, err)
	}
	if strings.Join(h.events, " ") != "told flushed" || len(h.notes) != 2 || len(h.absent) != 2 {
		t.Fatalf("%q, %+v, %d for the absent", h.events, h.notes, len(h.absent))
	}
	first, second := h.notes[0], h.notes[1]
	if first.Header.Get(message.HeaderFirst) != "1" || first.Header.Get(message.HeaderLast) != "2" || first.Header.Get(message.HeaderVersion) != "7" ||
		first.Header.Get(message.HeaderSockets) != "" || strings.Count(string(first.Data), "\n") != 1 {
		t.Errorf("%+v %s", first.Header, first.Data)
	}
	if !strings.Contains(string(second.Data), `"kind":"recall"`) || second.Header.Get(message.HeaderFrame) != message.FrameEvent {
		t.Errorf("%+v %s", second.Header, second.Data)
	}
}

// An event is not done before the server has what it tells of.
func TestWhatIsNotHeardComesAgain(t *testing.T) {
	e, err := message.StoredEvent("one", message.StoredData{Spans: []message.Stretch{{Conversation: "g_1", First: 1, Last: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	gone := fault.New(fault.Unavailable, "unavailable", "Later.").Because(errors.New("gone"))
	for name, spoil := range map[string]func(*hall){
		"NATS is away":      func(h *hall) { h.away = gone },
		"NATS is deaf":      func(h *hall) { h.deaf = gone },
		"NATS is another":   func(h *hall) { h.lose = true },
		"the store is away": func(h *hall) { h.down = gone },
	} {
		h := newHall()
		spoil(h)
		if _, err := h.handler().Stored(t.Context(), []event.Event{e}); fault.KindOf(err) != fault.Unavailable || len(h.absent) != 0 {
			t.Errorf("%s: %v, %d for the absent", name, err, len(h.absent))
		}
	}
}
