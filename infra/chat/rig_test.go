package chat

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// rig is a core whose time and luck the test gives.
type rig struct {
	*core
	t     *testing.T
	now   time.Time
	luck  float64
	lines []string // written since last looked at
	asked []*question
}

// newRig is alice's core, connected and ready, with these heads.
func newRig(t *testing.T, heads string) *rig {
	t.Helper()
	r := &rig{t: t, now: start()}
	r.core = newCore(Options{User: "alice", Device: "laptop", Sockets: []string{"one", "two"}, Record: true}, standard(), func() float64 { return r.luck })
	r.ready(heads)
	return r
}

// ready connects.
func (r *rig) ready(heads string) {
	r.t.Helper()
	if t := r.step(); t.token {
		r.tokenGot(r.now, "tok", r.now.Add(time.Hour), nil)
		r.step()
	}
	if !r.opened(r.now, r.link.serial) {
		r.t.Fatalf("it did not want to connect: %s", r.link.state)
	}
	r.says(`{"t":"hello","session":"s","heartbeat_ms":25000,"limits":{"body":16384}}`)
	r.wantLines(`{"t":"auth","token":"` + r.token.value + `","device":"laptop"}`)
	r.says(`{"t":"ready","user":"alice","expires_at":"2026-11-22T11:00:00.000Z","heads":` + heads + `}`)
}

// says brings lines from the server.
func (r *rig) says(lines ...string) {
	r.hear(r.now, r.link.serial, []byte(strings.Join(lines, "\n")))
}

// step does what the core wants now; saving succeeds.
func (r *rig) step() todo {
	var last todo
	for {
		t := r.plan(r.now)
		if t.save != nil {
			r.saved(r.now, t.saving, nil)
		}
		for _, line := range t.lines {
			r.lines = append(r.lines, string(line))
		}
		if t.ask != nil {
			r.asked = append(r.asked, t.ask)
		}
		last.token, last.fresh, last.dial = last.token || t.token, last.fresh || t.fresh, last.dial || t.dial
		last.stop, last.cut, last.at = t.stop, last.cut || t.cut, t.at
		if len(t.saving) == 0 {
			return last
		}
	}
}

// pass lets time pass.
func (r *rig) pass(d time.Duration) todo {
	r.now = r.now.Add(d)
	return r.step()
}

func (r *rig) wantLines(want ...string) {
	r.t.Helper()
	r.step()
	if !slices.Equal(r.lines, want) {
		r.t.Errorf("it said  %s\nwant it %s", strings.Join(r.lines, " "), strings.Join(want, " "))
	}
	r.lines = nil
}

// wantAsked wants that many questions since the last look, and gives the newest.
func (r *rig) wantAsked(n int) *question {
	r.t.Helper()
	r.step()
	if len(r.asked) != n {
		r.t.Fatalf("it asked %d times, want %d", len(r.asked), n)
	}
	asked := r.asked
	r.asked = nil
	if n == 0 {
		return nil
	}
	return asked[n-1]
}

func messageLine(id string, seq int64) string {
	m := said(seq)
	m.Conversation = id
	return encode("message", m)
}
