package audience

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

type stage uint8

const (
	away stage = iota
	connecting
	upgrading
	greeting // hello is awaited
	entering // ready is awaited
	in
)

// person is one client.
type person struct {
	loop   *loop
	set    *set
	number int
	token  string
	fd     atomic.Int32 // also read by who sends
	stage  stage
	rest   []byte // of a frame that has not come whole
	began  time.Time
	tries  int
	bye    time.Duration // when the server wants us back; < 0: it has not said
	seen   int64         // of its room
	times  comeback
}

// comeback is when a person was lost and back.
type comeback struct{ lost, ready, synced time.Time }

// hosts are how many addresses of this machine the people come from: one has no
// more than 28,000 ports.
const hosts = 8

// connect begins a connection.
func (p *person) connect() {
	p.began, p.stage, p.bye = p.loop.now, connecting, -1
	if err := p.dial(); err != nil {
		p.lost(err)
	}
}

func (p *person) dial() error {
	to, err := netip.ParseAddrPort(p.set.address(p.tries))
	if err != nil {
		return fmt.Errorf("reading an address: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("making a socket: %w", err)
	}
	p.fd.Store(int32(fd))
	p.loop.people[fd] = p
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	if p.set.order.Buffer > 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, p.set.order.Buffer)
	}
	from := unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + p.number%hosts)}}
	if err := unix.Bind(fd, &from); err != nil {
		return fmt.Errorf("choosing an address: %w", err)
	}
	if err := p.loop.listen(fd, unix.EPOLL_CTL_ADD, unix.EPOLLIN|unix.EPOLLOUT); err != nil {
		return err
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
	if err != nil && err != unix.EINPROGRESS {
		return fmt.Errorf("connecting to %s: %w", to, err)
	}
	return nil
}

// turn does what a socket is ready for.
func (p *person) turn(events uint32) {
	if p.stage == connecting {
		fd := int(p.fd.Load())
		if code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
			p.lost(fmt.Errorf("connecting: %w", unix.Errno(code)))
			return
		}
		if events&unix.EPOLLOUT == 0 {
			return
		}
		if err := p.loop.listen(fd, unix.EPOLL_CTL_MOD, unix.EPOLLIN); err != nil {
			p.lost(err)
			return
		}
		p.stage = upgrading
		p.write([]byte("GET /v1/ws HTTP/1.1\r\nHost: " + p.set.address(p.tries) + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: bazaar.v1.json\r\n\r\n"))
		return
	}
	if err := p.read(); err != nil {
		p.lost(err)
	}
}

// read takes what has come, and serves the whole frames of it.
func (p *person) read() error {
	buffer := p.loop.buffer
	held := copy(buffer, p.rest)
	n, err := unix.Read(int(p.fd.Load()), buffer[held:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return nil
	case err != nil:
		return fmt.Errorf("reading: %w", err)
	case n == 0:
		return fmt.Errorf("the server has closed")
	}
	data := buffer[:held+n]
	if p.stage == upgrading {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			p.rest = append(p.rest[:0], data...)
			return nil
		}
		if !bytes.HasPrefix(data, []byte("HTTP/1.1 101 ")) {
			line, _, _ := bytes.Cut(data, []byte("\r\n"))
			return fmt.Errorf("the door says %s", line)
		}
		p.stage, data = greeting, data[end+4:]
	}
	for {
		op, payload, n, err := nextFrame(data)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if err := p.frame(op, payload); err != nil {
			return err
		}
		data = data[n:]
	}
	if p.rest = append(p.rest[:0], data...); len(data) == 0 && cap(p.rest) > 0 {
		p.rest = nil
	}
	return nil
}

func (p *person) frame(op byte, payload []byte) error {
	switch op {
	case opText:
		for line := range bytes.SplitSeq(payload, []byte{'\n'}) {
			if err := p.line(line); err != nil {
				return err
			}
		}
	case opClose:
		code := 0
		if len(payload) >= 2 {
			code = int(payload[0])<<8 | int(payload[1])
		}
		return fmt.Errorf("closed with %d", code)
	case opPing:
		p.write(appendFrame(nil, 10, payload))
	}
	return nil
}

// line takes one of the server's.
func (p *person) line(line []byte) error {
	kind, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte(`{"t":"`)), []byte{'"'})
	switch string(kind) {
	case "message":
		if p.set.order.Rooms != nil {
			p.seen = max(p.seen, number(line, "seq"))
		}
		if p.loop.talk != nil {
			p.loop.talk.delivered(p.loop, line)
		}
	case "sent":
		if p.loop.talk != nil {
			p.loop.talk.stored(p.loop, line)
		}
	case "refused":
		if p.loop.talk != nil {
			p.loop.talk.refused(line)
		}
	case "hint":
		if p.loop.talk != nil {
			p.loop.talk.answer.Hints++
		}
		p.behind(number(line, "last_seq"))
	case "ping":
		p.write(pong)
		if p.set.order.Rooms != nil {
			p.behind(number(line, p.set.order.Rooms[p.number])) // of the heads, if there are any
		}
	case "hello":
		p.stage = entering
		p.write(appendFrame(nil, opText, []byte(`{"t":"auth","token":"`+p.token+`","device":"bench"}`)))
	case "ready":
		p.enter(line)
	case "bye":
		p.bye = time.Duration(number(line, "after_ms")) * time.Millisecond
	case "error":
		return fmt.Errorf("the server says %s", line)
	}
	return nil
}

