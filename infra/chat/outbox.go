package chat

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// mostFlying bounds the messages that wait for an answer at the same time, of
// all conversations together: the server holds 64 of a socket.
const mostFlying = 16

// Target is where a message goes: a conversation, or the direct one with a user.
type Target struct {
	Conversation string `json:"conversation,omitempty"`
	User         string `json:"to,omitempty"`
}

// Draft is a message that the server has not confirmed, as a Store keeps it.
type Draft struct {
	ID     string         `json:"client_msg_id"` // the same for every attempt
	To     Target         `json:"to"`
	Kind   string         `json:"kind"`
	Body   jsontext.Value `json:"body"`
	Failed string         `json:"failed,omitempty"` // the code of a refusal that is final
}

// Sent is the server's word that a message is stored.
type Sent struct {
	ClientMsgID  string    `json:"client_msg_id"`
	Conversation string    `json:"conversation"`
	Seq          int64     `json:"seq"`
	MessageID    string    `json:"message_id"`
	SentAt       time.Time `json:"sent_at"`
	Duplicate    bool      `json:"duplicate"` // an earlier attempt had stored it
}

// Pending is a message on its way. It is safe for concurrent use.
type Pending struct {
	ID string // the client_msg_id
	To Target

	mu   sync.Mutex
	done chan struct{}
	sent Sent
	err  error
}

func newPending(d Draft) *Pending {
	return &Pending{ID: d.ID, To: d.To, done: make(chan struct{})}
}

// Done is closed when the server has the message, or refuses it for good.
func (p *Pending) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// Wait waits for what becomes of the message: Sent, or a *Refused. When ctx ends
// first, its error is returned and the message goes on being sent.
func (p *Pending) Wait(ctx context.Context) (Sent, error) {
	select {
	case <-p.Done():
	case <-ctx.Done():
		return Sent{}, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent, p.err
}

func (p *Pending) settle(s Sent, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent, p.err = s, err
	select {
	case <-p.done: // it had failed, and was stored by an earlier attempt after all
	default:
		close(p.done)
	}
}

// again makes a failed one wait once more.
func (p *Pending) again() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.err = make(chan struct{}), nil
}

// letter is a draft in the outbox.
type letter struct {
	Draft
	pending *Pending
	kept    bool      // the store has it
	sending bool      // the server has not answered
	tries   int       // that failed
	until   time.Time // sending: the answer is waited for; else not before
}

// outbox sends messages one at a time in each conversation, in the order in
// which they were written, each under one client_msg_id, until the server has
// confirmed or refused them.
type outbox struct {
	terms   terms
	letters []*letter
}

func (o *outbox) add(d Draft, kept bool) *letter {
	l := &letter{Draft: d, pending: newPending(d), kept: kept}
	if d.Failed != "" {
		l.pending.settle(Sent{}, &Refused{Code: d.Failed})
	}
	o.letters = append(o.letters, l)
	return l
}

func (o *outbox) find(id string) *letter {
	i := slices.IndexFunc(o.letters, func(l *letter) bool { return l.ID == id })
	if i < 0 {
		return nil
	}
	return o.letters[i]
}

// due gives the messages that are to be sent now, and counts them as sent. lane
// names what a target has its order in.
func (o *outbox) due(now time.Time, lane func(Target) string) []*letter {
	flying := 0
	for _, l := range o.letters {
		if l.sending {
			flying++
		}
	}
	var due []*letter
	busy := map[string]bool{}
	for _, l := range o.letters {
		name := lane(l.To)
		if l.Failed != "" || busy[name] {
			continue
		}
		busy[name] = true // whoever comes after waits for it, whatever it waits for
		if l.sending || !l.kept || now.Before(l.until) || flying >= mostFlying {
			continue
		}
		flying++
		l.sending, l.until = true, now.Add(o.terms.answer)
		due = append(due, l)
	}
	return due
}

// next is when something is to be done without anything happening; zero never.
func (o *outbox) next() time.Time {
	var at time.Time
	for _, l := range o.letters {
		if l.Failed == "" {
			at = earliest(at, l.until)
		}
	}
	return at
}

// sent takes the confirmation of a message, and gives what was confirmed; nil
// for one that is not here (any more).
func (o *outbox) sent(s Sent) *letter {
	l := o.find(s.ClientMsgID)
	if l != nil {
		o.drop(l)
		l.pending.settle(s, nil)
	}
	return l
}

func (o *outbox) drop(l *letter) {
	o.letters = slices.DeleteFunc(slices.Clone(o.letters), func(other *letter) bool { return other == l })
}

// refused takes a refusal, and gives the message when it failed for good.
func (o *outbox) refused(now time.Time, r Refused, id string, random float64) *letter {
	l := o.find(id)
	switch {
	case l == nil || l.Failed != "":
		return nil
	case !r.Retryable:
		o.fail(l, r)
		return l
	case l.sending: // otherwise it is of an attempt that was given up before
		o.later(now, l, r.After, random)
	}
	return nil
}

func (o *outbox) fail(l *letter, r Refused) {
	if r.Code == "" {
		r.Code = "refused"
	}
	l.Failed, l.sending, l.until = r.Code, false, time.Time{}
	l.pending.settle(Sent{}, &r)
}

func (o *outbox) later(now time.Time, l *letter, after time.Duration, random float64) {
	wait := max(halfJitter(l.tries, o.terms.sendBase, o.terms.longest, random), min(after, time.Minute))
	l.tries++
	l.sending, l.until = false, now.Add(wait)
}

// expire gives up the attempts whose answer did not come in time.
func (o *outbox) expire(now time.Time, random func() float64) {
	for _, l := range o.letters {
		if l.sending && !now.Before(l.until) {
			o.later(now, l, 0, random())
		}
	}
}

// lost is the end of the connection: what was sent is to be sent again.
func (o *outbox) lost() {
	for _, l := range o.letters {
		if l.sending {
			l.sending, l.until = false, time.Time{}
		}
	}
}

// retry sends a failed message again, as the last one of its conversation.
func (o *outbox) retry(id string) bool {
	l := o.find(id)
	if l == nil || l.Failed == "" {
		return false
	}
	l.Failed, l.tries, l.until = "", 0, time.Time{}
	l.pending.again()
	o.drop(l)
	o.letters = append(o.letters, l)
	return true
}

// unkept are the messages that the store does not have yet.
func (o *outbox) unkept() (ids []string) {
	for _, l := range o.letters {
		if !l.kept {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

// drafts are what is to be kept.
func (o *outbox) drafts() []Draft {
	all := make([]Draft, len(o.letters))
	for i, l := range o.letters {
		all[i] = l.Draft
	}
	return all
}
