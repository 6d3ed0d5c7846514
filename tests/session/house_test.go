// Package session_test holds the house to the end of a session: a token of a
// session that was ended, or whose user has lost a role, is refused within 5 s
// by every process of every function that knows users, whatever else goes wrong
// meanwhile. Each process is asked by its own address, not through the gateway.
package session_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bazaar/infra/local"
	"bazaar/shared/rdb"
	"bazaar/tests/support"
)

const (
	// promised is what the contract says, and margin how long a test waits for it.
	promised = 5 * time.Second
	margin   = 3 * promised
	// patience is for everything that nobody has promised a time for.
	patience = 60 * time.Second
)

// door is a route for people.
type door struct {
	function, pattern string
	role              bool // it needs one
}

// doors are all routes for people. Asked with an empty object as the body they
// change nothing, but for the one that signs out.
func doors() []door {
	return []door{
		{"issue-token", "DELETE /{$}", false},
		{"catalog", "PUT /{sku}", true},
		{"catalog", "POST /{sku}/restock", true},
		{"create-order", "POST /{$}", false},
		{"manage-order", "GET /{$}", false},
		{"manage-order", "GET /{order}", false},
		{"manage-order", "POST /{order}/cancel", false},
		{"manage-order", "POST /{order}/ship", true},
		{"manage-order", "POST /{order}/receive", false},
		{"create-payment", "POST /{order}", false},
		{"create-payment", "GET /{payment}", false},
		{"push-message", "POST /{$}", false},
		{"push-message", "POST /{conversation}/recall", false},
		{"sync-messages", "POST /{$}", false},
		{"sync-messages", "GET /conversations", false},
		{"sync-messages", "GET /presence", false},
		{"sync-messages", "GET /{conversation}", false},
		{"sync-messages", "POST /{conversation}/read", false},
		{"sync-messages", "GET /{conversation}/receipts", false},
		{"manage-group", "POST /{$}", false},
		{"manage-group", "GET /{$}", false},
		{"manage-group", "GET /{group}", false},
		{"manage-group", "PATCH /{group}", false},
		{"manage-group", "DELETE /{group}", false},
		{"manage-group", "GET /{group}/members", false},
		{"manage-group", "PUT /{group}/members/{user}", false},
		{"manage-group", "DELETE /{group}/members/{user}", false},
	}
}

func (d door) signsOut() bool { return d.function == "issue-token" }

// harmless are the doors that change nothing for anybody.
func harmless() []door { return slices.DeleteFunc(doors(), door.signsOut) }

// ask calls the door in the process at base.
func (d door) ask(base, token string) answer {
	method, path, _ := strings.Cut(d.pattern, " ")
	path = regexp.MustCompile(`\{\w+\}`).ReplaceAllString(strings.TrimSuffix(path, "{$}"), "none")
	body := "{}"
	if d.signsOut() || method == http.MethodGet {
		body = ""
	}
	return send(method, base+path, token, body)
}

