package store_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"bazaar/shared/idem"
	"bazaar/shared/rdb"
	"bazaar/tests/support"
)

// recordKey is where Redis has the record of a claim.
func recordKey(t *testing.T, c idem.Claim) string {
	t.Helper()
	id := c.Key.ID()
	digit, err := strconv.ParseUint(id[:1], 16, 8)
	must(t, err)
	return fmt.Sprintf("idem:{b%02d}:%s", digit, id)
}

func recordOf(t *testing.T, client *rdb.Client, c idem.Claim) string {
	t.Helper()
	text, err := client.Get(t.Context(), recordKey(t, c)).Result()
	must(t, err)
	return text
}

func TestTheShortWayIsTakenWhereTheBucketIsWhole(t *testing.T) {
	t.Parallel()
	client := support.Redis(t)
	s := idem.NewRedis(client, &idemQueue{}, nil)
	first, next := claim("first", "f"), claim("next", "f")
	begin(t, s, first, idem.Began)
	if text := recordOf(t, client, first); !strings.HasPrefix(text, "p 60000 0 ") {
		t.Errorf("the first key of a bucket is kept as %q", text)
	}
	believe(t, s)
	begin(t, s, next, idem.Began)
	if text := recordOf(t, client, next); !strings.HasPrefix(text, "p 60000 m0 ") {
		t.Errorf("the next key is kept as %q", text)
	}
}

// A process believes that a bucket is whole, writes its record into the Redis
// that was just emptied, and dies. What it wrote is no record: Postgres answers.
func TestWhatIsWrittenInAWrongBeliefIsNoRecord(t *testing.T) {
	t.Parallel()
	l := newLosing(t)
	l.queue.passed.Store(7)
	leave := func(key string) {
		c := claim(key, "other")
		text := fmt.Sprintf("p %d m0 %s %s\n{}", c.Lease.Milliseconds(), c.Holder, c.Fingerprint)
		must(t, l.client.Set(t.Context(), recordKey(t, c), text, idem.Kept).Err())
	}
	for _, key := range []string{"known", "new", "never"} {
		leave(key)
	}
	begin(t, l, claim("known", "f"), idem.Finished)
	begin(t, l, claim("known", "other"), idem.Reused)
	if fresh := begin(t, l, claim("new", "f"), idem.Began); string(fresh.Progress) != `{"draft":1}` || !fresh.Doubtful {
		t.Errorf("began %+v", fresh)
	}
	begin(t, l, claim("new", "f"), idem.Running)
	begin(t, l, claim("new", "other"), idem.Reused)
	if _, found, err := l.Find(t.Context(), claim("never", "f").Key.ID()); found || err != nil {
		t.Errorf("find: %t, %v", found, err)
	}
}

// The answer to a claim got lost: who asks again holds the key already.
func TestWhoHoldsAKeyMayBeginItAgain(t *testing.T) {
	t.Parallel()
	s := idem.NewRedis(support.Redis(t), &idemQueue{}, nil)
	twice := func(key string) {
		c := claim(key, "f")
		begin(t, s, c, idem.Began)
		begin(t, s, c, idem.Began)
		c.Holder = "another"
		begin(t, s, c, idem.Running)
	}
	twice("scripted")
	believe(t, s)
	twice("short")
}

// For 72 h after a loss nothing is believed: Postgres is asked for every key.
func TestNothingIsBelievedSoonAfterALoss(t *testing.T) {
	t.Parallel()
	l := newLosing(t)
	l.queue.passed.Store(7)
	bucket := func(c idem.Claim) byte { return c.Key.ID()[0] }
	first := claim("first", "f")
	begin(t, l, first, idem.Began)
	for i := range 1000 {
		if next := claim("next-"+strconv.Itoa(i), "f"); bucket(next) == bucket(first) {
			l.postgres[next.Key.ID()] = idem.Record{Fingerprint: "f", Answer: idem.Answer{Status: 202, Body: []byte("{}")}}
			begin(t, l, next, idem.Finished)
			return
		}
	}
	t.Error("no two keys share a bucket")
}
