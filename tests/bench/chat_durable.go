package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bazaar/shared/bus"
	"bazaar/shared/group"
	"bazaar/shared/message"
)

const (
	// writers send messages at the same time where durable ones are counted.
	writers = 256
	// posterWorkers are as many as push-message has: its connections less one.
	posterWorkers = 3
	// topics are the conversations of those who do not all speak in one.
	topics = 1000
)

// measureDurable counts the messages that are stored a second, in one
// conversation and in many, and holds them against rows that are only inserted,
// in batches of the same sizes.
func measureDurable(ctx context.Context, c *chat) (Result, error) {
	users := c.users("writer", writers)
	one, err := c.groups(ctx, users, writers)
	if err != nil {
		return Result{}, err
	}
	hot := func(int, int64) string { return one[0].ID }
	many, err := c.topics(ctx, users)
	if err != nil {
		return Result{}, err
	}
	spread := func(writer int, n int64) string { return many[(writer+int(n)*writers)%(len(many)/writers*writers)] }
	t := Table{
		Title: "Durable messages",
		Note: fmt.Sprintf("%d callers, each with its next message as soon as the last is stored. *Poster* is push-message's own (`shared/message`, %d transactions at a time, announced to NATS) in the bench's process; *push-message* is the function behind the gateway, on the same cores. *Bare* only inserts rows of the same size into `message.message`, each batch a commit,",
			writers, posterWorkers) + " in batches of the sizes that the other had just made (from the rows' transactions), from as many connections as it can use (one for one conversation), in turns.",
		Head: []string{"who, and where", "messages a second", "messages a commit", "bare, one connection", fmt.Sprintf("bare, %d connections", posterWorkers)},
	}
	var rows []Row
	for _, w := range []struct {
		name    string
		room    func(int, int64) string
		workers int
	}{{"one hot conversation", hot, 1}, {fmt.Sprintf("%d conversations", len(many)/writers*writers), spread, posterWorkers}} {
		for _, store := range []struct {
			name string
			run  func(context.Context, func(int, int64) string, []string) (float64, error)
		}{{"Poster", c.posted}, {"push-message", c.called}} {
			d, err := c.durable(ctx, func(ctx context.Context) (float64, error) { return store.run(ctx, w.room, users) }, w.workers)
			if err != nil {
				return Result{}, err
			}
			c.b.say("%s, %s: %.0f/s, bare %.0f/s, %.0f a commit", store.name, w.name, median(d.rates), median(d.bare), d.batch)
			rows = append(rows, Row{What: fmt.Sprintf("durable messages in %s (%s) against bare inserts in the same batches", w.name, store.name),
				Figure: perSecond(median(d.rates)), Baseline: perSecond(median(d.bare)), Ratio: median(d.ratios)})
			alone, several := median(d.bare), median(d.other)
			if w.workers > 1 {
				alone, several = several, alone
			}
			t.Rows = append(t.Rows, []string{store.name + ", " + w.name, perSecond(median(d.rates)), fmt.Sprintf("%.0f", d.batch), perSecond(alone), perSecond(several)})
		}
	}
	return Result{Rows: rows, Tables: []Table{t}}, nil
}

// topics are conversations of which each writer is in its share.
func (c *chat) topics(ctx context.Context, users []string) ([]string, error) {
	var ids []string
	for i := 0; i < (topics+writers-1)/writers*writers; i++ {
		id := message.NewGroupID()
		if err := c.found(ctx, id, []string{users[i%writers]}); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, c.age(ctx)
}

// durably is what came of some turns.
type durably struct {
	rates, bare, other, ratios []float64
	batch                      float64 // messages a commit, on average
}

// durable lets messages be stored, and rows inserted, in turns.
func (c *chat) durable(ctx context.Context, run func(context.Context) (float64, error), workers int) (d durably, err error) {
	for turn := range 4 { // the first only warms up
		var from time.Time
		if err := c.Pool.QueryRow(ctx, `select clock_timestamp()`).Scan(&from); err != nil {
			return d, fmt.Errorf("asking for the time: %w", err)
		}
		rate, err := run(ctx)
		if err != nil {
			return d, err
		}
		sizes, err := c.batches(ctx, from)
		if err != nil {
			return d, err
		}
		bare, err := c.insert(ctx, sizes, workers)
		if err != nil {
			return d, err
		}
		other, err := c.insert(ctx, sizes, posterWorkers+1-workers)
		if err != nil {
			return d, err
		}
		if turn == 0 {
			continue
		}
		var all int
		for _, n := range sizes {
			all += n
		}
		d.rates, d.bare, d.other, d.ratios = append(d.rates, rate), append(d.bare, bare), append(d.other, other), append(d.ratios, rate/bare)
		d.batch = float64(all) / float64(len(sizes))
	}
	return d, nil
}

// batches are how many messages went with each commit since a time, in order.
func (c *chat) batches(ctx context.Context, from time.Time) ([]int, error) {
	rows, err := c.Pool.Query(ctx, `select count(*) from message.message where created_at >= $1 and sender_id like $2 group by xmin order by min(created_at)`, from, c.run+"-%")
	if err != nil {
		return nil, fmt.Errorf("reading the sizes of batches: %w", err)
	}
	defer rows.Close()
	var sizes []int
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			return nil, fmt.Errorf("reading the sizes of batches: %w", err)
		}
		sizes = append(sizes, n)
	}
	if err := rows.Err(); err != nil || len(sizes) == 0 {
		return nil, fmt.Errorf("reading the sizes of batches: there are %d (%w)", len(sizes), err)
	}
	return sizes, nil
}

