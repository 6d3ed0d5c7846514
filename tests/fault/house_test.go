// Package fault_test runs the whole house as processes while they are killed,
// paused, emptied and cut off from each other, under a load that does not wait
// for answers, and then checks that nothing acknowledged is lost and nothing
// happened twice.
//
//	FAULT_SEED=7 go test ./tests/fault -run TestSeeds     one seed again
//	make fault SEEDS=20                                   many, and the long stories
package fault_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/rdb"
	"bazaar/tests/support"
)

// patience is how long everything may take to be right again, also on a machine
// that has other things to do.
const patience = 2 * time.Minute

// attempts is how often an event that fails is tried here.
const attempts = 3

// ackWait is how soon comes again what a trigger held that died.
const ackWait = 3 * time.Second

// closeGrace is how long after its expiry an order may be closing.
const closeGrace = 2 * time.Second

// house is the running system with a proxy on every link and its programs built
// so that they can be made to die at a named point.
type house struct {
	*support.System
	network *network
	crashes string // the folder that arms points
	issuer  *auth.Issuer
	js      jetstream.JetStream
	heard   heard
}

var shared = sync.OnceValues(start)

// scratch is a folder for the life of these tests.
var scratch string

func TestMain(m *testing.M) { os.Exit(support.Scratch(m, "fault", &scratch)) }

// open gives the one house of these tests. They are not parallel: a fault is
// everybody's.
func open(t *testing.T) *house {
	t.Helper()
	h, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	said := len(h.Said())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the runner has said:\n%s", h.Said()[said:])
		}
		h.heal(t)
	})
	return h
}

func start() (*house, error) {
	gateway, err := freeAddress()
	if err != nil {
		return nil, err
	}
	n, err := newNetwork(gateway)
	if err != nil {
		return nil, err
	}
	crashes := filepath.Join(scratch, "points")
	if err := os.Mkdir(crashes, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder that arms points: %w", err)
	}
	stack, err := impatient(scratch)
	if err != nil {
		return nil, err
	}
	flags := append(n.flags(), "--stack", stack, "--listen", gateway, "--tags=crash", "--longest-pause=1s", "--paysim-clock=600",
		"--set", "settle-order.order_close_grace="+closeGrace.String(), "--set", "settle-order.payment_busy_margin=1s",
		"--set", "trigger.ack_wait="+ackWait.String())
	for _, name := range []string{"create-order", "reserve-stock", "settle-order", "payment-callback", "create-payment", "manage-order", "push-message", "trigger"} {
		flags = append(flags, "--set", name+".crash_dir="+crashes)
	}
	s, err := support.StartSystem(flags...)
	if err != nil {
		return nil, err
	}
	state, err := s.State()
	if err != nil {
		return nil, err
	}
	h := &house{System: s, network: n, crashes: crashes, heard: heard{types: map[string]string{}}}
	if err := n.connect(state); err != nil {
		return nil, err
	}
	if h.issuer, err = s.Issuer(2 * time.Hour); err != nil {
		return nil, err
	}
	conn, err := nats.Connect(s.NATS.URL, nats.UserInfo(s.NATS.User, s.NATS.Password), nats.MaxReconnects(-1),
		nats.ReconnectWait(100*time.Millisecond), nats.Name("tests"))
	if err != nil {
		return nil, fmt.Errorf("connecting to NATS: %w", err)
	}
	if h.js, err = jetstream.New(conn); err != nil {
		return nil, fmt.Errorf("opening JetStream: %w", err)
	}
	return h, h.hasten(context.Background())
}

// impatient writes a copy of the stack file in which events have fewer attempts.
func impatient(dir string) (string, error) {
	text, err := os.ReadFile("../../stack.yml")
	if err != nil {
		return "", fmt.Errorf("reading the stack file: %w", err)
	}
	const many = `com.openfaas.retry.attempts: "8"`
	if !strings.Contains(string(text), many) {
		return "", fmt.Errorf("the stack file says nothing of %s", many)
	}
	few := strings.ReplaceAll(string(text), many, fmt.Sprintf("com.openfaas.retry.attempts: %q", fmt.Sprint(attempts)))
	file := filepath.Join(dir, "stack.yml")
	return file, os.WriteFile(file, []byte(few), 0o600)
}

// hasten shortens the server's patience with the reader of the queue, which was
// made with the stream, to that of the other consumers here.
func (h *house) hasten(ctx context.Context) error {
	reader, err := h.js.Consumer(ctx, bus.QueueStream, bus.QueueConsumer)
	if err != nil {
		return fmt.Errorf("finding the reader of the queue: %w", err)
	}
	settings := reader.CachedInfo().Config
	settings.AckWait = ackWait
	if _, err := h.js.UpdateConsumer(ctx, bus.QueueStream, settings); err != nil {
		return fmt.Errorf("hastening the reader of the queue: %w", err)
	}
	return nil
}

// freeAddress is one that nobody listens on, below the ports that outgoing
// connections get.
func freeAddress() (string, error) {
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		if l, err := net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("there is no free port")
}

// arm makes the next process that passes each of the points kill itself there.
func (h *house) arm(t testing.TB, those ...string) {
	t.Helper()
	for _, point := range those {
		if err := h.armPoint(point); err != nil {
			t.Fatal(err)
		}
	}
}

// armPoint puts the file in place as a whole: it is read at once.
func (h *house) armPoint(point string) error {
	file := filepath.Join(h.crashes, point)
	if err := os.WriteFile(file+".part", []byte("1"), 0o600); err != nil {
		return fmt.Errorf("arming %s: %w", point, err)
	}
	if err := os.Rename(file+".part", file); err != nil {
		return fmt.Errorf("arming %s: %w", point, err)
	}
	return nil
}

// forget empties Redis.
func (h *house) forget(ctx context.Context) error {
	client, err := rdb.Open(h.Redis)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	if err := client.FlushAll(ctx).Err(); err != nil {
		return fmt.Errorf("emptying Redis: %w", err)
	}
	return nil
}

// armed reports whether the point still waits for somebody to die there.
func (h *house) armed(point string) bool {
	_, err := os.Stat(filepath.Join(h.crashes, point))
	return err == nil
}

// disarm takes back what nobody has died of.
func (h *house) disarm() error {
	left, err := filepath.Glob(filepath.Join(h.crashes, "*"))
	for _, path := range left {
		if e := os.Remove(path); e != nil && !os.IsNotExist(e) {
			err = e
		}
	}
	return err
}

// trust spares the tests the half minute in which new keys wait for PostgreSQL's
// word after Redis was emptied: when all is settled nothing from before the loss
// can still come.
func (h *house) trust(t testing.TB) {
	t.Helper()
	client, err := rdb.Open(h.Redis)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	for bucket := range 16 {
		marker := fmt.Sprintf("idem:{b%02d}:marker", bucket)
		eventually(t, marker+" to be ready", func() bool {
			state, err := client.Get(t.Context(), marker).Result()
			return err == nil && strings.HasPrefix(state, "ready:")
		})
		if err := client.Set(t.Context(), marker, "ready:0", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// eventually polls until true, or fails the test.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	if !within(patience, f) {
		t.Fatalf("waited %s for %s", patience, what)
	}
}

// within polls until true, or until the time is over.
func within(atMost time.Duration, f func() bool) bool { return support.Within(atMost, f) }
