package connector

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// rider is a client in a wheel.
type rider struct {
	spoke
	serial uint64
}

func newRiders(n int) (*wheel[*rider], []*rider) {
	w := newWheel(25*time.Second, func(r *rider) *spoke { return &r.spoke })
	all := make([]*rider, n)
	for i := range all {
		all[i] = &rider{serial: uint64(i) + 1}
		w.add(all[i].serial, all[i])
	}
	return w, all
}

func TestEverybodyIsSeenOnceInATurn(t *testing.T) {
	t.Parallel()
	w, all := newRiders(15_000)
	seen := map[*rider]int{}
	most := 0
	for now := 100 * time.Millisecond; now <= 25*time.Second; now += 100 * time.Millisecond {
		due := w.turn(now)
		most = max(most, len(due))
		for _, r := range due {
			seen[r]++
		}
	}
	for _, r := range all {
		if seen[r] != 1 {
			t.Fatalf("client %d was seen %d times", r.serial, seen[r])
		}
	}
	if mean := len(all) / slotsPerTurn; most > 2*mean {
		t.Errorf("%d at once, the mean is %d: a burst", most, mean)
	}
}

// Those of one shard have serials that are alike; they are spread all the same.
func TestEverySecondSerialIsSpreadToo(t *testing.T) {
	t.Parallel()
	for _, stride := range []uint64{2, 4, 8, 16, 250} {
		count := make([]int, slotsPerTurn)
		for i := range uint64(5000) {
			count[slotOf(1+i*stride)]++
		}
		if most := slices.Max(count); most > 3*5000/slotsPerTurn {
			t.Errorf("every %d-th serial: %d in one slot", stride, most)
		}
	}
}

func TestWhoIsHastenedIsSeenSooner(t *testing.T) {
	t.Parallel()
	w, all := newRiders(1)
	r := all[0]
	begin := time.Duration(r.slot+1) * w.step // its turn has just been
	w.turn(begin)
	w.hasten(r, begin+2*time.Second)
	w.hasten(r, begin+5*time.Second) // later than asked for already
	if due := w.turn(begin + 2*time.Second - 1); len(due) > 0 {
		t.Error("it was seen too early")
	}
	if due := w.turn(begin + 2*time.Second); !slices.Equal(due, all) {
		t.Errorf("%d were seen", len(due))
	}
	if due := w.turn(begin + 20*time.Second); len(due) > 0 {
		t.Error("it was seen for what had been asked for later")
	}
	w.hasten(r, 0) // long ago: now
	if due := w.turn(begin + 20*time.Second + w.step); len(due) != 1 {
		t.Errorf("%d were seen at once", len(due))
	}
	w.hasten(r, begin+time.Hour) // its turn comes before
	if r.soon != 0 {
		t.Error("it is to be seen in an hour")
	}
	w.hasten(r, begin+22*time.Second)
	w.remove(r)
	w.remove(r)
	if due := w.turn(begin + time.Minute); len(due) > 0 {
		t.Error("who was taken out was seen")
	}
	w.hasten(r, begin+time.Minute+time.Second)
	if due := w.turn(begin + 2*time.Minute); len(due) > 0 {
		t.Error("who is not in was hastened")
	}
}

func TestWhoIsLateSeesEverybodyOnce(t *testing.T) {
	t.Parallel()
	w, all := newRiders(500)
	w.turn(time.Second)
	if due := w.turn(time.Hour); len(due) != len(all) {
		t.Errorf("%d of %d were seen after an hour", len(due), len(all))
	}
	if due := w.turn(time.Minute); len(due) > 0 {
		t.Errorf("%d were seen when time went back", len(due))
	}
}

// TestAWheelForgetsNobody goes through any life of a wheel, beside a list of who
// is in it and when each is to be seen.
func TestAWheelForgetsNobody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, _ := newRiders(0)
		now := time.Duration(0)
		in := map[*rider]time.Duration{} // -> seen at the latest then
		var list []*rider
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			pick := func() *rider { return list[rapid.IntRange(0, len(list)-1).Draw(t, "which")] }
			switch what := rapid.IntRange(0, 4).Draw(t, "what"); {
			case what == 0 || len(list) == 0:
				r := &rider{serial: rapid.Uint64().Draw(t, "serial")}
				w.add(r.serial, r)
				w.add(r.serial, r)
				in[r], list = now+25*time.Second, append(list, r)
			case what == 1:
				r := pick()
				w.remove(r)
				delete(in, r)
				list = slices.DeleteFunc(list, func(o *rider) bool { return o == r })
			case what == 2:
				r, at := pick(), now+time.Duration(rapid.Int64Range(0, int64(40*time.Second)).Draw(t, "at"))
				w.hasten(r, at)
				in[r] = min(in[r], max(at, now)+2*w.step)
			default:
				now += time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "passed"))
				seen := map[*rider]bool{}
				for _, r := range w.turn(now) {
					if _, ok := in[r]; !ok {
						t.Fatalf("client %d was seen and is not in", r.serial)
					}
					seen[r] = true
					in[r] = now + 25*time.Second
				}
				for r, at := range in {
					if at < now-w.step && !seen[r] {
						t.Fatalf("client %d was to be seen %s ago", r.serial, now-at)
					}
				}
			}
		}
	})
}
