package chat

import (
	"fmt"
	"time"
)

// LinkState is where a client is with its connection.
type LinkState string

// The states. A client that is Waiting comes back by itself; one that is
// StateStopped does not.
const (
	Idle         LinkState = "idle"
	Connecting   LinkState = "connecting" // a socket is being opened
	Greeting     LinkState = "greeting"   // it is open, the server has not said ready
	Ready        LinkState = "ready"
	Waiting      LinkState = "waiting"
	StateStopped LinkState = "stopped"
)

// Stopped is why a client does not come back without a person.
type Stopped struct {
	Code   int // the close code; 0 when it was not the server that closed
	Reason string
	Err    error // what the source of tokens said, if that is why
}

// Error says it in a sentence.
func (s *Stopped) Error() string {
	if s.Code == 0 {
		return "the client has stopped: " + s.Reason
	}
	return fmt.Sprintf("the client has stopped: the server closed with %d: %s", s.Code, s.Reason)
}

// Unwrap gives Err.
func (s *Stopped) Unwrap() error { return s.Err }

// Close codes that mean more than their range.
const (
	codeBroken       = 1006 // no close frame came
	codeBadToken     = 4201
	codeTokenExpired = 4202
)

// fate is what a close code asks of a client.
type fate int

const (
	comesBack fate = iota
	wantsToken
	stays
)

// fateOf decides by range, so that a code of tomorrow has one too.
func fateOf(code int) fate {
	switch {
	case code == codeBadToken, code == codeTokenExpired:
		return wantsToken
	case code >= 4200 && code <= 4399:
		return stays
	}
	return comesBack
}

// link is the life of the connections, one after the other. It opens none: it
// says when one is to be opened, cut, or given up.
type link struct {
	terms   terms
	sockets int // addresses to choose from

	state   LinkState
	serial  int           // of the connection; what an older one says comes too late
	address int           // which of the sockets
	n       int           // failures in a row
	since   time.Time     // of the state
	until   time.Time     // in Waiting: not before
	heard   time.Time     // when the server last said something
	beat    time.Duration // its heartbeat
	bye     time.Time     // when the server wants us gone
	byeCode int
	greeted bool // hello was heard
	away    bool // held away
	renewed bool // a fresh token was asked for, and the server has not said ready since
	hurried bool // it came back without a pause, and has not been ready for long since
}

func newLink(t terms, sockets int, random float64) link {
	return link{terms: t, sockets: sockets, state: Idle, address: int(random * float64(sockets)), beat: 25 * time.Second}
}

// wants reports whether a connection is to be opened now.
func (l *link) wants(now time.Time) bool {
	return !l.away && (l.state == Idle || l.state == Waiting && !now.Before(l.until))
}

func (l *link) enter(s LinkState, now time.Time) { l.state, l.since, l.heard = s, now, now }

// dial begins a connection.
func (l *link) dial(now time.Time) {
	l.serial++
	l.bye, l.byeCode, l.greeted = time.Time{}, 0, false
	l.enter(Connecting, now)
}

// is reports whether serial is the connection that lives.
func (l *link) is(serial int) bool {
	return l.serial == serial && (l.state == Connecting || l.state == Greeting || l.state == Ready)
}

// ready is what the server says when it has let us in.
func (l *link) ready(now time.Time) {
	l.renewed = false
	l.enter(Ready, now)
}

// goodbye notes when the server will close, and with what.
func (l *link) goodbye(now time.Time, code int, after time.Duration) {
	l.bye, l.byeCode = now.Add(min(max(after, 0), time.Minute)), code
}

// deadline is when the connection is to be cut if nothing happens before.
func (l *link) deadline() time.Time {
	var at time.Time
	switch l.state {
	case Connecting, Greeting:
		at = l.since.Add(l.terms.greet)
	case Ready:
		at = l.heard.Add(l.beat + l.terms.silence)
	default:
		return time.Time{}
	}
	if !l.bye.IsZero() {
		return earliest(at, l.bye.Add(l.terms.linger))
	}
	return at
}

// late reports whether the connection is to be cut.
func (l *link) late(now time.Time) bool {
	at := l.deadline()
	return !at.IsZero() && !now.Before(at)
}

// meant is the code of an end: the one that was told before, when the connection
// broke and the close frame got lost.
func (l *link) meant(code int) int {
	if code == codeBroken && l.byeCode != 0 {
		return l.byeCode
	}
	return code
}

// ended is the end of the connection. It gives what the code asks for; a second
// wantsToken without a ready in between is an end for good.
func (l *link) ended(now time.Time, code int, random float64) fate {
	if l.state == Ready && now.Sub(l.since) >= l.terms.steady {
		l.n, l.hurried = 0, false
	}
	f := fateOf(code)
	if f == wantsToken && l.renewed {
		f = stays
	}
	if f == stays {
		l.enter(StateStopped, now)
		return f
	}
	l.renewed = l.renewed || f == wantsToken
	// A server that says when has spread its clients over time, and a token is
	// replaced at once; but one that sends everybody away is not asked in a circle.
	said := f == wantsToken || !l.bye.IsZero()
	l.until = l.bye
	if !said || l.hurried {
		l.until = latest(l.bye, now.Add(fullJitter(l.n, l.terms.linkBase, l.terms.longest, random)))
		l.n++
	}
	l.hurried = l.hurried || said
	l.address = (l.address + 1) % max(l.sockets, 1)
	l.enter(Waiting, now)
	return f
}

// latest is the later of two times.
func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
