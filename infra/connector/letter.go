package connector

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"bazaar/shared/fault"
)

// letter is a message of a client on its way to push-message.
type letter struct {
	client *client
	id     string // the client_msg_id
	socket string // the client's, as others know it
	draft  []byte
	token  string    // the client's, when it is handed over
	since  time.Time // it was
}

// size is about what it takes in a call.
func (l *letter) size() int { return len(l.draft) + len(l.token) + 128 }

// lettersBody is what push-message is told: a line of JSON for each letter. A
// draft has no newline in it: it comes of a line.
func lettersBody(batch []letter) []byte {
	size := 0
	for i := range batch {
		size += batch[i].size()
	}
	b := make([]byte, 0, size)
	for i := range batch {
		l := &batch[i]
		b = text(b, `{"token":`, l.token)
		b = text(b, `,"socket":`, l.socket)
		b = append(append(b, `,"message":`...), l.draft...)
		b = append(b, "}\n"...)
	}
	return b
}

// post has letters stored by one call, and gives what became of each.
func (g *gateway) post(ctx context.Context, batch []letter) []verdict {
	a, err := g.call(ctx, "", "/function/push-message/letters", lettersBody(batch))
	if err == nil && a.status == http.StatusOK {
		if verdicts := readVerdicts(a.body, len(batch)); verdicts != nil {
			return verdicts
		}
	}
	r := a.refusal(err)
	switch a.kind() {
	case fault.Invalid, fault.TooLarge, fault.Internal:
		if len(batch) > 1 {
			return g.postEach(ctx, batch)
		}
	default:
		if !r.retryable {
			r = refusalOf("", "", 0) // it is about no letter: the function is not there yet
		}
	}
	return slices.Repeat([]verdict{{refused: r}}, len(batch))
}

// postEach is post for letters of which one may have spoilt the call for all.
func (g *gateway) postEach(ctx context.Context, batch []letter) []verdict {
	var verdicts []verdict
	for i := range batch {
		verdicts = append(verdicts, g.post(ctx, batch[i:i+1])...)
	}
	return verdicts
}

// posted is where a message is.
type posted struct {
	Conversation string `json:"conversation"`
	Seq          int64  `json:"seq"`
	MessageID    string `json:"message_id"`
	SentAt       string `json:"sent_at"`
	Duplicate    bool   `json:"duplicate"`
}

// verdict is what became of a letter.
type verdict struct {
	sent    *posted // nil: it was refused
	refused refusal
}

// readVerdicts reads a line of JSON for each letter; nil when these are no n
// verdicts.
func readVerdicts(body []byte, n int) []verdict {
	verdicts := make([]verdict, 0, n)
	for line := range bytes.Lines(body) {
		var v struct {
			Sent    *posted `json:"sent"`
			Refused struct {
				Kind         fault.Kind `json:"kind"`
				Code         string     `json:"code"`
				RetryAfterMS int64      `json:"retry_after_ms"`
			} `json:"refused"`
		}
		if json.Unmarshal(line, &v) != nil || v.Sent != nil && v.Sent.Seq < 1 {
			return nil
		}
		after := time.Duration(min(max(v.Refused.RetryAfterMS, 0), time.Hour.Milliseconds())) * time.Millisecond
		verdicts = append(verdicts, verdict{v.Sent, refusalOf(v.Refused.Kind, v.Refused.Code, after)})
	}
	if len(verdicts) != n {
		return nil
	}
	return verdicts
}
