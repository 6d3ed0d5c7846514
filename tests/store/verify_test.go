package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"bazaar/tests/support"
)

// verifier is the command as an operator runs it.
type verifier struct {
	binary  string
	environ []string
}

// newVerifier builds it for a database; the servers have the same password.
func newVerifier(t *testing.T, environ ...string) verifier {
	t.Helper()
	dir := t.TempDir()
	v := verifier{filepath.Join(dir, "verify"), append(os.Environ(), append(environ, "secret_mount_path="+dir)...)}
	if out, err := exec.Command("go", "build", "-o", v.binary, "bazaar/infra/cmd/verify").CombinedOutput(); err != nil {
		t.Fatalf("building it: %v\n%s", err, out)
	}
	for _, secret := range []string{"postgres-password", "nats-password"} {
		must(t, os.WriteFile(filepath.Join(dir, secret), []byte("only-for-tests\n"), 0o600))
	}
	return v
}

// run gives what it says and its exit code.
func (v verifier) run(t *testing.T, args ...string) (said string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, v.binary, args...)
	cmd.Env = v.environ
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("verify %v: %v", args, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// says runs it and checks the exit code and some of the words.
func (v verifier) says(t *testing.T, code int, words []string, args ...string) {
	t.Helper()
	said, got := v.run(t, args...)
	if got != code {
		t.Errorf("verify %v ends with %d, want %d", args, got, code)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("verify %v does not say %q:\n%s", args, w, said)
		}
	}
}

func TestVerifyNamesTheBrokenRule(t *testing.T) {
	t.Parallel()
	settings := support.PostgresSettings(t)
	s := &shop{Pool: support.OpenPostgres(t, settings)}
	s.fill(t)
	v := newVerifier(t, "pg_url="+settings.URL)
	v.says(t, 0, []string{"history_is_a_path", "3 events in the outbox", "not looked at: NATS", "rules hold"})
	v.says(t, 0, []string{"closing_ends", "rules hold"}, "--settled")
	v.says(t, 1, []string{"outbox_is_published is broken by", "inbox_is_matched"}, "--settled", "--patience", "0s")

	mustExec(t, s, `update stock.item set available = available + 1 where sku = 'A'`)
	v.says(t, 1, []string{"stock_ledger is broken by 1:\n  A has ", "1 of "})
	said, code := v.run(t, "--json")
	var report struct {
		Held  bool
		Rules []struct {
			Rule   string
			Broken int64
		}
	}
	if err := json.Unmarshal([]byte(said), &report); err != nil || code != 1 || report.Held {
		t.Fatalf("%d %v\n%s", code, err, said)
	}
	for _, r := range report.Rules {
		if (r.Broken > 0) != (r.Rule == "stock_ledger") {
			t.Errorf("%s is broken by %d", r.Rule, r.Broken)
		}
	}

	// A rule that cannot be checked is not one that holds.
	mustExec(t, s, `alter table outbox.event rename column body to other`)
	v.says(t, 2, []string{"checking event_is_as_labelled"})
}

func TestVerifyCannotLook(t *testing.T) {
	t.Parallel()
	settings := support.PostgresSettings(t)
	newVerifier(t, "pg_url=postgres://bazaar@127.0.0.1:1/none").says(t, 2, []string{"verify: looking into PostgreSQL"})
	newVerifier(t, "pg_url="+settings.URL, "nats_url=nats://127.0.0.1:1").says(t, 2, []string{"verify: ", "NATS at nats://127.0.0.1:1 cannot be reached"})
}

// A dead letter breaks a rule when nothing was wrong with its event.
func TestVerifyTellsPoisonFromWhatWasGivenUp(t *testing.T) {
	t.Parallel()
	settings, server := support.PostgresSettings(t), support.NATS(t)
	v := newVerifier(t, "pg_url="+settings.URL, "nats_url="+server.URL)
	v.says(t, 0, []string{"nothing_given_up", "rules hold"})
	js := server.JetStream()
	die := func(id, kind string) {
		t.Helper()
		msg := nats.NewMsg("dead.reserve-stock")
		for name, value := range map[string]string{"Dead-Event": id, "Dead-Kind": kind, "Dead-Reason": "it is so", "Dead-Attempts": "3"} {
			msg.Header.Set(name, value)
		}
		_, err := js.PublishMsg(t.Context(), msg)
		must(t, err)
	}
	for _, kind := range []string{"invalid", "denied", "mismatch", "too_large", "invalid"} {
		die("poison", kind)
	}
	v.says(t, 0, []string{"2 of reserve-stock, invalid (died of what they are)", "rules hold"})
	die("good", "internal")
	v.says(t, 1, []string{"nothing_given_up is broken by 1:\n  letter 6: good of reserve-stock, internal after 3 attempts: it is so"})
	_, err := js.Publish(t.Context(), "order.placed", []byte("[]"))
	must(t, err)
	v.says(t, 1, []string{"1 messages of accepted orders in the queue", "1 of "}, "--settled")
	v.says(t, 1, []string{"queues_are_drained is broken by 1", "2 of "}, "--settled", "--patience", "0s")
}
