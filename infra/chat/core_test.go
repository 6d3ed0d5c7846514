package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWhatIsNewIsLeftOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	bad := []string{
		`{"t":"tomorrow"}`, `{"t":"event","conversation":"c","seq":1,"kind":"new"}`, `not json`, `[]`, `{"t":7}`, `{}`, `{"t":"message"}`,
		`{"t":"message","conversation":"c","seq":-1}`, `{"t":"message","conversation":"c","seq":"1"}`, `{"t":"sent","seq":1}`, `{"t":"ping","heads":[]}`,
		`{"t":"event"}`, `{"t":"hint","last_seq":"x"}`, "\xff", `{"t":"bye","code":"x"}`,
	}
	r.says(bad...)
	if r.record.Ignored != len(bad) || len(r.talks) != 0 {
		t.Errorf("%d of %d lines were left out, %d conversations", r.record.Ignored, len(bad), len(r.talks))
	}
	r.says(``, messageLine("c", 1)[:10]) // cut off
	r.says(strings.Replace(messageLine("c", 1), `{"t"`, `{"new":{"a":[1]},"t"`, 1), "", `{"t":"pong","new":1}`)
	if r.talks["c"].cursor != 1 || r.record.Ignored != len(bad)+1 {
		t.Errorf("a field of tomorrow made a message unreadable; %d left out", r.record.Ignored)
	}
	r.hear(r.now, r.link.serial-1, []byte(messageLine("c", 2))) // of a connection that was
	if r.talks["c"].cursor != 1 {
		t.Error("a connection that is over was heard")
	}
}

func TestTheGreetingIsSaidOnce(t *testing.T) {
	t.Parallel()
	r := &rig{t: t, now: start()}
	r.core = newCore(Options{User: "alice", Device: "laptop", Sockets: []string{"one"}, Record: true}, standard(), func() float64 { return 0 })
	r.step()
	r.tokenGot(r.now, "tok", time.Time{}, nil)
	r.queue(Draft{ID: "m1", To: Target{Conversation: "c"}, Kind: "text"}, map[string]int{})
	r.step()
	r.opened(r.now, r.link.serial)
	r.wantLines()
	hello := `{"t":"hello","heartbeat_ms":1000}`
	r.says(hello, hello)
	r.says(hello)
	r.wantLines(`{"t":"auth","token":"tok","device":"laptop"}`)
	r.says(`{"t":"ready","user":"mallory","heads":{}}`)
	if t1 := r.step(); t1.stop == nil || !strings.Contains(t1.stop.Error(), "mallory") {
		t.Errorf("the token is of somebody else: %v", t1.stop)
	}
	r.wantLines()
}

func TestAComplaintAboutAMessageIsARefusal(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	a := r.queue(Draft{ID: "m1", To: Target{Conversation: "c"}, Kind: "text"}, map[string]int{})
	r.queue(Draft{ID: "m2", To: Target{Conversation: "d"}, Kind: "text"}, map[string]int{})
	r.step()
	r.says(`{"t":"error","code":"invalid_frame","ref":"m1"}`, `{"t":"error","code":"rate_limited","ref":"m2"}`, `{"t":"error","code":"unknown_type","ref":"typing"}`)
	if _, err := a.Wait(patience(t)); !isRefused(err, "invalid_frame") {
		t.Errorf("what the server cannot read: %v", err)
	}
	r.lines = nil
	r.pass(time.Second)
	r.wantLines(`{"t":"send","client_msg_id":"m2","conversation":"d","kind":"text","body":{}}`)
	for _, body := range []any{map[string]string{"text": strings.Repeat("x", 16<<10)}, "text", []int{1}, nil, make(chan int)} {
		p := r.queue(Draft{ID: "m3", To: Target{Conversation: "e"}, Kind: "text"}, body)
		select {
		case <-p.Done():
		default:
			t.Errorf("a body of %T, which no server takes, is to be sent", body)
		}
	}
	r.wantLines()
}

