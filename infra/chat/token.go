package chat

import (
	"errors"
	"time"
)

// ErrSignedOut is what Options.Token returns when no token will ever come again
// without a person.
var ErrSignedOut = errors.New("signed out")

const (
	// usedPart of a token's life is used before the next is asked for.
	usedPart = 0.8
	// leastLife is what a token is good for whatever its expiry says: the clocks of
	// two machines differ.
	leastLife = 10 * time.Second
	// timeless is the life of a token that does not say.
	timeless = time.Hour
)

// token is the access token, and when the next one is due.
type token struct {
	value    string
	renewAt  time.Time
	stale    bool // the server has refused it: only a fresh one will do
	wanted   bool // somebody waits for one
	asking   bool
	failures int
	retryAt  time.Time
}

// good reports whether the token can be used to begin something.
func (k *token) good(now time.Time) bool {
	return k.value != "" && !k.stale && now.Before(k.renewAt)
}

// ask reports whether to ask for a token now, and whether it has to be fresh.
func (k *token) ask(now time.Time) (ask, fresh bool) {
	if k.asking || now.Before(k.retryAt) {
		return false, false
	}
	k.asking = true
	return true, k.value != ""
}

// got takes what came of it.
func (k *token) got(now time.Time, value string, expires time.Time, err error, t terms, random float64) {
	k.asking = false
	if err != nil || value == "" {
		k.retryAt = now.Add(halfJitter(k.failures, t.linkBase, t.longest, random))
		k.failures++
		return
	}
	life := timeless
	if !expires.IsZero() {
		life = max(expires.Sub(now), leastLife)
	}
	*k = token{value: value, renewAt: now.Add(time.Duration(usedPart * float64(life)))}
}

// refused notes that the server did not take value.
func (k *token) refused(value string) {
	if k.value == value {
		k.stale = true
	}
}
