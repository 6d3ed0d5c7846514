package socket

import (
	"errors"
	"time"
)

// Settings bound what a peer may cost. What is zero takes its default; there is
// no way to have no bound.
type Settings struct {
	Path     string   // the one that is served, such as /v1/ws; no default
	Protocol string   // the subprotocol, such as bazaar.v1.json; no default
	Origins  []string // of web pages that may connect beside those of our own host: scheme://host[:port]

	HandshakeTimeout time.Duration // 5 s, from the connection to the end of its request
	MessageTimeout   time.Duration // 10 s, from the first byte of a message to its last
	WriteTimeout     time.Duration // 10 s without a byte taken by the peer: TooSlow
	CloseTimeout     time.Duration // 1 s from our close frame to the end of the connection
	UserTimeout      time.Duration // 20 s for the peer's host to acknowledge what was sent (Linux)

	MaxMessage        int // 65536 bytes, all fragments together
	MaxFragments      int // 32
	MaxSockets        int // 18000; newcomers are answered 503
	MaxHandshakes     int // 2000 that have not ended; the oldest gives way
	QueueFrames       int // 256 that wait for one peer
	QueueBytes        int // 262144 that wait for one peer
	UnsentBytes       int // 32768 more that the kernel keeps of what it cannot send now, and the rest of what it was given at once (Linux)
	FramesPerSecond   int // 200 from one peer, or Misused
	ControlsPerSecond int // 50 pings, pongs and closes among them

	Budget *Budget // 64 MiB for all sockets together
}

// Outcome says what became of a connection that was accepted.
type Outcome string

// The outcomes.
const (
	Opened      Outcome = "opened"
	Late        Outcome = "late"        // no whole request in time
	Left        Outcome = "left"        // the peer went away before
	Crowded     Outcome = "crowded"     // gave way to newer ones
	Wrong       Outcome = "wrong"       // not the request of a WebSocket for us
	Unavailable Outcome = "unavailable" // no room, or nobody is admitted
	Foreign     Outcome = "foreign"     // of a page that may not
)

// Metrics hears of what becomes no socket. It is called by many goroutines.
type Metrics interface {
	Handshake(o Outcome)
	AcceptFailed(err error)
}

type unmeasured struct{}

func (unmeasured) Handshake(Outcome)  {}
func (unmeasured) AcceptFailed(error) {}

// filled gives the settings with their defaults.
func (s Settings) filled() (Settings, error) {
	if s.Path == "" || s.Path[0] != '/' || s.Protocol == "" {
		return s, errors.New("a path and a subprotocol are needed")
	}
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{
		{&s.HandshakeTimeout, 5 * time.Second}, {&s.MessageTimeout, 10 * time.Second}, {&s.WriteTimeout, 10 * time.Second},
		{&s.CloseTimeout, time.Second}, {&s.UserTimeout, 20 * time.Second},
	} {
		if *d.value < 0 {
			return s, errors.New("a timeout is negative")
		}
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	for _, n := range []struct {
		value *int
		usual int
	}{
		{&s.MaxMessage, 64 << 10}, {&s.MaxFragments, 32}, {&s.MaxSockets, 18000}, {&s.MaxHandshakes, 2000},
		{&s.QueueFrames, 256}, {&s.QueueBytes, 256 << 10}, {&s.UnsentBytes, 32 << 10}, {&s.FramesPerSecond, 200}, {&s.ControlsPerSecond, 50},
	} {
		if *n.value < 0 {
			return s, errors.New("a limit is negative")
		}
		if *n.value == 0 {
			*n.value = n.usual
		}
	}
	if s.Budget == nil {
		s.Budget = NewBudget(64 << 20)
	}
	return s, nil
}
