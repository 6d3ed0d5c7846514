// Package message_test tries the chat through the whole house: clients on sockets
// of two connectors, the functions, the trigger and the stores as processes of
// their own. What the connectors say to the functions goes through a door of the
// tests, which can lose answers. After each test what the clients saw is held
// against what is stored.
package message_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"bazaar/infra/local"
	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/message"
	"bazaar/shared/rdb"
	"bazaar/tests/support"
)

const (
	// patience is how long anything may take that is to happen.
	patience = 40 * time.Second
	// heartbeat is how often a connector pings.
	heartbeat = 25 * time.Second
)

// house is the running system.
type house struct {
	*support.System
	door    *door
	crashes string // the folder that arms points
	issuer  *auth.Issuer
}

var shared = sync.OnceValues(start)

// scratch is a folder for the life of these tests.
var scratch string

func TestMain(m *testing.M) { os.Exit(support.Scratch(m, "message", &scratch)) }

// open gives the one house of these tests. They are not parallel: what one of
// them kills serves the others too.
func open(t *testing.T) *house {
	t.Helper()
	h, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	said := len(h.Said())
	t.Cleanup(func() {
		h.door.set(nil)
		h.ready(t)
		if t.Failed() {
			t.Logf("the runner has said:\n%s", h.Said()[said:])
		}
	})
	return h
}

func start() (*house, error) {
	d, err := newDoor()
	if err != nil {
		return nil, err
	}
	crashes := filepath.Join(scratch, "points")
	if err := os.Mkdir(crashes, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder that arms points: %w", err)
	}
	s, err := support.StartSystem("--connectors", "2", "--replicas", "push-message=2", "--tags=crash", "--longest-pause=1s",
		"--set", "connector.gateway_url="+d.url, "--set", "push-message.crash_dir="+crashes)
	if err != nil {
		return nil, err
	}
	d.gateway.Store(&s.Gateway)
	issuer, err := s.Issuer(time.Hour)
	if err != nil {
		return nil, err
	}
	return &house{System: s, door: d, crashes: crashes, issuer: issuer}, nil
}

// token is good for an hour.
func (h *house) token(t testing.TB, user string, roles ...string) string {
	t.Helper()
	token, err := h.issuer.Issue(auth.Claims{Subject: user, SessionID: uuid.NewString(), Roles: roles, Permissions: auth.Permissions(roles)})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// arm makes the next process that passes a point kill itself there.
func (h *house) arm(t *testing.T, point string) {
	t.Helper()
	file := filepath.Join(h.crashes, point)
	err := os.WriteFile(file+".part", []byte("1"), 0o600)
	if err == nil {
		err = os.Rename(file+".part", file) // it is read at once
	}
	if err != nil {
		t.Fatal(err)
	}
}

// armed reports whether a point still waits for somebody to die there.
func (h *house) armed(point string) bool {
	_, err := os.Stat(filepath.Join(h.crashes, point))
	return err == nil
}

// restart kills a part and waits until it answers again.
func (h *house) restart(t *testing.T, instance string) {
	t.Helper()
	killed := h.Kill(t, instance)
	eventually(t, instance+" to be back", func() bool { return h.Back(killed) })
}

// ready waits until every part answers.
func (h *house) ready(t testing.TB) {
	t.Helper()
	eventually(t, "every part to answer", func() bool {
		state, err := h.State()
		if err != nil {
			return false // it is being written
		}
		for _, p := range state.Processes {
			if !answers(p) {
				return false
			}
		}
		return true
	})
}

func answers(p local.Part) bool { return p.Ready && p.Pid != 0 }

// empty has Redis forget everything.
func (h *house) empty(t *testing.T) {
	t.Helper()
	h.redis(t, func(c *rdb.Client) error { return c.FlushAll(t.Context()).Err() })
}

// trust spares who places orders in these tests the half minute in which new keys
// wait for PostgreSQL's word after Redis was emptied: none was placed before.
func (h *house) trust(t *testing.T) {
	t.Helper()
	h.redis(t, func(c *rdb.Client) (err error) {
		for bucket := range 16 {
			err = errors.Join(err, c.Set(t.Context(), fmt.Sprintf("idem:{b%02d}:marker", bucket), "ready:0", 0).Err())
		}
		return err
	})
}

func (h *house) redis(t *testing.T, f func(c *rdb.Client) error) {
	t.Helper()
	client, err := rdb.Open(h.Redis)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := f(client); err != nil {
		t.Fatal(err)
	}
}

// count is a number that the store has.
func (h *house) count(t testing.TB, sql string, args ...any) (n int64) {
	t.Helper()
	if err := h.Pool.QueryRow(context.WithoutCancel(t.Context()), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// silent is a NATS that takes everything and brings nothing.
type silent struct{}

func (silent) Tell(...bus.Note) error      { return nil }
func (silent) Flush(context.Context) error { return nil }
func (silent) Connections() uint64         { return 1 }

// whisper stores a message as push-message does, and whatever is told of it is
// lost: its announcement, and that there is a new conversation.
func (h *house) whisper(t *testing.T, d message.Draft) message.Posted {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	announcer := message.NewAnnouncer(silent{}, h.Pool, message.AnnouncerSettings{})
	var running sync.WaitGroup
	running.Go(func() { announcer.Run(ctx) })
	poster := message.NewPoster(h.Pool, announcer, 1)
	d.ClientMsgID, d.Kind = uuid.NewString(), "text"
	d.Body = text("whispered")
	posted, err := poster.Post(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	cancel() // the event leaves the outbox, as if it had been told
	running.Wait()
	return posted
}

// text is the body of a message.
func text(words string) []byte {
	body, _ := json.Marshal(map[string]string{"text": words}) // it cannot fail
	return body
}

// eventually polls until true, or fails the test.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}
