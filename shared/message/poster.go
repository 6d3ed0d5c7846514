package message

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"bazaar/shared/fault"
	"bazaar/shared/pg"
)

const (
	// postTimeout bounds a transaction up to its commit. It is our own: the
	// deadline of a caller ends that caller's waiting only.
	postTimeout = 5 * time.Second
	// maxBatch and maxBatchBytes bound what goes as one transaction.
	maxBatch      = 256
	maxBatchBytes = 256 << 10
	// maxWaiting bounds what may gather behind a slow store.
	maxWaiting = 8192
	// A transaction costs as much as several messages: another one runs beside the
	// first only when enough gathers for it, or something has waited for so long.
	enough  = 64
	tooLong = 15 * time.Millisecond
	// maxTwins is how often a batch is run again because somebody else stored one
	// of its drafts, in another conversation, in the same moment.
	maxTwins = 3
)

// TxStore runs transactions of two round trips: pg.Pool.
type TxStore interface {
	AskAndWrite(ctx context.Context, ask func(*pgx.Batch), write func(*pgx.Batch) error) error
}

// Poster stores the messages of many callers with few transactions. While one is
// under way what comes gathers, and goes as one: that is the group commit. Others
// help when that one is slow, or cannot keep up. A conversation is in the hands of
// one worker at a time, so that its messages are told in the order in which they
// are stored.
type Poster struct {
	store     TxStore
	announcer *Announcer
	workers   int

	mu      sync.Mutex
	waiting []*item
	busy    map[string]bool // conversations that a worker has in hand
	running int
	alarm   *time.Timer // rings when something has waited for too long; nil: nothing waits
	closed  bool
	runs    sync.WaitGroup
}

// item is a draft with a caller who waits for what becomes of it.
type item struct {
	parcel
	ctx   context.Context //nolint:containedctx // of the caller, for the trace
	since time.Time       // it waits
	taken bool            // a worker has it
	gone  bool            // nobody waits for it any more
	done  chan outcome
}

type outcome struct {
	posted Posted
	err    error
}

// NewPoster runs up to workers transactions at once, each on a connection of its
// own: leave one to the others of the pool. What was stored is told by a.
func NewPoster(store TxStore, a *Announcer, workers int) *Poster {
	return &Poster{store: store, announcer: a, workers: max(workers, 1), busy: map[string]bool{}}
}

// Post stores a message and gives its place. When it returns without an error the
// message is durable, and its announcement is on the way.
//
// Errors are faults: those of Validate; not_found for a conversation in which the
// sender is not; denied muted; mismatch client_msg_id_reused; unavailable, which
// says nothing about whether the message was stored unless ctx had ended before
// it was taken. The same draft again finds out.
func (p *Poster) Post(ctx context.Context, d Draft) (Posted, error) {
	posted, errs := p.PostAll(ctx, []Draft{d})
	return posted[0], errs[0]
}

// PostAll is Post for several drafts; those of one conversation are stored in
// their order.
func (p *Poster) PostAll(ctx context.Context, drafts []Draft) ([]Posted, []error) {
	posted, errs := make([]Posted, len(drafts)), make([]error, len(drafts))
	items := make([]*item, len(drafts))
	var add []*item
	for i, d := range drafts {
		var packed parcel
		if errs[i] = d.Validate(); errs[i] == nil {
			packed, errs[i] = pack(d)
		}
		if errs[i] == nil {
			items[i] = &item{parcel: packed, ctx: ctx, since: time.Now(), done: make(chan outcome, 1)}
			add = append(add, items[i])
		}
	}
	refused := p.add(add)
	for i, it := range items {
		switch {
		case it == nil:
		case refused != nil:
			errs[i] = refused
		default:
			posted[i], errs[i] = p.wait(ctx, it)
		}
	}
	return posted, errs
}

// Close refuses further drafts and waits, as long as ctx allows, for those in hand.
func (p *Poster) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	idle := make(chan struct{})
	go func() { p.runs.Wait(); close(idle) }()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing with messages in hand: %w", ctx.Err())
	}
}

func (p *Poster) add(items []*item) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return unavailable(errors.New("the poster is closed"))
	case len(p.waiting)+len(items) > maxWaiting:
		return unavailable(fmt.Errorf("%d messages wait already", len(p.waiting)))
	}
	p.waiting = append(p.waiting, items...)
	p.start()
	return nil
}

