package connector

import "time"

const (
	// maxHeld bounds what waits for the answer to one question.
	maxHeld = 64
	// heldFor is how long it waits: then receivers are hinted at it instead.
	heldFor = time.Second
	// askEvery is between two questions about a room, when the first came to nothing.
	askEvery = time.Second
)

// passage says what is to become of a delivery.
type passage uint8

const (
	passes  passage = iota // it goes out
	waits                  // nobody here was looked up at its version: it is held
	hinted                 // the receivers hear that there is something, and not what
	dropped                // it is worth nothing later
)

// fence keeps what happens in a conversation from who may not see it any more.
// Who is seated in the room was looked up at a version of the conversation's
// members, checked; what carries a higher one waits until the members were
// looked up again. It is one room's, and has no clock of its own.
type fence struct {
	checked int64       // whoever is seated was a member at this version, from its own since on
	need    int64       // the highest version that was met
	held    []*delivery // in the order in which they came
	unsure  bool        // the answer is late: hints only
	asking  bool        // a question is under way
	asked   int64       // what was needed when it was put
	doubt   bool        // a place here may be wrong: to be looked up although nothing needs it
	next    time.Time   // not before, when the last one came to nothing
	began   time.Time   // when more was needed than was known
}

// meet says what becomes of a delivery.
func (f *fence) meet(d *delivery, now time.Time) passage {
	f.want(d.version, now)
	switch {
	case d.version <= f.checked:
		return passes
	case d.ephemeral():
		return dropped
	case f.unsure || len(f.held) >= maxHeld:
		return hinted
	}
	f.held = append(f.held, d)
	return waits
}

// want notes that there is a version.
func (f *fence) want(version int64, now time.Time) {
	if version > f.need {
		f.need = version
	}
	if f.behind() && f.began.IsZero() {
		f.began = now
	}
}

// behind reports whether more is needed than is known.
func (f *fence) behind() bool { return f.need > f.checked }

// ask reports whether the members are to be looked up now, and notes that they are.
func (f *fence) ask(now time.Time) bool {
	if f.asking || f.settled() || now.Before(f.next) {
		return false
	}
	f.asking, f.asked, f.doubt = true, f.need, false
	return true
}

// settled reports whether there is nothing to be looked up.
func (f *fence) settled() bool { return !f.behind() && !f.doubt }

// failed notes that a question came to nothing.
func (f *fence) failed(now time.Time) { f.asking, f.next = false, now.Add(askEvery) }

// answered notes that who sits in the room is right as of version, and gives what
// goes out for it, in order.
func (f *fence) answered(version int64, now time.Time) []*delivery {
	f.asking = false
	f.checked = max(f.checked, version)
	switch {
	case !f.behind():
		f.began, f.unsure = time.Time{}, false
	case f.need > f.asked: // it was met meanwhile
		f.began, f.unsure = now, false
	default: // it should have been known: the store itself is behind
		f.next = now.Add(askEvery)
	}
	var out, rest []*delivery
	for _, d := range f.held {
		if d.version <= f.checked {
			out = append(out, d)
		} else {
			rest = append(rest, d)
		}
	}
	f.held = rest
	return out
}

// late gives what has waited for too long: its receivers are to be hinted at it.
func (f *fence) late(now time.Time) []*delivery {
	if !f.behind() || now.Sub(f.began) < heldFor {
		return nil
	}
	held := f.held
	f.held, f.unsure = nil, true
	return held
}
