// Package presence is who is there: the open sockets of each user, as the
// connectors hold them in Redis, and when a user was last seen. Every entry is a
// lease; an emptied Redis is right again as soon as everybody has held again.
//
// It owns the Redis keys presence:{u:<user>}:… and presence:{node}:…, and the
// core subjects presence.changed.<user> and presence.replaced.<node>. It decides
// which of a user's sockets may stay, by device and by number.
//
// It informs, it does not route: no message is sent or withheld because of what
// stands here. It does not know who may ask about whom, nor what a message is.
package presence

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"bazaar/shared/rdb"
)

const (
	// SessionLease is for how long a session counts after it was held.
	SessionLease = time.Minute
	// HoldEvery is how often a session is to be held again, with jitter.
	HoldEvery = 20 * time.Second
	// NodeLease is for how long a node counts after it was renewed, and
	// RenewEvery how often it is to be.
	NodeLease  = 10 * time.Second
	RenewEvery = 3 * time.Second
	// MostUsers bounds one Look.
	MostUsers = 100
)

// Session is one authenticated socket. All four words match ^[A-Za-z0-9_-]{1,64}$.
type Session struct {
	ID     string // of the socket, random
	User   string
	Node   string // the connector process that holds it, random for each start
	Device string // as the client calls itself; one socket a device
	// Since is when the session began, ms of the store's clock, and what orders the
	// sessions of a user. Hold gives it; zero before.
	Since int64
}

// Presence is what others may see of a user.
type Presence struct {
	Online     bool
	LastActive time.Time // zero when nothing is known
}

// Store keeps sessions and nodes in Redis.
type Store struct {
	client  *rdb.Client
	scripts scripts
	most    int
	leases  *leases
}

// NewStore makes a store in which a user may have at most that many sessions at
// a time: one more ends the oldest. Who only looks may say 0.
func NewStore(c *rdb.Client, most int) *Store {
	s := newScripts()
	return &Store{client: c, scripts: s, most: most, leases: &leases{client: c, renew: s.renew}}
}

func sessionKey(user string) string { return "presence:{u:" + user + "}:session" }
func lastKey(user string) string    { return "presence:{u:" + user + "}:last" }
func toldKey(user string) string    { return "presence:{u:" + user + "}:told" }

// check refuses words that would be read as something else in a key or a member.
func (x Session) check() error {
	for _, word := range []string{x.ID, x.User, x.Node, x.Device} {
		if !isID(word) {
			return fmt.Errorf("a session with %q for an id", word)
		}
	}
	return nil
}

// readSession takes a member of a user's set apart: since|session|node|device.
func readSession(user, member string) (Session, bool) {
	parts := strings.Split(member, "|")
	if len(parts) != 4 {
		return Session{}, false
	}
	since, err := strconv.ParseInt(parts[0], 10, 64)
	return Session{ID: parts[1], User: user, Node: parts[2], Device: parts[3], Since: since}, err == nil
}

// isID reports whether text matches ^[A-Za-z0-9_-]{1,64}$.
func isID(text string) bool {
	if len(text) == 0 || len(text) > 64 {
		return false
	}
	for _, c := range []byte(text) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// ms is a time as the scripts take it; the zero time is 0.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
