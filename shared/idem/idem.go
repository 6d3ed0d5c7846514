// Package idem makes a request happen once under its idempotency key: the first
// answer is kept and replayed, a caller that comes while the first one works
// waits for it, and one that crashed is taken over from where it had decided.
//
// It owns the table idem.answer and the Redis keys idem:{bNN}:…. A record is
// kept for 72 h; the id that a key gives is the same for ever, so an effect
// that is keyed by it stays unique after that.
//
// It does not make effects undoable, nor does it know what an effect is: what
// runs under a key must be safe to run again with the same progress.
package idem

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Kept is how long an answer is replayed.
const Kept = 72 * time.Hour

// ScopeOrder is the scope of placing an order: its keys give the order ids.
const ScopeOrder = "order"

// Key is one idempotency key of one owner, used for one kind of request.
type Key struct {
	Scope string // what is asked for, e.g. ScopeOrder
	Owner string // the user id
	Key   string // as the client sent it
}

// ID is a UUIDv5 of the three, the same for ever.
func (k Key) ID() string {
	var name []byte
	for _, part := range []string{"bazaar", k.Scope, k.Owner, k.Key} {
		name = binary.AppendUvarint(name, uint64(len(part))) // no two keys share a spelling
		name = append(name, part...)
	}
	return uuid.NewSHA1(uuid.Nil, name).String()
}

// Fingerprint tells one request body from another: the SHA-256, in hex, of v's
// JSON. v must be of a type that always encodes, such as a decoded body.
func Fingerprint(v any) (string, error) {
	canonical, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("taking the fingerprint of a request: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// Answer is what the first caller got.
type Answer struct {
	Status int
	Body   []byte // JSON
}

// JSON is an answer of v.
func JSON(status int, v any) (Answer, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return Answer{}, fmt.Errorf("encoding an answer: %w", err)
	}
	return Answer{Status: status, Body: body}, nil
}

// Record is what a store knows of a key.
type Record struct {
	ID          string
	Fingerprint string
	Holder      string // who works on it, random for each attempt
	Progress    []byte // what a retry takes up instead of deciding again
	Answer      Answer // set when it is done
	// Doubtful marks a record begun so soon after Redis was emptied that an
	// attempt from before may still come to its end.
	Doubtful bool
}

// Outcome is what Begin found.
type Outcome int

// The outcomes of Begin.
const (
	Absent    Outcome = iota // a Claim that only joins found nothing
	Began                    // a new record: the caller holds it
	TakenOver                // its holder's lease ran out, or was given back: the caller holds it
	Running                  // somebody else holds it
	Finished                 // there is an answer
	Reused                   // the record is of another request body
)

// Claim asks for a key.
type Claim struct {
	Key         Key
	Fingerprint string
	Holder      string
	Lease       time.Duration
	Progress    []byte // of a new record
	Join        bool   // only an existing record: never make one
}

// Store keeps records. Every method is atomic. Finish, Yield and Free do
// nothing to a record that somebody else has taken over.
type Store interface {
	// Begin makes the record of a key, or tells what it found. Errors are
	// faults; unavailable when the store cannot tell a new key from a known one.
	Begin(context.Context, Claim) (Record, Outcome, error)
	// Finish keeps the answer.
	Finish(context.Context, Record, Answer) error
	// Yield gives the lease back and keeps the record with its progress.
	Yield(context.Context, Record) error
	// Free forgets the record.
	Free(context.Context, Record) error
}
