package connector

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bazaar/infra/connector/socket"
	"bazaar/shared/fault"
	"bazaar/shared/message"
)

// What this node itself says to a client. What others say goes out as it came.

func text(b []byte, name, value string) []byte {
	b, _ = jsontext.AppendQuote(append(b, name...), strings.ToValidUTF8(value, "\uFFFD"))
	return b
}

func helloLine(session string, heartbeat time.Duration) []byte {
	b := text(nil, `{"t":"hello","session":`, session)
	b = strconv.AppendInt(append(b, `,"heartbeat_ms":`...), heartbeat.Milliseconds(), 10)
	b = strconv.AppendInt(append(b, `,"limits":{"frame":65536,"body":`...), message.MaxBody, 10)
	b = strconv.AppendInt(append(b, `,"sends_per_s":`...), sendsPerSecond, 10)
	b = strconv.AppendInt(append(b, `,"burst":`...), sendBurst, 10)
	return append(b, "}}"...)
}

func readyLine(user string, expires time.Time, heads map[string]int64) []byte {
	b := text(nil, `{"t":"ready","user":`, user)
	b = text(b, `,"expires_at":`, message.Stamp(expires))
	return append(appendHeads(append(b, `,"heads":`...), heads), '}')
}

func appendHeads(b []byte, heads map[string]int64) []byte {
	b = append(b, '{')
	for i, id := range slices.Sorted(maps.Keys(heads)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(text(b, "", id), ':'), heads[id], 10)
	}
	return append(b, '}')
}

// pingLine carries the heads that the client may be behind of; nil for none.
func pingLine(heads map[string]int64) []byte {
	if len(heads) == 0 {
		return []byte(`{"t":"ping"}`)
	}
	return append(appendHeads([]byte(`{"t":"ping","heads":`), heads), '}')
}

func pongLine() []byte { return []byte(`{"t":"pong"}`) }

func hintLine(conversation string, last int64) []byte {
	b := text(nil, `{"t":"hint","conversation":`, conversation)
	return append(strconv.AppendInt(append(b, `,"last_seq":`...), last, 10), '}')
}

func typingLine(conversation, user string) []byte {
	b := text(nil, `{"t":"typing","conversation":`, conversation)
	return append(text(b, `,"user":`, user), '}')
}

func byeLine(code socket.Code, after time.Duration) []byte {
	b := strconv.AppendUint([]byte(`{"t":"bye","code":`), uint64(code), 10)
	return append(strconv.AppendInt(append(b, `,"after_ms":`...), after.Milliseconds(), 10), '}')
}

func errorLine(code, ref string) []byte {
	b := text(nil, `{"t":"error","code":`, code)
	return append(text(b, `,"ref":`, ref), '}')
}

// goneLine tells a user that it is out of a conversation.
func goneLine(conversation, user, by string, seq, version int64) []byte {
	change := "removed"
	if by == user {
		change = "left"
	}
	return message.EventLine(message.Event{Conversation: conversation, Seq: seq, Kind: message.EventMember, User: user, Change: change, By: by, Version: version})
}

func sentLine(id string, p posted) []byte {
	b := text(nil, `{"t":"sent","client_msg_id":`, id)
	b = text(b, `,"conversation":`, p.Conversation)
	b = strconv.AppendInt(append(b, `,"seq":`...), p.Seq, 10)
	b = text(b, `,"message_id":`, p.MessageID)
	b = text(b, `,"sent_at":`, p.SentAt)
	return append(strconv.AppendBool(append(b, `,"duplicate":`...), p.Duplicate), '}')
}

// refusal is why a message was not stored, or why nobody knows.
type refusal struct {
	code      string
	retryable bool
	after     time.Duration
}

// refusalOf is the refusal by a fault. What is no kind of fault says nothing.
func refusalOf(kind fault.Kind, code string, after time.Duration) refusal {
	switch {
	case !kind.Known():
		return refusal{code: "unavailable", retryable: true, after: time.Second}
	case code == "":
		code = string(kind)
	}
	r := refusal{code: code, after: after}
	switch kind {
	case fault.Unavailable, fault.Timeout, fault.Limited, fault.Internal:
		r.retryable = true
		if r.after == 0 {
			r.after = time.Second
		}
	}
	return r
}

func refusedLine(id string, r refusal) []byte {
	b := text(nil, `{"t":"refused","client_msg_id":`, id)
	b = text(b, `,"code":`, r.code)
	b = strconv.AppendBool(append(b, `,"retryable":`...), r.retryable)
	return append(strconv.AppendInt(append(b, `,"retry_after_ms":`...), r.after.Milliseconds(), 10), '}')
}
