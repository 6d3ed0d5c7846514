package connector_test

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"bazaar/infra/connector/socket/talk"
)

// TestConformance drives what RFC 6455 allows and forbids against a connector as
// it is deployed: in one piece and byte by byte, as somebody who is let in. What
// is handed on is no line of ours, and answered so: what is not, is not.
func TestConformance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(0)
	for name, talks := range talk.All() {
		t.Run(name, func(t *testing.T) {
			for i, c := range talks {
				p.holds(t, fmt.Sprintf("%s-%d", name, i), c, len(c.Send)+1)
				if len(c.Send) < 300 {
					p.holds(t, fmt.Sprintf("%s-%d-", name, i), c, 1)
				}
			}
		})
	}
	if open := p.count(`connector_sockets{state="ready"}`); open > 1 { // the last may still be leaving
		t.Errorf("%v sockets are left", open)
	}
}

// holds has somebody say something, in pieces, and looks at what comes of it.
func (p *process) holds(t *testing.T, user string, c talk.Talk, piece int) {
	t.Helper()
	peer := plug(t, p.address, net.Dialer{}).shake().enter(p.w.token(user, time.Hour, user), "d")
	defer peer.Close() //nolint:errcheck // it has ended
	for part := range slices.Chunk(c.Send, piece) {
		if _, err := peer.Write(part); err != nil {
			break // ended before it was all said
		}
	}
	// Its own close frame would overtake the answers.
	answers := len(slices.DeleteFunc(slices.Clone(c.Texts), func(s string) bool { return s == "" }))
	if c.Fault {
		answers = 0
	}
	for range answers {
		peer.t = t
		peer.expect(c)
	}
	_, _ = peer.Write(c.Bye)
	code, texts, pongs := peer.end()
	if code != int(c.Code) || !slices.Equal(append(peer.pongs, pongs...), c.Pongs) {
		t.Errorf("%s, in pieces of %d: ended with %d and pongs %.99q, want %d and %.99q", c.Name, piece, code, pongs, c.Code, c.Pongs)
	}
	if more := strings.Count(strings.Join(texts, "\n"), `"error"`); more > 0 && !c.Fault {
		t.Errorf("%s, in pieces of %d: %d more were handed on: %q", c.Name, piece, more, texts)
	}
}

// expect reads to the answer to a text that is no line of ours.
func (w *wire) expect(c talk.Talk) {
	w.t.Helper()
	for {
		op, payload, err := w.frame()
		switch {
		case err != nil || op == talk.Close:
			w.t.Fatalf("%s: a text was not handed on: %x %q, %v", c.Name, op, payload, err)
		case op == talk.Pong:
			w.pongs = append(w.pongs, string(payload))
		case bytes.Contains(payload, []byte(`"invalid_frame"`)):
			return
		}
	}
}

// TestAHandshakeByteByByte, and one with all that follows in the same packet.
func TestAHandshakeInPieces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(0)
	for user, piece := range map[string]int{"bytes": 1, "whole": 1 << 20} {
		peer := plug(t, p.address, net.Dialer{})
		auth := `{"t":"auth","device":"d","token":"` + w.token(user, time.Hour, user) + `"}`
		all := talk.Join(request(), talk.Says(auth+"\n"+`{"t":"ping"}`), talk.Masked(talk.Fin|talk.Ping, []byte("x")), talk.Fragments(`{"t":`, `"dan`, `ce"}`))
		for part := range slices.Chunk(all, piece) {
			peer.put(part)
		}
		if head := peer.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
			t.Fatalf("%s: answered %q", user, head)
		}
		for _, kind := range []string{"hello", "ready", "pong", "error"} {
			peer.await(kind)
		}
	}
}
