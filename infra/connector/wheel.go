package connector

import "time"

// slotsPerTurn is how many slots a heartbeat has. One slot's clients are seen
// together; with 250 no burst of pings is more than a small part of them.
const slotsPerTurn = 250

// spoke is where a client is in the wheel; the zero spoke is nowhere.
type spoke struct {
	slot  int32
	index int32 // from 1, in its slot
	soon  int64 // the step at which it is seen beside its turn; 0: none
}

// wheel says whose turn it is: everybody's once in a turn, each in a slot of its
// own, and sooner for whom something is to happen sooner. It belongs to one
// goroutine and starts none; its clock is the node's, since it began.
//
// Whoever is seen has to say again when it is to be seen beside its turn: only
// the soonest of such times is kept.
type wheel[C any] struct {
	step  time.Duration
	slots [][]C
	soon  [][]C // by step, as many steps as slots
	spoke func(C) *spoke
	last  int64 // the last step that was given out
}

// newWheel makes a wheel whose turn takes that long.
func newWheel[C any](turn time.Duration, at func(C) *spoke) *wheel[C] {
	return &wheel[C]{step: max(turn/slotsPerTurn, 1), slots: make([][]C, slotsPerTurn), soon: make([][]C, slotsPerTurn), spoke: at}
}

// slotOf spreads serials, which are given one after the other, over the slots.
func slotOf(serial uint64) int32 {
	return int32(serial * 0x9E3779B97F4A7C15 >> 32 % slotsPerTurn)
}

// add puts a client in. Once more is no change.
func (w *wheel[C]) add(serial uint64, c C) {
	s := w.spoke(c)
	if s.index > 0 {
		return
	}
	s.slot = slotOf(serial)
	w.slots[s.slot] = append(w.slots[s.slot], c)
	s.index = int32(len(w.slots[s.slot]))
}

// remove takes a client out: it is not seen again. Once more is no change.
func (w *wheel[C]) remove(c C) {
	s := w.spoke(c)
	if s.index == 0 {
		return
	}
	slot := w.slots[s.slot]
	end := len(slot) - 1
	slot[s.index-1] = slot[end]
	w.spoke(slot[s.index-1]).index = s.index
	var none C
	slot[end] = none
	w.slots[s.slot] = slot[:end]
	s.index, s.soon = 0, 0
}

// hasten has a client seen at a time, if that is before its turn comes anyway or
// the soonest that was asked for. Never earlier than the next step.
func (w *wheel[C]) hasten(c C, at time.Duration) {
	s := w.spoke(c)
	step := max(int64((at+w.step-1)/w.step), w.last+1)
	if s.index == 0 || step-w.last >= slotsPerTurn || s.soon != 0 && s.soon <= step {
		return
	}
	s.soon = step
	i := step % slotsPerTurn
	w.soon[i] = append(w.soon[i], c)
}

// turn gives those whose time has come since the last call, nobody twice in one
// step, and everybody at most once for each slot when the caller was away for
// more than a turn. The list is good until the next call.
func (w *wheel[C]) turn(now time.Duration) []C {
	step := int64(now / w.step)
	first := max(w.last+1, step-slotsPerTurn+1)
	var seen []C
	for i := w.last + 1; i < first && i <= w.last+slotsPerTurn; i++ {
		seen = w.hastened(i, seen) // who was to be seen meanwhile
	}
	for i := first; i <= step; i++ {
		seen = w.hastened(i, seen)
		seen = append(seen, w.slots[i%slotsPerTurn]...)
	}
	w.last = max(w.last, step)
	return seen
}

// hastened takes out those who are to be seen at a step beside their turn.
func (w *wheel[C]) hastened(step int64, seen []C) []C {
	i := step % slotsPerTurn
	for _, c := range w.soon[i] {
		s := w.spoke(c)
		if s.soon != step {
			continue // gone, or seen sooner
		}
		s.soon = 0
		if int64(s.slot) != i {
			seen = append(seen, c) // else its turn is now
		}
	}
	clear(w.soon[i])
	w.soon[i] = w.soon[i][:0]
	return seen
}
