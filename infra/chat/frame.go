package chat

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// Refused is an answer that is no: of the server to a message, or of a function
// to a call.
type Refused struct {
	Code      string        // stable, e.g. not_found or muted
	Retryable bool          // the same may be taken later
	After     time.Duration // and not before that
}

// Error says it in a sentence.
func (r *Refused) Error() string { return "the server refused: " + r.Code }

// limits are what a server says that it takes.
type limits struct {
	Body int `json:"body"`
}

// What the server says, by its t. Fields that are not here are ignored.
type (
	typed struct {
		T string `json:"t"`
	}
	hello struct {
		Session string `json:"session"`
		BeatMS  int64  `json:"heartbeat_ms"`
		Limits  limits `json:"limits"`
	}
	ready struct {
		User  string           `json:"user"`
		Heads map[string]int64 `json:"heads"`
	}
	refusal struct {
		ClientMsgID string `json:"client_msg_id"`
		Code        string `json:"code"`
		Retryable   bool   `json:"retryable"`
		AfterMS     int64  `json:"retry_after_ms"`
	}
	hint struct {
		Conversation string `json:"conversation"`
		LastSeq      int64  `json:"last_seq"`
	}
	ping struct {
		Heads map[string]int64 `json:"heads"`
	}
	bye struct {
		Code    int   `json:"code"`
		AfterMS int64 `json:"after_ms"`
	}
	complaint struct {
		Code string `json:"code"`
		Ref  string `json:"ref"`
	}
	happening struct {
		Conversation string    `json:"conversation"`
		Seq          int64     `json:"seq"`
		Kind         string    `json:"kind"`
		User         string    `json:"user"`
		Change       string    `json:"change"`
		By           string    `json:"by"`
		Version      int64     `json:"version"`
		Title        string    `json:"title"`
		Dissolved    bool      `json:"dissolved"`
		At           time.Time `json:"recalled_at"`
	}
	typing struct {
		Conversation string `json:"conversation"`
		User         string `json:"user"`
	}
	whereabouts struct {
		User       string    `json:"user"`
		Online     bool      `json:"online"`
		LastActive time.Time `json:"last_active"`
	}
)

// milliseconds is a duration of the wire; a wild one is no longer than a minute.
func milliseconds(ms int64) time.Duration {
	return time.Duration(min(max(ms, 0), time.Minute.Milliseconds())) * time.Millisecond
}

// say writes a line. What we say always encodes: the body was encoded before.
func say(v any) []byte {
	line, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return line
}

func sayAuth(token, device string) []byte {
	return say(struct {
		T      string `json:"t"`
		Token  string `json:"token"`
		Device string `json:"device"`
	}{"auth", token, device})
}

func sayToken(token string) []byte {
	return say(struct {
		T     string `json:"t"`
		Token string `json:"token"`
	}{"token", token})
}

func saySend(d Draft) []byte {
	return say(struct {
		T            string `json:"t"`
		ClientMsgID  string `json:"client_msg_id"`
		Conversation string `json:"conversation,omitempty"`
		To           string `json:"to,omitempty"`
		Kind         string `json:"kind"`
		Body         any    `json:"body"`
	}{"send", d.ID, d.To.Conversation, d.To.User, d.Kind, d.Body})
}

func sayRead(conversation string, seq int64) []byte {
	return say(struct {
		T            string `json:"t"`
		Conversation string `json:"conversation"`
		Seq          int64  `json:"seq"`
	}{"read", conversation, seq})
}

func sayTyping(conversation string) []byte {
	return say(struct {
		T            string `json:"t"`
		Conversation string `json:"conversation"`
	}{"typing", conversation})
}

func sayWatch(users []string) []byte {
	return say(struct {
		T     string   `json:"t"`
		Users []string `json:"users"`
	}{"presence", users})
}

func sayPong() []byte { return say(typed{"pong"}) }

// encodeBody gives the body of a message as it goes on the wire: one object of
// at most size bytes.
func encodeBody(body any, size int) ([]byte, error) {
	raw, err := json.Marshal(body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("encoding the body of a message: %w", err)
	case len(raw) == 0 || raw[0] != '{':
		return nil, &Refused{Code: "invalid_body"}
	case len(raw) > size:
		return nil, &Refused{Code: "too_large"}
	}
	return raw, nil
}