func TestReadCursorsAreSaidUntilTheyAreHeard(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	r.says(messageLine("c", 1), messageLine("c", 2))
	r.read(r.now, "c", 2)
	r.read(r.now, "c", 1)       // never back
	r.read(r.now, "nowhere", 7) // unknown
	r.wantLines(`{"t":"read","conversation":"c","seq":2}`)
	r.lose(r.now)
	r.read(r.now, "c", 3)
	r.pass(time.Minute)
	r.ready(`{"c":2}`)
	r.wantLines(`{"t":"read","conversation":"c","seq":3}`)
	r.events = nil
	r.says(`{"t":"event","conversation":"c","seq":3,"kind":"read","user":"alice"}`, `{"t":"event","conversation":"c","seq":2,"kind":"read","user":"alice"}`,
		`{"t":"event","conversation":"c","seq":2,"kind":"read","user":"bob"}`, `{"t":"event","conversation":"c","seq":1,"kind":"read","user":"bob"}`)
	var heard []string
	for _, e := range r.events {
		heard = append(heard, fmt.Sprint(e.Kind, " ", e.User, " ", e.Seq))
	}
	if want := []string{"read alice 3", "read bob 2"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q: cursors only move forward", heard, want)
	}
	r.lose(r.now)
	r.pass(time.Minute)
	r.ready(`{"c":2}`)
	r.wantLines()
}

func TestARefusedTokenIsReplaced(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	r.ended(r.now, r.link.serial, codeTokenExpired, "expired")
	if x := r.step(); !x.token || !x.fresh || x.dial {
		t.Errorf("after 4202: asks for a token %t, a fresh one %t, connects %t", x.token, x.fresh, x.dial)
	}
	r.tokenGot(r.now, "", time.Time{}, errors.New("the network"))
	if x := r.pass(time.Second); !x.token || !x.fresh {
		t.Error("a token that could not be had is not asked for again")
	}
	r.tokenGot(r.now, "new", r.now.Add(20*time.Second), nil)
	r.ready(`{}`)
	r.step()
	if x := r.pass(15 * time.Second); x.token {
		t.Error("renewed too early")
	}
	if x := r.pass(time.Second); !x.token || !x.fresh || r.link.state != Ready {
		t.Errorf("at 80%% of its life: asks %t, fresh %t, %s", x.token, x.fresh, r.link.state)
	}
}

