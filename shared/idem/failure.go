package idem

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bazaar/shared/bus"
	"bazaar/shared/fault"
	"bazaar/shared/pg"
)

// Keep marks an error after which it is unknown whether the effect happened:
// the lease is given back, the record stays with its progress, and the retry
// does the same again.
func Keep(err error) error { return marked{err, true, false} }

// Final marks a fault that is the answer to the key: it is stored and replayed
// like any other. Use it only after the effect began; what is refused before
// leaves the key free.
func Final(err error) error { return marked{err, false, true} }

type marked struct {
	error
	keep, final bool
}

func (m marked) Unwrap() error { return m.error }

// isFinal reports whether err is to be stored as the answer.
func isFinal(err error) bool {
	var m marked
	return errors.As(err, &m) && m.final
}

// leavesEffect reports whether something may have happened before err. A
// definite refusal says so by its kind; what is unexplained is taken for unknown.
func leavesEffect(err error) bool {
	var m marked
	if errors.As(err, &m) && m.keep {
		return true
	}
	if errors.Is(err, pg.ErrOutcomeUnknown) || errors.Is(err, bus.ErrUnknown) {
		return true
	}
	kind := fault.KindOf(err)
	return kind == fault.Internal || kind == fault.Timeout
}

// storedFault is a fault as an answer's body.
type storedFault struct {
	Kind   fault.Kind `json:"kind"`
	Code   string     `json:"code"`
	Detail string     `json:"detail"`
	Field  string     `json:"field,omitempty"`
	Status int        `json:"status,omitempty"`
}

func encodeFault(err error) (Answer, error) {
	f := fault.Of(err)
	body, failed := json.Marshal(storedFault{f.Kind, f.Code, f.Detail, f.Field, f.HTTPStatus})
	if failed != nil {
		return Answer{}, fmt.Errorf("encoding a fault: %w", failed)
	}
	return Answer{Status: f.Status(), Body: body}, nil
}

// open gives a stored answer back: as it was, or as the fault that it is. What
// is neither has been spoilt in the store, and is told to nobody as an answer.
func (a Answer) open() (Answer, error) {
	if a.Status >= 200 && a.Status < 400 {
		return a, nil
	}
	var s storedFault
	err := json.Unmarshal(a.Body, &s)
	if err == nil && (!s.Kind.Known() || s.Code == "" || s.Status != 0 && (s.Status < 400 || s.Status > 599)) {
		err = errors.New("it is none")
	}
	if err != nil {
		return Answer{}, fmt.Errorf("reading a stored fault: %w", err)
	}
	f := fault.New(s.Kind, s.Code, "%s", s.Detail).At(s.Field)
	f.HTTPStatus = s.Status
	return Answer{}, f
}

func errReused() error {
	return fault.New(fault.Mismatch, "idempotency_key_reused", "This Idempotency-Key was used for another request.")
}

func errInProgress() error {
	return fault.New(fault.Conflict, "idempotency_key_in_progress", "The first request with this Idempotency-Key is still running.").
		After(time.Second)
}

// ErrUnsure is in the chain of the fault (unavailable) that a store answers
// while it cannot tell a new key from a known one.
var ErrUnsure = errors.New("it is not known whether the key is new")

func errUnsure() error {
	return fault.New(fault.Unavailable, "unavailable", "The service is catching up; try again in a moment.").
		After(time.Second).Because(ErrUnsure)
}

// ErrTaken is in the chain of the fault that the holder of a record meets whose
// lease ran out and whose work somebody else has taken over.
var ErrTaken = errors.New("another attempt has taken the key over")

func errTaken() error {
	return fault.New(fault.Unavailable, "unavailable", "The request took too long; try again.").
		After(time.Second).Because(ErrTaken)
}