// storing is how long messages are stored for in one turn.
const storing = 1500 * time.Millisecond

// body is what is said: as long as the others' messages.
func body() string { return `{"text":"` + strings.Repeat("x", textSize) + `"}` }

// posted stores messages by a Poster of this process.
func (c *chat) posted(ctx context.Context, room func(int, int64) string, users []string) (float64, error) {
	b, err := bus.Open(c.NATS, "bench", nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = b.Close(context.WithoutCancel(ctx)) }()
	for b.Check(ctx) != nil {
		if err := settle(ctx, 10*time.Millisecond); err != nil {
			return 0, err
		}
	}
	announcer := message.NewAnnouncer(b, c.Pool, message.AnnouncerSettings{Opened: func(o message.Opened) bus.Note {
		return group.Changed{Conversation: o.Conversation, Version: o.Version, LastSeq: o.LastSeq, By: o.By}.Note(o.User)
	}})
	telling, stop := context.WithCancel(ctx)
	var told sync.WaitGroup
	told.Go(func() { announcer.Run(telling) })
	defer func() { stop(); told.Wait() }()
	poster := message.NewPoster(c.Pool, announcer, posterWorkers)
	text, run := jsontext.Value(body()), c.key()
	return busy(ctx, c.b.long(storing), func(writer int, n int64) error {
		_, err := poster.Post(ctx, message.Draft{Sender: users[writer], Conversation: room(writer, n), Kind: "text", Body: text,
			ClientMsgID: run + "-" + strconv.Itoa(writer) + "-" + strconv.FormatInt(n, 10)})
		return err
	})
}

// busy keeps all writers at it for a time, and gives how often a second they were
// done.
func busy(ctx context.Context, length time.Duration, do func(writer int, n int64) error) (float64, error) {
	var all sync.WaitGroup
	var count atomic.Int64
	errs := make([]error, writers)
	began := time.Now()
	for w := range writers {
		all.Go(func() {
			for n := int64(0); errs[w] == nil && ctx.Err() == nil && time.Since(began) < length; n++ {
				if errs[w] = do(w, n); errs[w] == nil {
					count.Add(1)
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return 0, errs[i]
	}
	return float64(count.Load()) / took.Seconds(), ctx.Err()
}

// called stores messages by push-message.
func (c *chat) called(ctx context.Context, room func(int, int64) string, users []string) (float64, error) {
	var heads []string
	for _, user := range users {
		token, err := c.token(user)
		if err != nil {
			return 0, err
		}
		heads = append(heads, "POST /function/push-message HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer "+token+"\r\nContent-Type: application/json\r\nContent-Length: ")
	}
	counts, run, said := make([]int64, len(users)), c.key(), body()
	l := &load{addr: c.host(), want: http.StatusOK, request: func(into []byte, caller int) []byte {
		n := counts[caller]
		counts[caller]++
		text := fmt.Sprintf(`{"conversation":%q,"client_msg_id":"%s-%d-%d","kind":"text","body":%s}`, room(caller, n), run, caller, n, said)
		into = append(into, heads[caller]...)
		into = strconv.AppendInt(into, int64(len(text)), 10)
		return append(append(into, "\r\n\r\n"...), text...)
	}}
	out, err := l.closed(ctx, len(users), c.b.long(storing))
	return out.rate(), err
}

// insert puts rows into the table of messages in batches of these sizes, and
// gives how many a second. They stay: who takes them out has the store sweep up
// behind it in the next turn.
func (c *chat) insert(ctx context.Context, sizes []int, workers int) (float64, error) {
	next, total := atomic.Int64{}, 0
	for _, n := range sizes {
		total += n
	}
	conversation := "bench-bare-" + c.key()
	errs := make([]error, workers)
	var all sync.WaitGroup
	var seq atomic.Int64
	began := time.Now()
	for w := range workers {
		all.Go(func() {
			for errs[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= len(sizes) {
					return
				}
				last := seq.Add(int64(sizes[i]))
				_, errs[w] = c.Pool.Exec(ctx, `
					insert into message.message (conversation_id, seq, sender_id, client_msg_id, payload_hash, kind, body, created_at)
					select $1, s, 'bench-bare', $1 || '-' || s, sha256($2::text::bytea), 'text', $2, clock_timestamp() from generate_series($3::bigint, $4::bigint) s`,
					conversation, body(), last-int64(sizes[i])+1, last)
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	for _, err := range errs {
		if err != nil {
			return 0, fmt.Errorf("inserting rows: %w", err)
		}
	}
	return float64(total) / took.Seconds(), nil
}
