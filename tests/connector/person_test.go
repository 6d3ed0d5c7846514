package connector_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// line is a line of the server.
type line map[string]any

func (l line) is(t string) bool { return l["t"] == t }

// person is one connection of somebody.
type person struct {
	t     *testing.T
	name  string
	conn  *websocket.Conn
	lines chan line
	ended chan error
	seen  []line // of those that await went past
}

// dial connects and says nothing.
func dial(t *testing.T, n *node, header http.Header) *person {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, res, err := websocket.Dial(ctx, "ws://"+n.address+"/v1/ws", &websocket.DialOptions{Subprotocols: []string{"bazaar.v1.json"}, HTTPHeader: header})
	if err != nil {
		t.Fatalf("dialling: %v, %+v", err, res)
	}
	conn.SetReadLimit(1 << 20)
	p := &person{t: t, conn: conn, lines: make(chan line, 4096), ended: make(chan error, 1)}
	reading, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.read(reading)
	}()
	t.Cleanup(func() {
		stop()
		_ = conn.CloseNow()
		<-done
	})
	return p
}

func (p *person) read(ctx context.Context) {
	for {
		_, data, err := p.conn.Read(ctx)
		if err != nil {
			p.ended <- err
			close(p.lines)
			return
		}
		for text := range strings.SplitSeq(string(data), "\n") {
			var l line
			if json.Unmarshal([]byte(text), &l) == nil {
				p.lines <- l
			}
		}
	}
}

// join connects somebody and waits until it is let in.
func (w *world) join(n *node, user, device string) *person {
	w.t.Helper()
	return w.enter(n, user, device, w.token(user, time.Hour, "session-of-"+user))
}

func (w *world) enter(n *node, user, device, token string) *person {
	w.t.Helper()
	p := dial(w.t, n, nil)
	p.name = user
	p.say(line{"t": "auth", "token": token, "device": device})
	p.await("ready")
	return p
}

func (p *person) say(l line) {
	p.t.Helper()
	data, err := json.Marshal(l)
	if err != nil {
		p.t.Fatal(err)
	}
	p.raw(string(data))
}

func (p *person) raw(text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if err := p.conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatalf("%s says %s: %v", p.name, text, err)
	}
}

func (p *person) send(conversation, id string) {
	p.t.Helper()
	p.say(line{"t": "send", "conversation": conversation, "client_msg_id": id, "kind": "text", "body": line{"text": "hi"}})
}

// await waits for a line of one kind with these fields and gives it.
func (p *person) await(kind string, fields ...any) line {
	p.t.Helper()
	late := time.After(patience)
	for {
		select {
		case l, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("%s waits for %s %v: closed after %v", p.name, kind, fields, p.seen)
			}
			if l.is(kind) && l.has(fields...) {
				return l
			}
			p.seen = append(p.seen, l)
		case <-late:
			p.t.Fatalf("%s waits for %s %v, and heard %v", p.name, kind, fields, p.seen)
		}
	}
}

// has reports whether the line has fields: names and values in turn.
func (l line) has(fields ...any) bool {
	for i := 0; i+1 < len(fields); i += 2 {
		want := fields[i+1]
		if n, ok := want.(int); ok {
			want = float64(n)
		}
		if l[fields[i].(string)] != want {
			return false
		}
	}
	return true
}

// heard reports whether such a line was passed over by await, or waits.
func (p *person) heard(kind string, fields ...any) bool {
	for {
		select {
		case l, ok := <-p.lines:
			if ok {
				p.seen = append(p.seen, l)
				continue
			}
		default:
		}
		break
	}
	for _, l := range p.seen {
		if l.is(kind) && l.has(fields...) {
			return true
		}
	}
	return false
}

// code waits for the end and gives its code.
func (p *person) code() int {
	p.t.Helper()
	select {
	case err := <-p.ended:
		var closed websocket.CloseError
		if !errors.As(err, &closed) {
			p.t.Fatalf("%s: no close frame: %v", p.name, err)
		}
		return int(closed.Code)
	case <-time.After(patience):
		p.t.Fatalf("%s is not closed, and heard %v", p.name, p.seen)
	}
	return 0
}

// open reports whether it is not closed yet.
func (p *person) open() bool { return len(p.ended) == 0 }
