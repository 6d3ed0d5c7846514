package chat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	// callWithin bounds one call of a function.
	callWithin = 15 * time.Second
	// mostAnswer bounds what is read of an answer.
	mostAnswer = 8 << 20
)

// bearer waits for a token that is good.
func (c *Client) bearer(ctx context.Context) (value string, err error) {
	if err := c.await(ctx, func() bool {
		if c.core.token.good(time.Now()) {
			value = c.core.token.value
			return true
		}
		if !c.core.token.wanted {
			c.core.token.wanted = true
			select {
			case c.wake <- struct{}{}:
			default:
			}
		}
		return false
	}); err != nil {
		return "", fmt.Errorf("waiting for a token: %w", err)
	}
	return value, nil
}

// call calls a function. Errors: a *Refused for an answer that is no; others
// when there was none.
func (c *Client) call(ctx context.Context, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	for attempt := range 2 {
		token, err := c.bearer(ctx)
		if err != nil {
			return err
		}
		status, err := c.callOnce(ctx, method, path, token, body, into)
		if status != http.StatusUnauthorized || attempt > 0 {
			return err
		}
		c.do(func(time.Time) { c.core.token.refused(token) })
	}
	return nil
}

func (c *Client) callOnce(ctx context.Context, method, path, token string, body, into any) (status int, err error) {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, fmt.Errorf("encoding a call of %s: %w", path, err)
		}
		content = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.o.API+path, content)
	if err != nil {
		return 0, fmt.Errorf("making a call of %s: %w", path, err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, fmt.Errorf("calling %s: %w", path, err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err != nil {
		return 0, fmt.Errorf("reading the answer of %s: %w", path, err)
	}
	if response.StatusCode >= 300 {
		return response.StatusCode, refusedBy(response, raw)
	}
	if into == nil {
		return response.StatusCode, nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return response.StatusCode, fmt.Errorf("reading the answer of %s: %w", path, err)
	}
	return response.StatusCode, nil
}

// refusedBy reads an answer that is no.
func refusedBy(response *http.Response, raw []byte) *Refused {
	var problem struct {
		Code string `json:"code"`
	}
	if err := json.Unmarshal(raw, &problem); err != nil || problem.Code == "" {
		problem.Code = "http_" + strconv.Itoa(response.StatusCode)
	}
	r := &Refused{Code: problem.Code, Retryable: response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 500}
	if s, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && s > 0 {
		r.After = time.Duration(min(s, 3600)) * time.Second
	}
	return r
}

// ask asks what there is, and gives the machine the answer.
func (c *Client) ask(ctx context.Context, q *question) {
	var a answer
	err := c.call(ctx, http.MethodPost, "/sync-messages", q, &a)
	c.do(func(now time.Time) {
		if err == nil {
			c.core.synced(now, q, a)
			return
		}
		var after time.Duration
		if refused := (*Refused)(nil); errors.As(err, &refused) {
			after = refused.After
		}
		c.core.notSynced(now, after)
	})
}

// Older loads a page of earlier messages: into the newest gap of the
// conversation, or before all that is shown. Nothing happens where there is
// none. Errors: a *Refused, those of the network, that of ctx.
func (c *Client) Older(ctx context.Context, conversation string) error {
	var before int64
	some := false
	c.do(func(time.Time) {
		if k, ok := c.core.talks[conversation]; ok {
			before, some = k.before()
		}
	})
	if !some {
		return nil
	}
	var got struct {
		Items []Message `json:"items"`
		Next  *string   `json:"next"`
	}
	path := fmt.Sprintf("/sync-messages/%s?before=%d&limit=%d", conversation, before, perConversation)
	if err := c.call(ctx, http.MethodGet, path, nil, &got); err != nil {
		return err
	}
	c.do(func(now time.Time) {
		if k, ok := c.core.talks[conversation]; ok {
			c.core.show(k, k.fill(before, got.Items, got.Next != nil), true)
			c.core.touch(now)
		}
	})
	return nil
}

// Gaps are what was not loaded of a conversation, ascending.
func (c *Client) Gaps(conversation string) (gaps []Gap) {
	c.do(func(time.Time) {
		if k, ok := c.core.talks[conversation]; ok {
			gaps = append(gaps, k.gaps...)
		}
	})
	return gaps
}

// Recall takes a message back. Errors: a *Refused, those of the network, that
// of ctx.
func (c *Client) Recall(ctx context.Context, conversation string, seq int64) error {
	body := struct {
		Seq int64 `json:"seq"`
	}{seq}
	var got struct {
		RecalledAt time.Time `json:"recalled_at"`
	}
	if err := c.call(ctx, http.MethodPost, "/push-message/"+conversation+"/recall", body, &got); err != nil {
		return err
	}
	c.do(func(now time.Time) {
		if k, ok := c.core.talks[conversation]; ok {
			k.recall(seq, got.RecalledAt)
			c.core.touch(now)
		}
	})
	return nil
}