// An answer that got lost is made good by the message itself, pushed or synced.
func TestAMessageThatComesBackIsConfirmed(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{"c":2}`)
	q := r.wantAsked(1)
	var all []*Pending
	for _, id := range []string{"m1", "m2", "m3"} {
		all = append(all, r.queue(Draft{ID: id, To: Target{Conversation: "c"}, Kind: "text"}, map[string]int{}))
	}
	r.step()
	own := func(id string, seq int64, from string) Message {
		m := said(seq)
		m.ClientMsgID, m.From = id, from
		return m
	}
	r.synced(r.now, q, answer{Conversations: []page{{Conversation: "c", LastSeq: 2, Messages: []Message{own("m2", 1, "bob"), own("m1", 2, "alice")}}}})
	r.says(encode("message", own("m2", 3, "alice")))
	for i, p := range all[:2] {
		if s, err := p.Wait(patience(t)); err != nil || s.Seq != int64(i)+2 {
			t.Errorf("%s: %+v, %v", p.ID, s, err)
		}
	}
	if len(r.box.letters) != 1 || len(r.record.Sent) != 2 {
		t.Errorf("%d are left, %d are confirmed", len(r.box.letters), len(r.record.Sent))
	}
}

// What was to be said on a connection that is over is not said before auth on
// the next: that would be its end.
func TestWhatWasNotSaidIsForgotten(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	r.says(`{"t":"ping"}`, messageLine("c", 1))
	r.read(r.now, "c", 1)
	r.tokenGot(r.now, "newer", r.now.Add(time.Hour), nil)
	r.lose(r.now)
	r.pass(time.Minute)
	r.ready(`{"c":1}`)
	r.wantLines(`{"t":"read","conversation":"c","seq":1}`)
}

func TestATokenIsRenewedOnTheOpenConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	r.token.renewAt = r.now.Add(time.Second)
	if x := r.pass(time.Second); !x.token || !x.fresh {
		t.Error("it is not asked for")
	}
	r.tokenGot(r.now, "newer", r.now.Add(time.Hour), nil)
	r.wantLines(`{"t":"token","token":"newer"}`)
	r.says(`{"t":"error","code":"invalid_token","ref":"token"}`)
	if x := r.step(); x.token {
		t.Error("another one is asked for at once")
	}
	if x := r.pass(time.Second); !x.token || !x.fresh {
		t.Error("no other one is asked for")
	}
	r.tokenGot(r.now, "", time.Time{}, fmt.Errorf("refreshing: %w", ErrSignedOut))
	if x := r.step(); x.stop == nil || !errors.Is(x.stop, ErrSignedOut) {
		t.Errorf("signed out: %v", x.stop)
	}
}

func TestWhatCannotBeKeptIsNotSent(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	r.wantLines()
	r.queue(Draft{ID: "m1", To: Target{Conversation: "c"}, Kind: "text"}, map[string]int{})
	x := r.plan(r.now)
	if x.save == nil || len(x.save.Outbox) != 1 || !slices.Equal(x.saving, []string{"m1"}) {
		t.Fatalf("to be saved: %+v", x.save)
	}
	r.saved(r.now, x.saving, errors.New("the disk is full"))
	x = r.plan(r.now.Add(999 * time.Millisecond))
	if x.save != nil || len(x.lines) > 0 {
		t.Errorf("saved again at once, or sent: %s", x.lines)
	}
	r.now = r.now.Add(time.Second)
	r.wantLines(`{"t":"send","client_msg_id":"m1","conversation":"c","kind":"text","body":{}}`)
}

func TestTheServersSilenceEndsTheConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	x := r.pass(34 * time.Second)
	if x.cut || x.at.Sub(r.now) != time.Second {
		t.Errorf("cut after 34 s: %t; looks again in %s", x.cut, x.at.Sub(r.now))
	}
	r.says(`{"t":"ping"}`)
	if x := r.pass(34 * time.Second); x.cut {
		t.Error("cut although the server has spoken")
	}
	if x := r.pass(time.Second); !x.cut || r.link.state != Connecting || r.link.address != 1 {
		t.Errorf("cut %t, %s, address %d", x.cut, r.link.state, r.link.address)
	}
}

// A conversation that was opened by a message has its order in one lane, by
// whatever name it is written to.
func TestTheDirectConversationIsOneLane(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	for i, to := range []Target{{User: "bob"}, {User: "bob"}, {Conversation: "d_x"}} {
		r.queue(Draft{ID: fmt.Sprint("m", i), To: to, Kind: "text"}, map[string]int{})
	}
	r.step()
	r.lines = nil
	r.says(`{"t":"sent","client_msg_id":"m2","conversation":"d_x","seq":1,"message_id":"i","sent_at":"2026-11-22T10:00:00.000Z"}`,
		`{"t":"sent","client_msg_id":"m0","conversation":"d_x","seq":2,"message_id":"i","sent_at":"2026-11-22T10:00:00.000Z"}`)
	r.queue(Draft{ID: "m3", To: Target{Conversation: "d_x"}, Kind: "text"}, map[string]int{})
	r.wantLines(`{"t":"send","client_msg_id":"m1","to":"bob","kind":"text","body":{}}`)
	if k := r.talks["d_x"]; k.cursor != 2 || len(r.record.Sent) != 2 {
		t.Errorf("cursor %d: what was sent is shown like what was heard", k.cursor)
	}
}