// start has more workers run, as long as there is enough for them to do. The lock
// is held.
func (p *Poster) start() {
	for p.running < p.workers && len(p.waiting) > 0 {
		if left := tooLong - time.Since(p.waiting[0].since); p.running > 0 && left > 0 && len(p.waiting) < enough {
			p.ring(left)
			return
		}
		batch := p.take()
		if batch == nil {
			return
		}
		p.running++
		p.runs.Go(func() { p.work(batch) })
	}
}

// ring has start look again after a while. The lock is held.
func (p *Poster) ring(after time.Duration) {
	if p.alarm != nil {
		return
	}
	p.alarm = time.AfterFunc(after, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.alarm = nil
		p.start()
	})
}

// work runs a batch and what has gathered meanwhile, until nothing is left that
// it may take.
func (p *Poster) work(batch []*item) {
	for batch != nil {
		p.run(batch)
		p.mu.Lock()
		for _, it := range batch {
			delete(p.busy, it.conversation)
		}
		if batch = p.take(); batch == nil {
			p.running--
		} else {
			p.start() // what the batch before let go of may be enough for two
		}
		p.mu.Unlock()
	}
}

// take gives the oldest drafts of conversations that nobody has in hand, nil when
// there are none. The lock is held.
func (p *Poster) take() []*item {
	var batch []*item
	size := 0
	left := p.waiting[:0]
	for i, it := range p.waiting {
		if it.gone {
			continue
		}
		if len(batch) == maxBatch || len(batch) > 0 && size+it.size() > maxBatchBytes {
			left = append(left, p.waiting[i:]...)
			break
		}
		if p.busy[it.conversation] {
			left = append(left, it)
			continue
		}
		it.taken = true
		batch = append(batch, it)
		size += it.size()
	}
	clear(p.waiting[len(left):])
	p.waiting = left
	for _, it := range batch {
		p.busy[it.conversation] = true
	}
	return batch
}

// wait gives an item's outcome. When ctx ends first an item that no worker has is
// withdrawn, certainly not stored; the outcome of another is unknown.
func (p *Poster) wait(ctx context.Context, it *item) (Posted, error) {
	select {
	case o := <-it.done:
		return o.posted, o.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	it.gone = true
	select {
	case o := <-it.done: // it came at the same time
		return o.posted, o.err
	default:
	}
	if it.taken {
		return Posted{}, unavailable(fmt.Errorf("waiting for the store: %w: %w", pg.ErrOutcomeUnknown, ctx.Err()))
	}
	return Posted{}, unavailable(fmt.Errorf("waiting for the messages before: %w", ctx.Err()))
}

// run stores a batch, tells of it, and answers its callers. A batch that fails
// by itself, and not by the store's absence, is stored draft by draft, so that
// only the one at fault fails.
func (p *Poster) run(batch []*item) {
	err := p.post(batch)
	if err == nil {
		return
	}
	if len(batch) > 1 && fault.KindOf(err) != fault.Unavailable {
		for _, it := range batch {
			p.run([]*item{it})
		}
		return
	}
	for _, it := range batch {
		it.done <- outcome{err: err}
	}
}

func (p *Poster) post(batch []*item) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(batch[0].ctx), postTimeout)
	defer cancel()
	t := posting{settled: p.announcer.due()}
	for _, it := range batch {
		t.parcels = append(t.parcels, it.parcel)
	}
	err := t.run(ctx, p.store)
	if errors.Is(err, errUnopened) {
		t.opens = true
		err = t.run(ctx, p.store)
	}
	for again := 1; again < maxTwins && isTwin(err); again++ {
		err = t.run(ctx, p.store)
	}
	if err != nil || t.event == "" {
		p.announcer.put(t.settled) // nothing was written, or nobody knows
	}
	if err != nil {
		return err
	}
	posted, errs, fresh := t.answers()
	p.announcer.posted(t.event, fresh, t.told())
	for i, it := range batch {
		it.done <- outcome{posted[i], errs[i]}
	}
	return nil
}

// isTwin recognises that a draft was stored by somebody else since we asked: the
// next asking finds it.
func isTwin(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "23505" && refused.ConstraintName == "message_once"
}

func unavailable(cause error) error {
	return fault.New(fault.Unavailable, "unavailable", "The service is not available at the moment.").
		After(time.Second).Because(cause)
}
