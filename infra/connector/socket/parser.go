package socket

import "github.com/gobwas/ws"

// sink takes what a parser finds, in order. What it is given is valid until it
// returns; an error of it ends the parsing.
type sink interface {
	frame(op ws.OpCode) error                   // a frame begins
	text(message []byte) error                  // a message, whole and UTF-8
	control(op ws.OpCode, payload []byte) error // a ping, pong or close
}

// parser makes messages of what a client sends, in whatever pieces the bytes
// come, and finds what RFC 6455 forbids. It reads and writes nothing itself.
//
// While nothing is half received it holds no memory: a message that is whole in
// the bytes given is handed on where it stands, another grows by what has come,
// never by what its header declares.
type parser struct {
	message []byte // what has come of a message
	partial []byte // what has come of a control frame
	left    int64  // how much of the frame's payload is still to come
	head    [ws.MaxHeaderSize]byte
	headLen uint8 // how much of head has come
	op      ws.OpCode
	mask    [4]byte
	maskAt  uint8
	fin     bool
	inside  bool // between a header and the end of its payload
	open    bool // between the first fragment of a message and the last
	parts   int32
	utf8    text
}

// feed takes the next bytes, and changes them: they are unmasked in place.
func (p *parser) feed(b []byte, most *Settings, to sink) error {
	for len(b) > 0 {
		if !p.inside {
			n, err := p.begin(b, most, to)
			if err != nil {
				return err
			}
			b = b[n:]
			if !p.inside {
				return nil
			}
		}
		n := int(min(p.left, int64(len(b))))
		if err := p.payload(b[:n], most.MaxMessage, to); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// midway reports whether something has begun that has not ended.
func (p *parser) midway() bool { return p.inside || p.open || p.headLen > 0 }

// held is the memory that a half received message takes.
func (p *parser) held() int { return cap(p.message) }

// begin takes a header, and says how many of the bytes belonged to it.
func (p *parser) begin(b []byte, most *Settings, to sink) (int, error) {
	from, before := b, int(p.headLen)
	if before > 0 {
		taken := copy(p.head[before:], b)
		from = p.head[:before+taken]
	}
	h, size, err := header(from)
	if err != nil {
		return 0, err
	}
	if size == 0 {
		p.headLen += uint8(copy(p.head[before:], b))
		return len(b), nil
	}
	p.headLen = 0
	state := ws.StateServerSide
	if p.open {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return 0, violation(ProtocolError, "%v", err)
	}
	if err := to.frame(h.OpCode); err != nil {
		return 0, err
	}
	if !h.OpCode.IsControl() {
		if err := p.data(h, most); err != nil {
			return 0, err
		}
	}
	p.op, p.fin, p.mask, p.maskAt, p.left, p.inside = h.OpCode, h.Fin, h.Mask, 0, h.Length, true
	return size - before, nil
}

// data looks at the header of a data frame.
func (p *parser) data(h ws.Header, most *Settings) error {
	if h.OpCode == ws.OpBinary {
		return violation(Misused, "only text is spoken here")
	}
	if h.Length > int64(most.MaxMessage-len(p.message)) {
		return violation(TooBig, "a message of more than %d bytes", most.MaxMessage)
	}
	if p.parts++; int(p.parts) > most.MaxFragments {
		return violation(TooBig, "a message of more than %d fragments", most.MaxFragments)
	}
	p.open = !h.Fin
	return nil
}

// payload takes the frame's next bytes, at most as many as are still to come.
func (p *parser) payload(part []byte, most int, to sink) error {
	ws.Cipher(part, p.mask, int(p.maskAt))
	p.maskAt = uint8((int(p.maskAt) + len(part)) % 4)
	p.left -= int64(len(part))
	p.inside = p.left > 0
	if p.op.IsControl() {
		return p.controlled(part, to)
	}
	if !p.utf8.write(part) {
		return violation(BadText, "a text that is not UTF-8")
	}
	whole := p.fin && !p.inside
	if !whole || len(p.message) > 0 {
		p.keep(part, most)
		part = p.message
	}
	if !whole {
		return nil
	}
	if !p.utf8.whole() {
		return violation(BadText, "a text that ends within a character")
	}
	p.message, p.parts = nil, 0
	return to.text(part)
}

func (p *parser) controlled(part []byte, to sink) error {
	if p.inside || len(p.partial) > 0 {
		p.partial = append(p.partial, part...)
		part = p.partial
	}
	if p.inside {
		return nil
	}
	p.partial = nil
	return to.control(p.op, part)
}

// keep adds to the message. Its memory doubles, and never is more than the most
// that a message may have, which its header was held against.
func (p *parser) keep(part []byte, most int) {
	if need := len(p.message) + len(part); need > cap(p.message) {
		grown := make([]byte, len(p.message), min(max(2*cap(p.message), need), most))
		copy(grown, p.message)
		p.message = grown
	}
	p.message = append(p.message, part...)
}
