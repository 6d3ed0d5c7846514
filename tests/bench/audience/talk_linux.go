package audience

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	random "math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// talk is the task of a Talk.
type talk struct {
	order  Talk
	set    *set
	id     string
	prefix []byte // of its messages' client_msg_ids
	began  time.Time
	plan   []saying
	ends   time.Time // zero until all is sent
	failed error

	answer              Talked
	told, delay, behind *hdrhistogram.Histogram
}

// saying is one message that is to be sent.
type saying struct {
	due  time.Duration
	room int
	from int
}

// lead is how long the senders have to get ready.
const lead = 50 * time.Millisecond

func (l *loop) speak(o Talk) (*talk, error) {
	s := l.sets[o.Set]
	if s == nil {
		return nil, fmt.Errorf("there is no set %s", o.Set)
	}
	if s.inside < len(s.people) {
		return nil, fmt.Errorf("%d of %d people of %s are in", s.inside, len(s.people), o.Set)
	}
	var b [4]byte
	_, _ = rand.Read(b[:])
	t := &talk{order: o, set: s, id: hex.EncodeToString(b[:]), told: newHistogram(), delay: newHistogram()}
	t.prefix = append([]byte(t.id), '-')
	t.arrange()
	t.began = time.Now().Add(lead)
	go t.pace(context.Background(), l)
	return t, nil
}

// arrange says who is to say what when: at the moments of a Poisson process, or
// at equal distances.
func (t *talk) arrange() {
	r := random.New(random.NewPCG(t.order.Seed, 1))
	for at, n := 0.0, 0; ; n++ {
		due := time.Duration(at * float64(time.Second))
		if due >= time.Duration(t.order.Length) {
			break
		}
		room := r.IntN(len(t.order.Rooms))
		if t.order.Evenly {
			room = n % len(t.order.Rooms)
		}
		members := t.order.Rooms[room].Members
		t.plan = append(t.plan, saying{due, room, members[r.IntN(len(members))]})
		t.answer.Wanted += t.order.Rooms[room].Hearers
		if t.order.Evenly {
			at = float64(n+1) / t.order.Rate
		} else {
			at += r.ExpFloat64() / t.order.Rate
		}
	}
	t.answer.Planned = len(t.plan)
}

// pace sends each message when its moment has come, from a thread of its own:
// the kernel's timer is exact, and a loop that is busy with what comes does not
// keep back what goes.
func (t *talk) pace(ctx context.Context, l *loop) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	late := newHistogram()
	var failed error
	text := `","kind":"text","body":{"text":"` + strings.Repeat("x", t.order.Body) + `"}}`
	var line, frame []byte
	for n, s := range t.plan {
		at := t.began.Add(s.due)
		if wait := time.Until(at); wait > 0 {
			ts := unix.NsecToTimespec(int64(wait))
			_ = unix.Nanosleep(&ts, nil)
		}
		if ctx.Err() != nil {
			break
		}
		line = name(append(line[:0], `{"t":"send","client_msg_id":"`...), t.id, n)
		line = append(append(append(line, `","conversation":"`...), t.order.Rooms[s.room].ID...), text...)
		frame = appendFrame(frame[:0], opText, line)
		record(late, time.Since(at))
		if sent, err := unix.Write(int(t.set.people[s.from].fd.Load()), frame); err != nil || sent < len(frame) {
			failed = fmt.Errorf("sending %d bytes of %d: %w", sent, len(frame), err)
			break
		}
	}
	l.do(func() {
		t.behind, t.failed = late, failed
		t.ends = time.Now().Add(time.Duration(t.order.Linger))
	})
}

// which is the message of a line, -1 where it is not of this talk.
func (t *talk) which(line []byte) int {
	id, found := bytes.CutPrefix(field(line, "client_msg_id"), t.prefix)
	if !found {
		return -1
	}
	n, err := strconv.Atoi(string(id))
	if err != nil || n >= len(t.plan) {
		return -1
	}
	return n
}

func (t *talk) since(l *loop, n int) time.Duration { return l.now.Sub(t.began) - t.plan[n].due }

func (t *talk) delivered(l *loop, line []byte) {
	if n := t.which(line); n >= 0 {
		t.answer.Got++
		record(t.delay, t.since(l, n))
	}
}

func (t *talk) stored(l *loop, line []byte) {
	if n := t.which(line); n >= 0 {
		t.answer.Sent++
		record(t.told, t.since(l, n))
	}
}

func (t *talk) refused(line []byte) {
	if n := t.which(line); n >= 0 {
		t.answer.Refused++
		t.answer.Wanted -= t.order.Rooms[t.plan[n].room].Hearers
	}
}

func (t *talk) done(l *loop) (Answer, bool) {
	if t.failed != nil {
		return Answer{Error: t.failed.Error()}, true
	}
	a := t.answer
	all := a.Sent+a.Refused == a.Planned && a.Got >= a.Wanted
	if t.ends.IsZero() || !all && l.now.Before(t.ends) {
		return Answer{}, false
	}
	a.Answer, a.Delay, a.Late = t.told.Export(), t.delay.Export(), t.behind.Export()
	return Answer{Talked: &a, Ended: t.set.ended}, true
}