// TestEveryDoorIsTried compares the list of doors with what the functions serve.
func TestEveryDoorIsTried(t *testing.T) {
	t.Parallel()
	var served, listed []string
	files, err := filepath.Glob("../../functions/*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files of functions, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		calls := bytes.Count(text, []byte("fn.User("))
		found := regexp.MustCompile(`fn\.User\(\w+, "([^"]+)"`).FindAllSubmatch(text, -1)
		if len(found) != calls {
			t.Errorf("%s: %d routes for people, %d can be read", file, calls, len(found))
		}
		for _, f := range found {
			served = append(served, filepath.Base(filepath.Dir(file))+" "+string(f[1]))
		}
	}
	for _, d := range doors() {
		listed = append(listed, d.function+" "+d.pattern)
	}
	slices.Sort(served)
	slices.Sort(listed)
	if !slices.Equal(served, listed) {
		t.Errorf("served %q\nlisted %q", served, listed)
	}
}

// house is the running system, with two processes behind each of those doors.
type house struct{ *support.System }

func open(t *testing.T) house {
	t.Helper()
	var flags []string
	for _, name := range functions() {
		flags = append(flags, "--replicas", name+"=2")
	}
	h := house{support.SharedSystem(t, flags...)}
	h.ready(t)
	return h
}

// functions are those that have a door for people.
func functions() []string {
	var names []string
	for _, d := range doors() {
		if !slices.Contains(names, d.function) {
			names = append(names, d.function)
		}
	}
	return names
}

// processes are all that have a door for people.
func (h house) processes(t *testing.T) []local.Part {
	t.Helper()
	var found []local.Part
	for _, name := range functions() {
		parts := h.Parts(t, name)
		if len(parts) != 2 {
			t.Fatalf("%d processes of %s", len(parts), name)
		}
		found = append(found, parts...)
	}
	return found
}

// ready waits until every process answers.
func (h house) ready(t *testing.T) {
	t.Helper()
	var waiting string
	good := within(patience, func() bool {
		waiting = ""
		for _, p := range h.processes(t) {
			if !p.Ready || p.Pid == 0 || syscall.Kill(p.Pid, 0) != nil {
				waiting = p.Instance
			}
		}
		return waiting == ""
	})
	if !good {
		t.Fatalf("%s does not answer", waiting)
	}
}

// kill ends the processes at once.
func kill(t *testing.T, parts ...local.Part) {
	t.Helper()
	for _, p := range parts {
		if err := syscall.Kill(p.Pid, syscall.SIGKILL); err != nil {
			t.Fatalf("killing %s: %v", p.Instance, err)
		}
	}
}

// forget empties Redis.
func (h house) forget(t *testing.T) {
	t.Helper()
	client, err := rdb.Open(h.Redis)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}

// answer is what a call got: status 0 when there was none.
type answer struct {
	status int
	code   string // of a problem
	body   []byte
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// revoked is the answer to a token of a session that was ended.
func (a answer) revoked() bool { return a.status == 401 && a.code == "session_revoked" }

// let is whether the door has let the caller in, whatever it said then.
func (a answer) let() bool { return a.status != 0 && a.status != 401 && a.status < 500 }

func send(method, url, token, body string) answer {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return answer{body: []byte(err.Error())}
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Idempotency-Key", "none")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{body: []byte(err.Error())}
	}
	defer func() { _ = res.Body.Close() }()
	a := answer{status: res.StatusCode}
	if a.body, err = io.ReadAll(res.Body); err != nil {
		return answer{body: []byte(err.Error())}
	}
	var problem struct{ Code string }
	if json.Unmarshal(a.body, &problem) == nil {
		a.code = problem.Code
	}
	return a
}

// everywhere asks every door of every process but the one that signs out.
func (h house) everywhere(t *testing.T, token, what string, right func(door, answer) bool) {
	t.Helper()
	for _, p := range h.processes(t) {
		for _, d := range harmless() {
			if d.function != p.Name {
				continue
			}
			if a := d.ask(p.Address, token); !right(d, a) {
				t.Errorf("%s, %s: %s of %s answers %s", what, d.pattern, d.function, p.Instance, a)
			}
		}
	}
}

// ends waits until each of the doors refuses the token in every process, and
// reports how long after began they do.
func (h house) ends(t *testing.T, token string, began time.Time, doors []door) {
	t.Helper()
	parts := slices.DeleteFunc(h.processes(t), func(p local.Part) bool {
		return !slices.ContainsFunc(doors, func(d door) bool { return d.function == p.Name })
	})
	took := make([]time.Duration, len(parts))
	var all sync.WaitGroup
	for i, p := range parts {
		all.Go(func() {
			for _, d := range doors {
				var last answer
				if d.function != p.Name {
					continue
				}
				if !within(time.Until(began.Add(margin)), func() bool { last = d.ask(p.Address, token); return last.revoked() }) {
					t.Errorf("%s of %s, after %s: %s", d.pattern, p.Instance, margin, last)
				}
			}
			took[i] = time.Since(began)
		})
	}
	all.Wait()
	var line strings.Builder
	for i, p := range parts {
		fmt.Fprintf(&line, " %s %.2f s", p.Instance, took[i].Seconds())
	}
	t.Logf("refused after%s; the last after %.2f s, promised %s", &line, slices.Max(took).Seconds(), promised)
	h.everywhere(t, token, "once refused", func(_ door, a answer) bool { return a.revoked() })
}

// within polls until true, or until the time is over.
func within(atMost time.Duration, f func() bool) bool {
	deadline := time.NewTimer(atMost)
	defer deadline.Stop()
	for !f() {
		next := time.NewTimer(25 * time.Millisecond)
		select {
		case <-next.C:
		case <-deadline.C:
			next.Stop()
			return false
		}
	}
	return true
}
