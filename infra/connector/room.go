package connector

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"bazaar/infra/connector/socket"
	"bazaar/shared/message"
)

// room is a conversation on this node, as the hub knows it.
type room struct {
	id    string
	fence fence
	seq   int64 // the highest that its receivers were told of, or that was known when they came
	seats map[*user]seat
	pins  int       // who is about to be seated: the room is not closed meanwhile
	empty time.Time // since when nobody is seated; zero while somebody is
	head  int64     // what the store has, where that is more than seq
	since time.Time // since when
}

// seat is a user's place in a room.
type seat struct {
	from  int64 // sees the messages after it
	since int64 // a member at this version, and from it on as far as is checked
}

// user is somebody with sockets on this node, or who is about to have one.
type user struct {
	name    string
	clients []*client
	rooms   []*room
	pins    int                       // questions about the user's seats that are under way
	news    map[string]message.Change // the last of each conversation since the last one began
}

// hear notes a change of the user's places while they are being read.
func (u *user) hear(c message.Change) {
	if u.pins == 0 || c.Version <= u.news[c.Conversation].Version {
		return
	}
	if u.news == nil {
		u.news = map[string]message.Change{}
	}
	u.news[c.Conversation] = c
}

// outdated reports whether the user has heard of a change that the reading does
// not have.
func (u *user) outdated(read []message.Seat) bool {
	at := make(map[string]int64, len(read))
	for _, s := range read {
		at[s.Conversation] = s.Version
	}
	for id, c := range u.news {
		version, in := at[id]
		if in && version < c.Version || !in && !c.Gone {
			return true
		}
	}
	return false
}

// delivery is an announcement on its way to the sockets of a room.
type delivery struct {
	room        string
	kind        string // message.FrameMessage, FrameEvent or FrameTyping
	version     int64  // 0: for all who listen
	first, last int64  // of messages; 0 for others
	only        string // the one user it is for; "" for all
	frame       socket.Frame
	except      map[uint64]socket.Frame // by serial: who sent some of the lines gets the others
	heard       time.Time
}

func (d *delivery) ephemeral() bool { return d.kind == message.FrameTyping }

// class says how much it matters to a receiver who is slow.
func (d *delivery) class() socket.Class {
	switch d.kind {
	case message.FrameTyping:
		return socket.Ephemeral
	case message.FrameEvent:
		return socket.Notice
	}
	return socket.Live
}

// outcome says what a receiver gets of it: the frame, a hint that there is more
// than it may show, or nothing.
func (d *delivery) outcome(user string, s seat) passage {
	switch {
	case d.only != "" && d.only != user:
		return dropped
	case d.last > 0 && s.from >= d.last:
		return dropped
	case d.last > 0 && s.from >= d.first:
		return hinted
	case d.last == 0 && d.version > 0 && d.version < s.since:
		return dropped // of a time when the user perhaps was not there
	}
	return passes
}

// newDelivery reads what was told of a conversation. node is ours: what came by
// one of our sockets is left out for it.
func newDelivery(conversation, node string, m *nats.Msg, now time.Time) *delivery {
	d := &delivery{room: conversation, kind: m.Header.Get(message.HeaderFrame), only: m.Header.Get(message.HeaderOnly), heard: now}
	d.version = count(m.Header.Get(message.HeaderVersion))
	d.first, d.last = count(m.Header.Get(message.HeaderFirst)), count(m.Header.Get(message.HeaderLast))
	d.frame = socket.Text(m.Data)
	d.leaveOut(node, m.Header.Get(message.HeaderSockets), m.Data)
	return d
}

// leaveOut makes frames for our own sockets that sent some of the lines.
func (d *delivery) leaveOut(node, sockets string, data []byte) {
	if node == "" || !strings.Contains(sockets, node) {
		return
	}
	from := strings.Split(sockets, ",")
	lines := bytes.Split(data, []byte("\n"))
	if len(lines) != len(from) {
		return // a double is better than a loss
	}
	for _, name := range from {
		serial, ours := ownSocket(node, name)
		if _, done := d.except[serial]; !ours || done {
			continue
		}
		var rest [][]byte
		for i, line := range lines {
			if from[i] != name {
				rest = append(rest, line)
			}
		}
		if d.except == nil {
			d.except = map[uint64]socket.Frame{}
		}
		d.except[serial] = socket.Frame{}
		if len(rest) > 0 {
			d.except[serial] = socket.Text(rest...)
		}
	}
}

// socketName is a socket of ours as others know it.
func socketName(node string, serial uint64) string {
	return node + "-" + strconv.FormatUint(serial, 10)
}

// ownSocket reads a socketName of this node.
func ownSocket(node, name string) (serial uint64, ours bool) {
	rest, ours := strings.CutPrefix(name, node+"-")
	if !ours {
		return 0, false
	}
	serial, err := strconv.ParseUint(rest, 10, 64)
	return serial, err == nil
}

// count reads a number of a header; what is none is 0.
func count(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
