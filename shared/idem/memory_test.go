package idem_test

import (
	"context"
	"sync"

	"bazaar/shared/idem"
)

// memory is a store in a map; its leases end only by Yield or expire.
type memory struct {
	mu      sync.Mutex
	records map[string]*entry
	broken  error // of Finish
}

type entry struct {
	record     idem.Record
	done, free bool
}

func newMemory() *memory { return &memory{records: map[string]*entry{}} }

func (m *memory) Begin(_ context.Context, c idem.Claim) (idem.Record, idem.Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, found := m.records[c.Key.ID()]
	switch {
	case !found && c.Join:
		return idem.Record{}, idem.Absent, nil
	case !found:
		e = &entry{record: idem.Record{ID: c.Key.ID(), Fingerprint: c.Fingerprint, Holder: c.Holder, Progress: c.Progress}}
		m.records[c.Key.ID()] = e
		return e.record, idem.Began, nil
	case e.record.Fingerprint != c.Fingerprint:
		return e.record, idem.Reused, nil
	case e.done:
		return e.record, idem.Finished, nil
	case e.free:
		e.free, e.record.Holder = false, c.Holder
		return e.record, idem.TakenOver, nil
	}
	return e.record, idem.Running, nil
}

func (m *memory) change(r idem.Record, f func(*entry)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.records[r.ID]; e != nil && e.record.Holder == r.Holder {
		f(e)
	}
	return nil
}

func (m *memory) Finish(_ context.Context, r idem.Record, a idem.Answer) error {
	if m.broken != nil {
		return m.broken
	}
	return m.change(r, func(e *entry) { e.done, e.record.Answer = true, a })
}

func (m *memory) Yield(_ context.Context, r idem.Record) error {
	return m.change(r, func(e *entry) { e.free = true })
}

func (m *memory) Free(_ context.Context, r idem.Record) error {
	return m.change(r, func(*entry) { delete(m.records, r.ID) })
}

// expire ends the lease of every record, as after a crash.
func (m *memory) expire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.records {
		e.free = true
	}
}
