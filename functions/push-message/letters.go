package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/message"
)

const (
	// maxLetters and maxLettersBody bound what one call brings.
	maxLetters     = 64
	maxLettersBody = 512 << 10
)

// Letter is a message that a connector brings for one of its clients, with the
// client's own token: who brings it may say nothing in another's name.
type Letter struct {
	Token   string         `json:"token"`
	Socket  string         `json:"socket"` // the connection that need not be told
	Message jsontext.Value `json:"message"`
}

// Verdict is what became of a letter: one of the two.
type Verdict struct {
	Sent    *Sent    `json:"sent,omitzero"`
	Refused *Refused `json:"refused,omitzero"`
}

// Refused is why a message was not stored, as a problem would say it.
type Refused struct {
	Kind         fault.Kind `json:"kind"`
	Code         string     `json:"code"`
	Detail       string     `json:"detail"`
	Field        string     `json:"field,omitzero"`
	RetryAfterMS int64      `json:"retry_after_ms,omitzero"`
}

func refused(err error) *Refused {
	f := fault.Of(err)
	return &Refused{Kind: f.Kind, Code: f.Code, Detail: f.Detail, Field: f.Field, RetryAfterMS: int64(f.RetryAfter / time.Millisecond)}
}

// Letters stores what several people say: a line of JSON for each letter, and a
// line with the verdict for each, in their order. One that is wrong is refused
// alone. Two of one conversation are stored in their order.
func (h *Handler) Letters(ctx context.Context, c fn.RawCall) (fn.Reply, error) {
	lines := bytes.Split(bytes.TrimSuffix(c.Body, []byte("\n")), []byte("\n"))
	if len(lines) > maxLetters {
		return fn.Reply{}, fault.New(fault.Invalid, "too_many_letters", "A call brings at most %d letters.", maxLetters)
	}
	drafts, errs := make([]message.Draft, 0, len(lines)), make([]error, len(lines))
	for i, line := range lines {
		var d message.Draft
		if d, errs[i] = h.open(line); errs[i] == nil {
			drafts = append(drafts, d)
		}
	}
	posted, refusals := h.Poster.PostAll(ctx, drafts)
	verdicts, next := make([]Verdict, len(lines)), 0
	for i := range lines {
		if errs[i] == nil {
			s := sent(posted[next])
			verdicts[i].Sent, errs[i] = &s, refusals[next]
			next++
		}
		if errs[i] != nil {
			verdicts[i] = Verdict{Refused: refused(errs[i])}
		}
	}
	h.tellFailures(ctx, errs)
	return answerOf(verdicts)
}

// tellFailures logs what is not the callers' mistake: the call's own line says
// nothing of it, since the call did not fail.
func (h *Handler) tellFailures(ctx context.Context, errs []error) {
	var failed int
	var first error
	level := slog.LevelWarn
	for _, err := range errs {
		f := fault.Of(err)
		if err == nil || f.Status() < http.StatusInternalServerError {
			continue
		}
		if f.Kind == fault.Internal {
			level = slog.LevelError
		}
		if failed++; first == nil {
			first = err
		}
	}
	if failed > 0 {
		h.Log.Log(ctx, level, "letters were not stored", "letters", failed, "error", first)
	}
}

// open reads a letter as the User door and a step would.
func (h *Handler) open(line []byte) (message.Draft, error) {
	var l Letter
	if err := json.Unmarshal(line, &l, json.RejectUnknownMembers(true)); err != nil {
		return message.Draft{}, fault.New(fault.Invalid, "invalid_letter", "A letter is a line of JSON with token, socket and message.").Because(err)
	}
	if l.Socket != "" && !message.IsID(l.Socket) {
		return message.Draft{}, fault.New(fault.Invalid, "invalid_letter", "The socket is none that a connector has named.").At("socket")
	}
	who, err := h.Owner(l.Token)
	if err != nil {
		return message.Draft{}, err
	}
	var in Sending
	if err := fn.Decode(l.Message, &in); err != nil {
		return message.Draft{}, err
	}
	return in.draft(who.Subject, l.Socket), nil
}

// answerOf writes the verdicts, a line each.
func answerOf(verdicts []Verdict) (fn.Reply, error) {
	var body bytes.Buffer
	for _, v := range verdicts {
		line, err := json.Marshal(v)
		if err != nil {
			return fn.Reply{}, err
		}
		body.Write(line)
		body.WriteByte('\n')
	}
	return fn.Reply{Status: http.StatusOK, Raw: body.Bytes(), ContentType: "application/x-ndjson"}, nil
}
