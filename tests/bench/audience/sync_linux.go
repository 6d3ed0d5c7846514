package audience

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// callers is how many ask sync-messages at the same time; what more want to
	// waits here.
	callers = 64
	// answerWithin is how long an answer is waited for.
	answerWithin = 15 * time.Second
)

// asks is the calls of sync-messages.
type asks struct {
	client *http.Client
	queue  []*person
	flying int
	sent   int
	denied int
}

// ask has a person ask for what it lacks.
func (p *person) ask() {
	a := &p.loop.asks
	a.queue = append(a.queue, p)
	a.next(p.loop)
}

func (a *asks) next(l *loop) {
	if a.client == nil {
		a.client = &http.Client{Timeout: answerWithin, Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
	}
	for a.flying < callers && len(a.queue) > 0 {
		p := a.queue[0]
		a.queue = a.queue[1:]
		a.flying++
		a.sent++
		room := p.set.order.Rooms[p.number]
		url, token, seen := "http://"+p.set.order.Gateway+"/function/sync-messages", p.token, p.seen
		go func() {
			seq, err := catchUp(a.client, url, token, room, seen)
			l.do(func() { a.answered(p, seq, err) })
		}()
	}
}

// answered takes what came of a call: another one, a while later, if nothing.
func (a *asks) answered(p *person, seq int64, err error) {
	a.flying--
	if err != nil {
		a.denied++
		p.loop.after(time.Second/2+part(time.Second), p.ask)
	} else {
		p.seen = max(p.seen, seq)
		p.times.synced = p.loop.now
	}
	a.next(p.loop)
}

// catchUp asks for what a room has after seen, and gives the last it was given.
func catchUp(client *http.Client, url, token, room string, seen int64) (int64, error) {
	body, err := json.Marshal(map[string]any{"cursors": map[string]int64{room: seen}})
	if err != nil {
		return 0, fmt.Errorf("making a question: %w", err)
	}
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("making a question: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("asking: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("asking: %s: %s (%v)", res.Status, text, err)
	}
	var answer struct {
		Conversations []struct {
			Conversation string
			Messages     []struct{ Seq int64 }
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return 0, fmt.Errorf("reading an answer: %w", err)
	}
	for _, c := range answer.Conversations {
		if c.Conversation == room && len(c.Messages) > 0 {
			return c.Messages[len(c.Messages)-1].Seq, nil
		}
	}
	return 0, fmt.Errorf("the answer has nothing of %s", room)
}
