package connector_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bazaar/infra/connector/socket/talk"
)

// wire is a client that knows nothing but bytes: no library stands between the
// test and the connector.
type wire struct {
	*net.TCPConn
	t     *testing.T
	r     *bufio.Reader
	pongs []string // those that expect went past
	ready line     // how it was let in
}

// narrow has the kernel of a client keep as little as it can, on a path with small
// packets, so that a peer that is slow is seen as it would be across a network.
func narrow(_, _ string, c syscall.RawConn) error {
	var met error
	err := c.Control(func(fd uintptr) {
		met = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096), unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 536))
	})
	return errors.Join(err, met)
}

// plug connects, and says nothing yet.
func plug(t *testing.T, address string, d net.Dialer) *wire {
	t.Helper()
	d.Timeout = patience
	c, err := d.Dial("tcp", address)
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * patience))
	return &wire{TCPConn: c.(*net.TCPConn), t: t, r: bufio.NewReaderSize(c, 512)}
}

// request asks for an upgrade, with more fields.
func request(fields ...string) []byte {
	return []byte("GET /v1/ws HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: bazaar.v1.json\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n")
}

// head reads the head of an answer.
func (w *wire) head() string {
	w.t.Helper()
	var b strings.Builder
	for !strings.HasSuffix(b.String(), "\r\n\r\n") {
		text, err := w.r.ReadString('\n')
		if err != nil {
			w.t.Fatalf("reading an answer after %q: %v", b.String(), err)
		}
		b.WriteString(text)
	}
	return b.String()
}

// shake has the connection upgraded.
func (w *wire) shake(fields ...string) *wire {
	w.t.Helper()
	w.put(request(fields...))
	if head := w.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		w.t.Fatalf("the handshake was answered %q", head)
	}
	return w
}

// enter shows a token and waits until it is let in.
func (w *wire) enter(token, device string) *wire {
	w.t.Helper()
	w.put(talk.Says(`{"t":"auth","device":"` + device + `","token":"` + token + `"}`))
	w.ready = w.await("ready")
	return w
}

// put sends bytes, which must go.
func (w *wire) put(b []byte) {
	w.t.Helper()
	if _, err := w.Write(b); err != nil {
		w.t.Fatalf("sending: %v", err)
	}
}

// frame reads one, which must be such as a server may send.
func (w *wire) frame() (op byte, payload []byte, err error) {
	var head [2]byte
	if _, err = io.ReadFull(w.r, head[:]); err != nil {
		return 0, nil, err
	}
	if head[0]&0xf0 != talk.Fin || head[1]&0x80 != 0 {
		return 0, nil, fmt.Errorf("a frame that begins with %x", head)
	}
	length := uint64(head[1])
	switch length {
	case 126:
		var n uint16
		err = binary.Read(w.r, binary.BigEndian, &n)
		length = uint64(n)
	case 127:
		err = binary.Read(w.r, binary.BigEndian, &length)
	}
	if err == nil && length > 1<<20 {
		err = fmt.Errorf("a frame of %d bytes", length)
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(w.r, payload)
	return head[0] & 0x0f, payload, err
}

// await reads to a line of one kind with these fields.
func (w *wire) await(kind string, fields ...any) line {
	w.t.Helper()
	for {
		op, payload, err := w.frame()
		if err != nil || op == talk.Close {
			w.t.Fatalf("waiting for %s %v: %x %q, %v", kind, fields, op, payload, err)
		}
		for text := range bytes.SplitSeq(payload, []byte("\n")) {
			var l line
			if op == talk.Text && json.Unmarshal(text, &l) == nil && l.is(kind) && l.has(fields...) {
				return l
			}
		}
	}
}

// end reads to the end and gives the code of the close frame, 1005 for one without
// and 1006 where none came; and what came before it.
func (w *wire) end() (code int, texts, pongs []string) {
	w.t.Helper()
	for {
		op, payload, err := w.frame()
		var late net.Error
		switch {
		case errors.As(err, &late) && late.Timeout():
			w.t.Fatalf("not closed, after %.200q", texts)
		case err != nil:
			return 1006, texts, pongs
		case op == talk.Text:
			texts = append(texts, string(payload))
		case op == talk.Pong:
			pongs = append(pongs, string(payload))
		case op == talk.Close && len(payload) < 2:
			return 1005, texts, pongs
		case op == talk.Close:
			return int(binary.BigEndian.Uint16(payload)), texts, pongs
		}
	}
}
