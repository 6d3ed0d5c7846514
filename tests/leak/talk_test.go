package leak_test

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"bazaar/infra/chat"
)

// talker is a client of the chat that runs.
type talker struct {
	*chat.Client
	stop context.CancelFunc
	done sync.WaitGroup
}

// talks connects somebody who is signed in.
func (s *shop) talks(p person, user string) (*talker, error) {
	c, err := chat.New(chat.Options{
		Sockets: s.Sockets, API: s.Gateway + "/function", User: user, Device: uuid.NewString(),
		Token: func(context.Context, bool) (string, time.Time, error) { return p.token, time.Now().Add(time.Hour), nil },
	})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	k := &talker{Client: c, stop: stop}
	k.done.Go(func() { _ = c.Run(ctx) }) // ends with stop
	return k, nil
}

func (k *talker) leave() {
	k.stop()
	k.done.Wait()
}

// talking goes through what connectors do: people come, speak, type, read, look
// who is there, and leave, or stay for as long as the connector lets them.
func (s *shop) talking() []kind {
	visit := func(ctx context.Context, p person, user string, within time.Duration) int {
		k, err := s.talks(p, user)
		if err != nil {
			return 0
		}
		defer k.leave()
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		sent, err := k.Send(ctx, chat.Target{User: "admin"}, "text", map[string]string{"text": "x"})
		if err != nil {
			return 1
		}
		k.Watch([]string{"admin", "alice", "warehouse"})
		k.Typing(sent.Conversation)
		k.Read(sent.Conversation, sent.Seq)
		if k.Await(ctx, sent.Conversation, sent.Seq) != nil {
			return 1
		}
		return http.StatusOK
	}
	return []kind{
		{name: "come, speak, leave", good: 200, do: func(ctx context.Context) int { return visit(ctx, s.buyer, "alice", 10*time.Second) }},
		{name: "leave before they are let in", good: 1, do: func(ctx context.Context) int { return visit(ctx, s.warehouse, "warehouse", time.Millisecond) }},
		{name: "listen for a while", good: 200, do: func(ctx context.Context) int {
			k, err := s.talks(s.admin, "admin")
			if err != nil {
				return 0
			}
			defer k.leave()
			ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
			defer cancel()
			heard := 0
			for heard < 10 {
				select {
				case e := <-k.Events():
					if e.Kind == chat.Shown {
						heard++
					}
				case <-ctx.Done():
					return 1
				}
			}
			return http.StatusOK
		}},
	}
}
