package message_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"bazaar/infra/chat"
	"bazaar/tests/support"
)

// cast is the people of one test. Their names are its own.
type cast struct {
	*house
	t     *testing.T
	mark  string
	all   []*person
	stays []chat.Seat // earlier ones, of who came back: the tables keep the last only
}

// person is a device of a user on a socket, with all that it was told.
type person struct {
	*chat.Client
	t     *testing.T
	house *house
	name  string
	end   context.CancelFunc
	ran   chan struct{} // closed when Run has returned
	why   error         // of Run

	mu     sync.Mutex
	events []chat.Event
}

func (h *house) cast(t *testing.T) *cast {
	t.Helper()
	return &cast{house: h, t: t, mark: uuid.NewString()[:8]}
}

// named is a user's name in this test.
func (c *cast) named(name string) string { return name + "-" + c.mark }

// join brings a device of a user to a socket, 0 or 1, and to both when it loses
// that. It returns when the connection is ready.
func (c *cast) join(name, device string, socket int) *person {
	c.t.Helper()
	user := c.named(name)
	sockets := append(slices.Clone(c.Sockets[socket:]), c.Sockets[:socket]...)
	token := c.token(c.t, user)
	client, err := chat.New(chat.Options{
		Sockets: sockets, API: c.Gateway + "/function", User: user, Device: device, Record: true,
		Token: func(context.Context, bool) (string, time.Time, error) { return token, time.Now().Add(time.Hour), nil },
	})
	if err != nil {
		c.t.Fatal(err)
	}
	p := &person{Client: client, t: c.t, house: c.house, name: user, ran: make(chan struct{})}
	ctx, end := context.WithCancel(context.Background())
	p.end = end
	go func() {
		defer close(p.ran)
		p.why = client.Run(ctx)
	}()
	go p.listen()
	c.all = append(c.all, p)
	c.t.Cleanup(func() { p.leave() })
	if !p.settles(chat.Ready) {
		c.t.Fatalf("%s does not come in: %s", user, client.State())
	}
	return p
}

// settles waits for a state of the connection.
func (p *person) settles(s chat.LinkState) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return p.AwaitState(ctx, s) == nil
}

// leave ends the client, and gives why it ended.
func (p *person) leave() error {
	p.end()
	<-p.ran
	return p.why
}

func (p *person) listen() {
	for {
		select {
		case e := <-p.Events():
			p.mu.Lock()
			p.events = append(p.events, e)
			p.mu.Unlock()
		case <-p.ran:
			return
		}
	}
}

// heard reports whether the client was told of something.
func (p *person) heard(right func(chat.Event) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.events, right)
}

// says sends a message and waits until it is stored.
func (p *person) says(conversation, words string) chat.Sent {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	sent, err := p.try(ctx, conversation, words)
	if err != nil {
		p.t.Fatalf("%s says %q: %v", p.name, words, err)
	}
	return sent
}

func (p *person) try(ctx context.Context, conversation, words string) (chat.Sent, error) {
	return p.Send(ctx, chat.Target{Conversation: conversation}, "text", map[string]string{"text": words})
}

// shows waits until everything of a conversation up to seq is shown.
func (p *person) shows(conversation string, seq int64) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.Await(ctx, conversation, seq); err != nil {
		p.t.Fatalf("%s does not see %d of %s, and knows of %d: %v", p.name, seq, conversation, p.Head(conversation), err)
	}
}

// fills loads what was left out of a conversation after an absence.
func (p *person) fills(conversation string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for len(p.Gaps(conversation)) > 0 {
		if err := p.Older(ctx, conversation); err != nil {
			p.t.Fatalf("%s loads what is between: %v", p.name, err)
		}
	}
}

// sights is how often a message was shown.
func (p *person) sights(conversation string, seq int64) (n int) {
	for _, s := range p.Record().Shown {
		if s.Conversation == conversation && s.Seq == seq {
			n++
		}
	}
	return n
}

// found makes a group by manage-group.
func (c *cast) found(owner string, members ...string) string {
	c.t.Helper()
	var names []string
	for _, m := range members {
		names = append(names, c.named(m))
	}
	var g struct {
		ID string `json:"group_id"`
	}
	c.call(c.t, c.token(c.t, c.named(owner)), "POST", "manage-group", map[string]any{"title": "Tea", "members": names}, 201, &g)
	return g.ID
}

// talking has everybody say so many things in a conversation, one after the
// other, beside the test. The function that it gives waits until all is stored,
// whatever happens meanwhile, and says how many they were.
func (c *cast) talking(conversation string, each int, people ...*person) (wait func() int64) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	var all sync.WaitGroup
	for _, p := range people {
		all.Go(func() {
			for n := range each {
				if _, err := p.try(ctx, conversation, fmt.Sprintf("%s %d", p.name, n)); err != nil {
					c.t.Errorf("%s, message %d: %v", p.name, n, err)
					return
				}
			}
		})
	}
	c.t.Cleanup(func() { cancel(); all.Wait() })
	return func() int64 { all.Wait(); return int64(each * len(people)) }
}

// holds waits until every client that is connected has come up to the last
// message of each of its conversations, and holds what all of them saw against
// what is stored.
func (c *cast) holds() {
	c.t.Helper()
	var records []chat.Record
	for _, p := range c.all {
		if p.State() == chat.StateStopped {
			continue // sent away for good: it saw what it saw
		}
		for id, last := range c.conversations(p.name) {
			p.shows(id, last)
			p.fills(id)
		}
		if n := p.Dropped(); n > 0 {
			c.t.Errorf("%s was told of %d things more than it listened to", p.name, n)
		}
	}
	for _, p := range c.all {
		if p.State() != chat.StateStopped {
			records = append(records, p.Record())
		}
	}
	support.MustHold(c.t, c.Pool)
	truth := support.Truth(c.t, c.Pool)
	truth.Seats = append(truth.Seats, c.stays...)
	breaches := chat.Judge(records, truth)
	for _, b := range breaches[:min(len(breaches), 20)] {
		c.t.Error(b)
	}
	shown := 0
	for _, r := range records {
		shown += len(r.Shown)
	}
	c.t.Logf("%d clients were shown %d messages; %d breaches", len(records), shown, len(breaches))
}

// conversations are those that a user is in, with their last messages.
func (c *cast) conversations(user string) map[string]int64 {
	c.t.Helper()
	found := map[string]int64{}
	rows, err := c.Pool.Query(c.t.Context(), `select conversation_id, last_seq from message.member join message.conversation using (conversation_id)
		where user_id = $1 and left_seq is null`, user)
	if err != nil {
		c.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var last int64
		if err := rows.Scan(&id, &last); err != nil {
			c.t.Fatal(err)
		}
		found[id] = last
	}
	if err := rows.Err(); err != nil {
		c.t.Fatal(err)
	}
	return found
}

// stoppedBy is the code by which a connector has ended a client for good, 0 for none.
func stoppedBy(err error) int {
	if stopped := (*chat.Stopped)(nil); errors.As(err, &stopped) {
		return stopped.Code
	}
	return 0
}
