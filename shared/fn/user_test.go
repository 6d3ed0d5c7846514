package fn

import (
	"context"
	"strings"
	"testing"
	"time"

	"bazaar/shared/fault"
)

func TestTheUserDoor(t *testing.T) {
	t.Parallel()
	fresh, stale, old := people{}, people{age: 6 * time.Second}, people{age: 61 * time.Second}
	for name, c := range map[string]struct {
		people  people
		opts    []Option
		headers []string
		status  int
		kind    fault.Kind
		code    string
	}{
		"a user":                  {fresh, nil, []string{"Authorization: Bearer alice"}, 204, "", ""},
		"a small bearer":          {fresh, nil, []string{"Authorization: bearer alice"}, 204, "", ""},
		"no token":                {fresh, nil, nil, 401, fault.Unauthenticated, "token_missing"},
		"another scheme":          {fresh, nil, []string{"Authorization: Basic YTpi"}, 401, fault.Unauthenticated, "token_missing"},
		"an empty token":          {fresh, nil, []string{"Authorization: Bearer "}, 401, fault.Unauthenticated, "token_missing"},
		"two tokens":              {fresh, nil, []string{"Authorization: Bearer alice", "Authorization: Bearer bob"}, 401, fault.Unauthenticated, "token_missing"},
		"a token that has ended":  {fresh, nil, []string{"Authorization: Bearer expired"}, 401, fault.Unauthenticated, "token_expired"},
		"a session that ended":    {people{revoked: "alice"}, nil, []string{"Authorization: Bearer alice"}, 401, fault.Unauthenticated, "session_revoked"},
		"ended, the list old":     {people{revoked: "alice", age: time.Hour}, nil, []string{"Authorization: Bearer alice"}, 401, fault.Unauthenticated, "session_revoked"},
		"without the role":        {fresh, []Option{Roles("admin")}, []string{"Authorization: Bearer alice+warehouse"}, 403, fault.Denied, "denied"},
		"with a role":             {fresh, []Option{Roles("admin", "warehouse")}, []string{"Authorization: Bearer alice+warehouse"}, 204, "", ""},
		"a stale list":            {stale, nil, []string{"Authorization: Bearer alice"}, 204, "", ""},
		"a stale list and money":  {stale, []Option{Money()}, []string{"Authorization: Bearer alice"}, 503, fault.Unavailable, "unavailable"},
		"a stale list and admin":  {stale, []Option{Roles("admin")}, []string{"Authorization: Bearer root+admin"}, 503, fault.Unavailable, "unavailable"},
		"a fresh list and money":  {fresh, []Option{Money()}, []string{"Authorization: Bearer alice"}, 204, "", ""},
		"an old list":             {old, nil, []string{"Authorization: Bearer alice"}, 503, fault.Unavailable, "unavailable"},
		"headers of a proxy only": {fresh, nil, []string{"X-User-Id: alice", "X-User-Roles: admin", "X-Forwarded-User: alice"}, 401, fault.Unauthenticated, "token_missing"},
	} {
		b := newBench(t, nil, User(c.people.door(), "POST /{$}", Step(nothing), c.opts...))
		a := b.ask(t, "POST", "/", "", c.headers...)
		a.want(t, c.status, c.kind, c.code)
		if challenge := a.Header.Get("WWW-Authenticate"); (c.status == 401) != strings.HasPrefix(challenge, "Bearer") {
			t.Errorf("%s: WWW-Authenticate %q", name, challenge)
		}
		if c.status == 503 && a.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", name)
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// A route may go on for longer by an old list, and still refuses whom it knows
// to be signed out. One that was never read is too old for everybody.
func TestARouteSaysHowOldTheListMayBe(t *testing.T) {
	t.Parallel()
	const unread = time.Duration(1<<63 - 1)
	for name, c := range map[string]struct {
		people people
		age    time.Duration
		status int
		code   string
	}{
		"older than a minute":    {people{age: 2 * time.Minute}, 10 * time.Minute, 204, ""},
		"almost too old":         {people{age: 10*time.Minute - time.Second}, 10 * time.Minute, 204, ""},
		"too old":                {people{age: 10*time.Minute + time.Second}, 10 * time.Minute, 503, "unavailable"},
		"ended, the list old":    {people{age: 2 * time.Minute, revoked: "alice"}, 10 * time.Minute, 401, "session_revoked"},
		"never read":             {people{age: unread}, maxListAge, 503, "unavailable"},
		"stricter than the door": {people{age: 2 * time.Second}, time.Second, 503, "unavailable"},
	} {
		b := newBench(t, nil, User(c.people.door(), "POST /{$}", Step(nothing), ListAge(c.age)))
		a := b.ask(t, "POST", "/", "", "Authorization: Bearer alice")
		if got, _ := a.json["code"].(string); a.StatusCode != c.status || got != c.code {
			t.Errorf("%s: got %d %s, want %d %s", name, a.StatusCode, got, c.status, c.code)
		}
	}
}

// What a Raw route is told of a token is what the door would say.
func TestTheOwnerOfAToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		people people
		token  string
		kind   fault.Kind
		code   string
		after  time.Duration
	}{
		"good":                   {people{}, "alice", "", "", 0},
		"a list of a minute":     {people{age: time.Minute}, "alice", "", "", 0},
		"a token that has ended": {people{}, "expired", fault.Unauthenticated, "token_expired", 0},
		"a session that ended":   {people{revoked: "alice"}, "alice", fault.Unauthenticated, "session_revoked", 0},
		"another that ended":     {people{revoked: "bob"}, "alice", "", "", 0},
		"an old list":            {people{age: 61 * time.Second}, "alice", fault.Unavailable, "unavailable", time.Second},
		"ended, the list old":    {people{age: time.Hour, revoked: "alice"}, "alice", fault.Unauthenticated, "session_revoked", 0},
	} {
		who, err := c.people.door().Owner(c.token)
		if c.code == "" {
			if err != nil || who.Subject != "alice" {
				t.Errorf("%s: %+v, %v", name, who, err)
			}
			continue
		}
		if f := fault.Of(err); f == nil || f.Kind != c.kind || f.Code != c.code || f.RetryAfter != c.after {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestTheBodyIsReadLast(t *testing.T) {
	t.Parallel()
	small := func(s *Settings) { s.MaxBody = 4 }
	b := newBench(t, small, User(people{}.door(), "POST /{id}", Step(greet), Roles("admin"), NeedsKey()))
	const wrong = "way too large"
	b.ask(t, "POST", "/i1", wrong).want(t, 401, fault.Unauthenticated, "token_missing")
	b.ask(t, "POST", "/i1", wrong, "Authorization: Bearer alice").want(t, 403, fault.Denied, "denied")
	b.ask(t, "POST", "/i%1", wrong, "Authorization: Bearer root+admin").want(t, 404, fault.NotFound, "not_found")
	b.ask(t, "POST", "/i1", wrong, "Authorization: Bearer root+admin").want(t, 400, fault.Invalid, "idempotency_key_missing")
	b.ask(t, "POST", "/i1", wrong, "Authorization: Bearer root+admin", "Idempotency-Key: k").want(t, 413, fault.TooLarge, "too_large")
}

func TestAStepKnowsItsCaller(t *testing.T) {
	t.Parallel()
	var got Call
	var path string
	b := newBench(t, nil, User(people{}.door(), "POST /{order}/pay/{part}", Step(func(ctx context.Context, c Call, _ None) (Reply, error) {
		got, path = c, Path(ctx)
		return Reply{}, nil
	}), NeedsKey()))
	b.ask(t, "POST", "/o-1/pay/p_2?after=x&after=y&limit=5", "", "Authorization: Bearer alice+admin", "X-User-Id: mallory",
		`Idempotency-Key: "k-1"`, "Prefer: wait=2").want(t, 204, "", "")
	if got.Caller.Subject != "alice" || !got.Caller.Has("admin") || got.Params["order"] != "o-1" || got.Params["part"] != "p_2" ||
		got.Query.Get("after") != "x" || got.Key != "k-1" || got.Wait != 2*time.Second || path != "/o-1/pay/p_2" {
		t.Errorf("call %+v, path %s", got, path)
	}
	if line := b.log.lines(t, "call")[0]; line["user"] != "alice" {
		t.Errorf("line %v", line)
	}
	if Path(context.Background()) != "" || CallID(context.Background()) != "" {
		t.Error("there is a call outside one")
	}
}

func TestWaitLeavesTimeToAnswer(t *testing.T) {
	t.Parallel()
	var got time.Duration
	b := newBench(t, nil, Public("POST /{$}", Step(func(_ context.Context, c Call, _ None) (Reply, error) {
		got = c.Wait
		return Reply{}, nil
	})))
	b.ask(t, "POST", "/", "", "Prefer: wait=10").want(t, 204, "", "")
	if got > 9500*time.Millisecond || got < 9*time.Second {
		t.Errorf("wait %s of a deadline of 10 s", got)
	}
	b.ask(t, "POST", "/", "", "Prefer: wait=10", "X-Timeout: 400ms").want(t, 204, "", "")
	if got != 0 {
		t.Errorf("wait %s of a deadline of 400 ms", got)
	}
}
