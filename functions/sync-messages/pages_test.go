package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bazaar/shared/message"
)

// store has every message that there can be. It counts what is read.
type store struct {
	reads, spans atomic.Int64
	body         string
	short        bool // it leaves out one
	err          error
	takes        time.Duration
}

func (s *store) Between(ctx context.Context, spans []message.Span) (found []message.Message, err error) {
	s.reads.Add(1)
	s.spans.Add(int64(len(spans)))
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for _, span := range spans {
		first := max(span.After+1, span.Before-int64(span.Limit))
		if s.short {
			first++
		}
		for seq := first; seq < span.Before; seq++ {
			found = append(found, message.Message{Conversation: span.Conversation, Seq: seq, Body: jsontext.Value(s.body)})
		}
	}
	return found, s.err
}

func span(conversation string, before int64) message.Span {
	return message.Span{Conversation: conversation, After: 10, Before: before, Limit: 3}
}

// hundred ask the same at once, and gives how many messages each got.
func hundred(t *testing.T, p *pages, spans ...message.Span) {
	t.Helper()
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			found, err := p.Between(t.Context(), spans)
			if err != nil || len(found) != 3*len(spans) {
				t.Errorf("%d messages, %v", len(found), err)
			}
		})
	}
	all.Wait()
}

func TestEqualQuestionsAreReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{body: "{}", takes: time.Second}
		p := newPages(s.Between)
		hundred(t, p, span("a", 20), span("b", 20))
		hundred(t, p, span("b", 20), span("a", 20))
		if s.spans.Load() != 2 {
			t.Errorf("%d spans were read", s.spans.Load())
		}
		hundred(t, p, span("a", 20), span("b", 21)) // one more was said in b
		if s.spans.Load() != 3 {
			t.Errorf("%d spans were read", s.spans.Load())
		}
		time.Sleep(keptFor + time.Millisecond)
		hundred(t, p, span("a", 20))
		if s.spans.Load() != 4 {
			t.Errorf("%d spans were read after the time of a page", s.spans.Load())
		}
		time.Sleep(keptFor + time.Millisecond)
		if _, err := p.Between(t.Context(), nil); err != nil || len(p.asked) != 0 || len(p.oldest) != 0 || p.bytes != 0 {
			t.Errorf("%d pages of %d bytes are left, %v", len(p.asked), p.bytes, err)
		}
	})
}

// What is cut off for the sake of others, too large to be kept, or no answer is
// given to those who wait for it, and to nobody after them.
func TestPagesThatAreNotKept(t *testing.T) {
	for name, s := range map[string]*store{
		"cut off": {body: "{}", short: true}, "too large": {body: string(make([]byte, maxKept))}, "no answer": {err: errors.New("away")},
	} {
		p := newPages(s.Between)
		for range 2 {
			_, err := p.Between(t.Context(), []message.Span{span("a", 20)})
			if !errors.Is(err, s.err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if s.reads.Load() != 2 || len(p.asked) != 0 || p.bytes != 0 {
			t.Errorf("%s: read %d times, %d are kept", name, s.reads.Load(), len(p.asked))
		}
	}
}

// Who asked first may leave: the others get their answer.
func TestWhoAskedFirstMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{body: "{}", takes: time.Second}
		p := newPages(s.Between)
		ctx, leave := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := p.Between(ctx, []message.Span{span("a", 20)})
			first <- err
		}()
		synctest.Wait()
		leave()
		hundred(t, p, span("a", 20))
		<-first
		if s.reads.Load() != 1 {
			t.Errorf("read %d times", s.reads.Load())
		}
	})
}

// A reading that panics leaves nobody waiting.
func TestAReadingThatPanics(t *testing.T) {
	p := newPages(func(context.Context, []message.Span) ([]message.Message, error) { panic("oh") })
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is swallowed")
			}
		}()
		_, _ = p.Between(t.Context(), []message.Span{span("a", 20)})
	}()
	if len(p.asked) != 0 {
		t.Error("the question is still open")
	}
}
