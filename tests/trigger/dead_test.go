package trigger_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"bazaar/infra/trigger"
)

// sick is a function that fails until it is healed.
func (w *world) sick(name string) *atomic.Bool {
	var healed atomic.Bool
	w.gateway.deploy(name, quick()...)
	w.gateway.on(name, func(call) reply {
		if healed.Load() {
			return reply{}
		}
		return reply{Status: 400, Fault: "invalid"}
	})
	return &healed
}

// A redriven event goes to its function and to no other, once, and its letter goes.
func TestRedrive(t *testing.T) {
	w := newWorld(t)
	healed := w.sick("push")
	w.gateway.deploy("learn", quick()...)
	w.start()
	w.start()
	w.publish("order.reserved", "e")
	until(t, "a dead letter", func() bool { return len(w.letters("push")) == 1 })
	w.drained("ORDERS", "learn")
	healed.Store(true)
	letters := trigger.NewLetters(w.js)
	seq := w.letters("push")[0].Seq
	if err := letters.Redrive(t.Context(), seq); err != nil {
		t.Fatal(err)
	}
	w.drained("REDRIVE", "push")
	if n := w.gateway.times("push", "e"); n != 2 {
		t.Errorf("the event was called %d times, want 2", n)
	}
	if n := w.gateway.times("learn", "e"); n != 1 {
		t.Errorf("another function got the event %d times", n)
	}
	c := w.gateway.seen("push")[1]
	if c.Header.Get("X-Topic") != "order.reserved" || c.Header.Get("X-Attempt") != "1" {
		t.Errorf("headers %v", c.Header)
	}
	if l := w.letters("push"); len(l) != 0 {
		t.Errorf("letters %+v", l)
	}
	if err := letters.Redrive(t.Context(), seq); !errors.Is(err, trigger.ErrNoLetter) {
		t.Errorf("redriven again: %v", err)
	}
	stream, err := w.js.Stream(t.Context(), "REDRIVE")
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 0 {
		t.Errorf("%d messages stay in REDRIVE", n)
	}
}

// An event that dies again right after it was redriven is a letter again: the
// stream must not take it for a double of the one that was just dropped.
func TestRedrivenEventDiesAgain(t *testing.T) {
	w := newWorld(t)
	w.sick("push")
	w.start()
	w.publish("order.reserved", "e")
	letters := trigger.NewLetters(w.js)
	for i := range 3 {
		until(t, "a dead letter", func() bool { return len(w.letters("push")) == 1 && w.gateway.times("push", "e") == i+1 })
		if err := letters.Redrive(t.Context(), w.letters("push")[0].Seq); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "a dead letter", func() bool { return len(w.letters("push")) == 1 })
}

// Two deaths of one event in a short time are one letter.
func TestOneLetterAnEvent(t *testing.T) {
	w := newWorld(t)
	w.sick("push")
	w.start()
	w.publish("order.reserved", "e", "e")
	w.drained("ORDERS", "push")
	if n := len(w.letters("push")); n != 1 {
		t.Errorf("%d letters", n)
	}
}

// The dead letters of a function that is not deployed now wait for it.
func TestRedriveWaitsForItsFunction(t *testing.T) {
	w := newWorld(t)
	healed := w.sick("push")
	w.start()
	w.publish("order.reserved", "e")
	until(t, "a dead letter", func() bool { return len(w.letters("push")) == 1 })
	w.gateway.remove("push")
	w.polled(3)
	healed.Store(true)
	if err := trigger.NewLetters(w.js).Redrive(t.Context(), w.letters("push")[0].Seq); err != nil {
		t.Fatal(err)
	}
	w.polled(3)
	if n := w.gateway.times("push", "e"); n != 1 {
		t.Errorf("called %d times while it is missing", n)
	}
	w.gateway.deploy("push", quick()...)
	w.drained("REDRIVE", "push")
	if n := w.gateway.times("push", "e"); n != 2 {
		t.Errorf("called %d times", n)
	}
}

// The command, as an operator types it.
func TestDeadCommand(t *testing.T) {
	w := newWorld(t)
	healed := w.sick("push")
	w.gateway.deploy("sweep", "topic", "cron-function", "schedule", "@hourly")
	r := w.start()
	w.publish("order.reserved", "a", "b", "c")
	until(t, "three dead letters", func() bool { return len(w.letters("push")) == 3 })
	until(t, "a schedule", func() bool { return w.schedule("sweep") != nil && w.consumer("CRON", "sweep") != nil })
	run := w.command(t)

	list := run("list")
	for _, id := range []string{"a", "b", "c"} {
		if !strings.Contains(list, " "+id+" ") || !strings.Contains(list, "invalid") {
			t.Errorf("list says\n%s", list)
		}
	}
	if other := run("list", "other"); strings.Count(other, "\n") != 1 {
		t.Errorf("the list of another function says\n%s", other)
	}
	letters := w.letters("push") // in the order in which they were given up, which is any
	first := slices.IndexFunc(letters, func(l trigger.Letter) bool { return l.Event == "a" })
	seq := strconv.FormatUint(letters[first].Seq, 10)
	if shown := run("show", seq); !strings.Contains(shown, `"id": "a"`) || !strings.Contains(shown, "order.reserved") {
		t.Errorf("show says\n%s", shown)
	}
	run("drop", seq)
	healed.Store(true)
	run("redrive", "--all", "push")
	w.drained("REDRIVE", "push")
	if a, b, c := w.gateway.times("push", "a"), w.gateway.times("push", "b"), w.gateway.times("push", "c"); a != 1 || b != 2 || c != 2 {
		t.Errorf("calls: %d %d %d, want 1 2 2", a, b, c)
	}
	r.stop()
	if out := run("unbind", "sweep"); !strings.Contains(out, "CRON") {
		t.Errorf("unbind says\n%s", out)
	}
	if w.schedule("sweep") != nil || w.consumer("CRON", "sweep") != nil {
		t.Error("unbind left something")
	}
}

// command builds the tool and gives a way to run it.
func (w *world) command(t *testing.T) func(args ...string) string {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "dead")
	if out, err := exec.Command("go", "build", "-o", binary, "bazaar/infra/cmd/dead").CombinedOutput(); err != nil {
		t.Fatalf("building it: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "nats-password"), []byte(w.nats.Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, binary, args...)
		cmd.Env = append(os.Environ(), "nats_url="+w.nats.URL, "secret_mount_path="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("dead %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
}
