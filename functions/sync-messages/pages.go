package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"bazaar/shared/message"
)

const (
	// keptFor is how long a page that was read serves whoever asks the same.
	keptFor = time.Second
	// maxKept bounds the bodies that are kept for that, in bytes.
	maxKept = 8 << 20
	// readTimeout bounds a reading: it is not the business of one caller alone.
	readTimeout = 5 * time.Second
)

// pages reads messages, and equal questions that come together only once: after a
// connector was lost all of a group ask for the same. Who may see the messages is
// not its business; whoever asks has found out for itself. What is recalled may
// be given out for a second more; the next sync tells of it.
type pages struct {
	read message.Pages

	mu     sync.Mutex
	asked  map[message.Span]*reading
	oldest []*reading // of those that are kept, in the order in which they were read
	bytes  int        // of their bodies
}

// reading is the answer to one question, for all who ask it.
type reading struct {
	span     message.Span
	done     chan struct{} // closed when the rest is there
	messages []message.Message
	err      error
	until    time.Time // it is kept until then
	bytes    int
}

func newPages(read message.Pages) *pages {
	return &pages{read: read, asked: map[message.Span]*reading{}}
}

// Between gives the messages of spans, as message.Store does.
func (p *pages) Between(ctx context.Context, spans []message.Span) ([]message.Message, error) {
	all, mine := p.ask(spans)
	if len(mine) > 0 {
		p.answer(ctx, mine)
	}
	var out []message.Message
	for _, r := range all {
		select {
		case <-r.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if r.err != nil {
			return nil, r.err
		}
		out = append(out, r.messages...)
	}
	return out, nil
}

// ask finds the answers to spans, and says which of them are the caller's to give.
func (p *pages) ask(spans []message.Span) (all, mine []*reading) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire()
	all = make([]*reading, len(spans))
	for i, s := range spans {
		r, ok := p.asked[s]
		if !ok {
			r = &reading{span: s, done: make(chan struct{})}
			p.asked[s] = r
			mine = append(mine, r)
		}
		all[i] = r
	}
	return all, mine
}

// answer reads what nobody else reads. Who asked first may leave: the others wait
// for it too.
func (p *pages) answer(ctx context.Context, mine []*reading) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	spans, at := make([]message.Span, len(mine)), make(map[string]*reading, len(mine))
	for i, r := range mine {
		spans[i], at[r.span.Conversation] = r.span, r
	}
	err := errors.New("reading messages did not come to its end")
	defer func() { p.finish(mine, err) }() // also when it panics: others wait
	var messages []message.Message
	messages, err = p.read(ctx, spans)
	for _, m := range messages {
		if r := at[m.Conversation]; r != nil {
			r.messages = append(r.messages, m)
			r.bytes += len(m.Body)
		}
	}
}

// finish gives the answers to all who wait for them, and keeps those that are whole.
func (p *pages) finish(mine []*reading, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range mine {
		r.err = err
		if err == nil && r.whole() && p.bytes+r.bytes <= maxKept {
			r.until = time.Now().Add(keptFor)
			p.oldest = append(p.oldest, r)
			p.bytes += r.bytes
		} else {
			delete(p.asked, r.span)
		}
		close(r.done)
	}
}

// whole reports whether a page has all that was asked for. One that was cut off
// for the sake of others in the same answer is nobody else's.
func (r *reading) whole() bool {
	return int64(len(r.messages)) == min(int64(r.span.Limit), r.span.Before-r.span.After-1)
}

// expire forgets what has served its time. The lock is held.
func (p *pages) expire() {
	now := time.Now()
	for len(p.oldest) > 0 && now.After(p.oldest[0].until) {
		delete(p.asked, p.oldest[0].span)
		p.bytes -= p.oldest[0].bytes
		p.oldest[0] = nil
		p.oldest = p.oldest[1:]
	}
}
