package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/message"
)

const (
	// maxHeads is about how many conversations the store is asked at once.
	maxHeads = 500
	// maxStretch is the longest stretch of messages that one event can be about.
	maxStretch = 1000
)

// Stored tells again of what was committed and perhaps not announced: the process
// that stored it died, or NATS was away. Clients know by its number what they have.
func (h *Handler) Stored(ctx context.Context, batch []event.Event) ([]fn.Failed, error) {
	var failed []fn.Failed
	var notes []bus.Note
	var fresh []message.Posted
	for _, e := range batch {
		var d message.StoredData
		if err := e.Decode(&d); err != nil || !known(d) {
			failed = append(failed, fn.FailedFrom(e.ID, fault.New(fault.Invalid, "invalid_event", "The event names no messages.").Because(err)))
			continue
		}
		posted, recalls, err := h.again(ctx, d)
		switch {
		case fault.KindOf(err) == fault.Unavailable:
			return nil, err
		case err != nil:
			failed = append(failed, fn.FailedFrom(e.ID, err))
			continue
		}
		fresh = append(fresh, posted...)
		notes = append(append(notes, message.Notes(posted)...), recalls...)
	}
	if err := h.tell(ctx, notes); err != nil {
		return nil, err
	}
	if len(fresh) > 0 {
		h.Absent(ctx, fresh)
	}
	return failed, nil
}

// known reports whether d is about messages that there can be.
func known(d message.StoredData) bool {
	seen := map[string]bool{}
	for _, s := range d.Spans {
		if !message.IsID(s.Conversation) || seen[s.Conversation] || s.First < 1 || s.Last < s.First || s.Last-s.First >= maxStretch {
			return false
		}
		seen[s.Conversation] = true
	}
	for _, p := range d.Recalls {
		if !message.IsID(p.Conversation) || p.Seq < 1 {
			return false
		}
	}
	return len(d.Spans)+len(d.Recalls) > 0
}

// again reads what an event is about, as it is now. The version is read behind
// the messages: who was removed meanwhile is not told of them any more.
func (h *Handler) again(ctx context.Context, d message.StoredData) (posted []message.Posted, recalls []bus.Note, err error) {
	spans := make([]message.Span, len(d.Spans))
	conversations := map[string]bool{}
	for i, s := range d.Spans {
		spans[i], conversations[s.Conversation] = s.Span(), true
	}
	for _, p := range d.Recalls {
		conversations[p.Conversation] = true
	}
	messages, err := h.Messages.Between(ctx, h.Store, spans)
	if err != nil {
		return nil, nil, err
	}
	heads := map[string]message.Head{}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(conversations)), maxHeads) {
		found, err := h.Messages.Heads(ctx, h.Store, some)
		if err != nil {
			return nil, nil, err
		}
		maps.Copy(heads, found)
	}
	for _, m := range messages {
		posted = append(posted, message.Posted{Message: m, Version: heads[m.Conversation].Version})
	}
	for _, p := range d.Recalls {
		if head, ok := heads[p.Conversation]; ok {
			recalls = append(recalls, message.Event{Conversation: p.Conversation, Seq: p.Seq, Kind: message.EventRecall}.Note(head.Version, ""))
		}
	}
	return posted, recalls, nil
}

// tell returns when the server has the notes, on the connection that took them.
func (h *Handler) tell(ctx context.Context, notes []bus.Note) error {
	if len(notes) == 0 {
		return nil
	}
	before := h.Bus.Connections()
	if err := h.Bus.Tell(notes...); err != nil {
		return err
	}
	if err := h.Bus.Flush(ctx); err != nil {
		return err
	}
	if h.Bus.Connections() != before {
		return fault.New(fault.Unavailable, "unavailable", "The service is not available at the moment.").
			After(time.Second).Because(errors.New("the connection to NATS was lost meanwhile"))
	}
	return nil
}
