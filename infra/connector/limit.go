package connector

import "time"

// rate is how often something may be done: burst times at once, and then once
// every interval.
type rate struct {
	interval time.Duration
	burst    int
}

// rates are those of one socket.
type rates struct {
	sends, typing, watches, mistakes rate
}

// standardRates are what hello promises, and what nobody needs more of.
func standardRates() rates {
	return rates{
		sends:    rate{interval: time.Second / sendsPerSecond, burst: sendBurst},
		typing:   rate{interval: time.Second / 5, burst: 5},
		watches:  rate{interval: time.Second, burst: 5},
		mistakes: rate{interval: time.Minute / 10, burst: 9}, // the tenth ends the socket
	}
}

const (
	sendsPerSecond = 20
	sendBurst      = 50
)

// allowance is how much of a rate is used: the time until which it is used up,
// on the node's own clock, so that it costs a socket eight bytes.
type allowance time.Duration

// take uses the rate once, if it may be used now. Otherwise it says how long
// nothing can be had, and nothing is used. now is since the node began.
func (a *allowance) take(now time.Duration, r rate) (ok bool, after time.Duration) {
	used := max(time.Duration(*a), now)
	if over := used + r.interval - now - time.Duration(r.burst)*r.interval; over > 0 {
		return false, over
	}
	*a = allowance(used + r.interval)
	return true, 0
}

// quota is what one socket has used.
type quota struct {
	sends, typing, watches, mistakes allowance
}
