package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os/exec"
	"strings"
	"sync"
)

// barePart is the name of the bare loop in tables.
const barePart = "bare loop"

// bare is what a connector is held against: a server that lets everybody in and
// does nothing but write what one of them says to all the others, one after the
// other, a frame that is made once.
type bare struct {
	mu    sync.Mutex
	conns []net.Conn // of those who only listen
}

// serveBare says its address and serves until in ends.
func serveBare(ctx context.Context, in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	fmt.Fprintln(out, l.Addr())
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = l.Close()
	}()
	b := &bare{}
	for {
		conn, err := l.Accept()
		if err != nil {
			return nil // the end
		}
		go b.serve(conn)
	}
}

// speaker is in the token of the one who speaks: of the others nothing is read.
const speaker = `-00000"`

// serve lets one in.
func (b *bare) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		line, err := textproto.NewReader(in).ReadLine()
		if err != nil {
			return
		}
		if line == "" {
			break
		}
	}
	_, _ = conn.Write(append([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), whole([]byte(`{"t":"hello"}`))...))
	auth, err := heardOf(in)
	if err != nil {
		return
	}
	speaks := bytes.Contains(auth, []byte(speaker))
	if !speaks {
		b.mu.Lock()
		b.conns = append(b.conns, conn)
		b.mu.Unlock()
	}
	_, _ = conn.Write(whole([]byte(`{"t":"ready","heads":{}}`)))
	for speaks {
		line, err := heardOf(in)
		if err != nil {
			return
		}
		id, text := between(line, `"client_msg_id":"`), between(line, `"text":"`)
		frame := whole(fmt.Appendf(nil, `{"t":"message","conversation":"g_%022d","seq":1,"message_id":"%022d","client_msg_id":%q,"from":"00000000-crowd-00000","sent_at":"2026-01-01T00:00:00.000Z","kind":"text","body":{"text":%q}}`,
			0, 0, id, text))
		b.mu.Lock()
		for _, other := range b.conns {
			_, _ = other.Write(frame)
		}
		b.mu.Unlock()
		_, _ = conn.Write(whole(fmt.Appendf(nil, `{"t":"sent","client_msg_id":%q}`, id)))
	}
}

func between(line []byte, name string) []byte {
	_, rest, _ := bytes.Cut(line, []byte(name))
	value, _, _ := bytes.Cut(rest, []byte{'"'})
	return value
}

// whole is a frame of text of less than 64 KiB.
func whole(payload []byte) []byte {
	if n := len(payload); n >= 126 {
		return append(binary.BigEndian.AppendUint16([]byte{0x81, 126}, uint16(n)), payload...)
	}
	return append([]byte{0x81, byte(len(payload))}, payload...)
}

// heardOf reads the next whole text of a client, of less than 64 KiB.
func heardOf(in *bufio.Reader) ([]byte, error) {
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(in, head); err != nil {
			return nil, err
		}
		n := int(head[1] & 0x7f)
		if n == 126 {
			var wide [2]byte
			if _, err := io.ReadFull(in, wide[:]); err != nil {
				return nil, err
			}
			n = int(binary.BigEndian.Uint16(wide[:]))
		}
		masked := make([]byte, 4+n)
		if _, err := io.ReadFull(in, masked); err != nil {
			return nil, err
		}
		for i := range masked[4:] {
			masked[4+i] ^= masked[i&3]
		}
		if head[0] == 0x81 {
			return masked[4:], nil
		}
	}
}

// startBare runs it as a process of its own.
func startBare(ctx context.Context) (address string, cmd *exec.Cmd, stop func(), err error) {
	cmd = child(ctx, barePart)
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, nil, fmt.Errorf("starting the bare loop: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, nil, fmt.Errorf("starting the bare loop: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return "", nil, nil, fmt.Errorf("starting the bare loop: %w", err)
	}
	stop = func() { _ = in.Close(); _ = cmd.Wait() }
	if _, err := fmt.Fscanln(out, &address); err != nil {
		stop()
		return "", nil, nil, fmt.Errorf("starting the bare loop: %w", err)
	}
	return strings.TrimSpace(address), cmd, stop, nil
}
