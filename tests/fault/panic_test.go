package fault_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// TestAPanicInABatchTakesOneEventWithIt: of 256 in one call 255 go through. The
// one is dead-lettered, redriven after the fix, and then applied once.
func TestAPanicInABatchTakesOneEventWithIt(t *testing.T) {
	h := open(t)
	const size = 256
	sku, user := h.product(t, 2*size), "panic-"+uuid.NewString()[:8]
	events := drafts(t, user, sku, size)
	bad := events[100].ID
	poison := filepath.Join(h.crashes, "reserve-stock.event."+bad)
	if err := os.WriteFile(poison, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	said, panicked := len(h.Said()), len(h.Log(t, "reserve-stock"))
	called := len(h.Log(t, "trigger"))
	h.publish(t, events...)
	eventually(t, "a dead letter", func() bool { return len(h.letters(t)) > 0 })
	h.drained(t)
	if n := h.reserved(t, user); n != size-1 {
		t.Errorf("%d orders went through, want %d", n, size-1)
	}
	h.holds(t, sku, size-1)
	if !logged(h.Log(t, "trigger")[called:], "halved", `"events":256,`) {
		t.Error("they were not called together")
	}
	// 256, 128, … 2 and then the one alone, as often as it is tried.
	if n := strings.Count(h.Log(t, "reserve-stock")[panicked:], "poisoned by "); n < 8+attempts {
		t.Errorf("the function told of %d panics, want %d", n, 8+attempts)
	}
	if n := h.Deaths(said, ""); n > 0 {
		t.Errorf("%d processes died of it", n)
	}
	dead := h.letters(t)
	if len(dead) != 1 || dead[0].Event != bad || dead[0].Function != "reserve-stock" || dead[0].Kind != "internal" || dead[0].Attempts != attempts {
		t.Fatalf("%+v, want one letter of %s", dead, bad)
	}
	if err := os.Remove(poison); err != nil {
		t.Fatal(err)
	}
	h.redrive(t, dead[0].Seq)
	eventually(t, "the last order", func() bool { return h.reserved(t, user) == size })
	h.holds(t, sku, size)
	h.publish(t, events[100]) // as if it had been redriven twice
	h.drained(t)
	h.mustHold(t, nil)
	h.holds(t, sku, size)
}

// logged reports whether one line of the log has all of the words.
func logged(log string, words ...string) bool {
	for line := range strings.Lines(log) {
		found := true
		for _, w := range words {
			found = found && strings.Contains(line, w)
		}
		if found {
			return true
		}
	}
	return false
}

// redrive runs the command that a person would.
func (h *house) redrive(t *testing.T, seq uint64) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "run", "./infra/cmd/dead", "redrive", strconv.FormatUint(seq, 10))
	command.Dir = "../.."
	command.Env = append(os.Environ(), "nats_url="+h.NATS.URL, "nats_user="+h.NATS.User, "secret_mount_path="+filepath.Join(h.Dir, "secrets"))
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// reserved counts the reserved orders of a user.
func (h *house) reserved(t *testing.T, user string) (n int) {
	t.Helper()
	err := h.Pool.QueryRow(t.Context(), `select count(*) from orders.order where user_id = $1 and state = 'reserved'`, user).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
