package message_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
)

// wire is a socket of a user without a client behind it, which says what a client
// never would.
type wire struct {
	t     *testing.T
	conn  *websocket.Conn
	lines [][]byte // that were heard and not looked at
}

// line is what a connector says, as far as these tests look at it.
type line struct {
	T            string `json:"t"`
	ClientMsgID  string `json:"client_msg_id"`
	Conversation string `json:"conversation"`
	Seq          int64  `json:"seq"`
	MessageID    string `json:"message_id"`
	Duplicate    bool   `json:"duplicate"`
	Code         string `json:"code"`
	Retryable    bool   `json:"retryable"`
}

// wire brings a bare socket of a user in.
func (c *cast) wire(name, device string, socket int) *wire {
	c.t.Helper()
	conn, response, err := websocket.Dial(c.t.Context(), c.Sockets[socket], nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if response.Body != nil {
		_ = response.Body.Close()
	}
	c.t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(1 << 20)
	w := &wire{t: c.t, conn: conn}
	w.say(map[string]string{"t": "auth", "token": c.token(c.t, c.named(name)), "device": device})
	w.await("ready", "")
	return w
}

func (w *wire) say(v any) {
	w.t.Helper()
	raw, err := json.Marshal(v)
	if err == nil {
		err = w.conn.Write(w.t.Context(), websocket.MessageText, raw)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// send sends a message under an id.
func (w *wire) send(conversation, id, words string) {
	w.t.Helper()
	w.say(map[string]any{"t": "send", "client_msg_id": id, "conversation": conversation, "kind": "text", "body": map[string]string{"text": words}})
}

// await gives the next line of a sort, about a message if one is named; what comes
// before it is passed over.
func (w *wire) await(sort, id string) line {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	for {
		for len(w.lines) == 0 {
			_, data, err := w.conn.Read(ctx)
			if err != nil {
				w.t.Fatalf("waiting for %s %s: %v", sort, id, err)
			}
			w.lines = bytes.Split(data, []byte("\n"))
		}
		var l line
		if err := json.Unmarshal(w.lines[0], &l); err != nil {
			w.t.Fatalf("%s: %v", w.lines[0], err)
		}
		w.lines = w.lines[1:]
		if l.T == sort && (id == "" || l.ClientMsgID == id) {
			return l
		}
	}
}

func (l line) String() string {
	return fmt.Sprintf("%s %s: %s %d %s, duplicate %t, %s, retryable %t", l.T, l.ClientMsgID, l.Conversation, l.Seq, l.MessageID, l.Duplicate, l.Code, l.Retryable)
}