var pong = appendFrame(nil, opText, []byte(`{"t":"pong"}`))

// behind has a person ask who lacks something up to seq.
func (p *person) behind(seq int64) {
	if p.set.order.Rooms != nil && seq > p.seen {
		p.loop.after(part(syncSpread), p.ask)
	}
}

// enter is what a person does who is let in.
func (p *person) enter(line []byte) {
	p.stage, p.tries = in, 0
	p.set.entered(p)
	if p.set.order.Deaf {
		_ = p.loop.listen(int(p.fd.Load()), unix.EPOLL_CTL_DEL, 0)
	}
	if p.set.order.Rooms == nil {
		return
	}
	var ready struct {
		Heads map[string]int64 `json:"heads"`
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		p.lost(fmt.Errorf("reading ready: %w", err))
		return
	}
	if ready.Heads[p.set.order.Rooms[p.number]] > p.seen {
		p.loop.after(part(syncSpread), p.ask)
		return
	}
	p.times.synced = p.loop.now
}

// write sends a small thing whole: nothing of the kind can be in the way of it.
func (p *person) write(b []byte) {
	if n, err := unix.Write(int(p.fd.Load()), b); err != nil || n < len(b) {
		p.lost(fmt.Errorf("writing %d bytes of %d: %w", n, len(b), err))
	}
}

func (p *person) close() {
	if fd := int(p.fd.Swap(-1)); fd >= 0 {
		p.loop.people[fd] = nil
		_ = unix.Close(fd)
	}
	p.rest = nil
}

// lost ends a connection, and has the person come back if it is one who does.
func (p *person) lost(err error) {
	if p.stage == away {
		return
	}
	was := p.stage
	p.close()
	p.stage = away
	p.set.left(p, was, err)
	if len(p.set.order.Return) == 0 {
		return
	}
	if was == in {
		p.times = comeback{lost: p.loop.now}
	}
	wait := part(min(linkBase<<min(p.tries, 10), longestWait))
	if p.bye >= 0 {
		wait = p.bye
	}
	p.tries++
	p.set.tries++
	p.loop.after(wait, p.connect)
}

// The times of the client library.
const (
	linkBase    = 500 * time.Millisecond
	longestWait = 30 * time.Second
	syncSpread  = 200 * time.Millisecond
)

// part is a random part of d.
func part(d time.Duration) time.Duration { return rand.N(max(d, 1)) }

// name is the client_msg_id of a talk's n-th message.
func name(b []byte, talk string, n int) []byte {
	return strconv.AppendInt(append(append(b, talk...), '-'), int64(n), 10)
}
