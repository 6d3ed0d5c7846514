package store_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/identity"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

const revokeFor = 11 * time.Minute

func identityStore(t testing.TB) (*identity.Store, *pg.Pool) {
	t.Helper()
	pool := support.Postgres(t)
	mustExec(t, pool, `insert into identity.account (user_id, username, password_hash, roles)
		values ('alice', 'alice', 'hash-of-alice', '{}'), ('bob', 'bob', 'hash-of-bob', '{admin}')`)
	return identity.NewStore(pool, identity.Settings{RefreshTTL: 720 * time.Hour, RefreshGrace: 30 * time.Second}, revokeFor), pool
}

func mustExec(t testing.TB, q pg.Querier, sql string, args ...any) {
	t.Helper()
	if _, err := q.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func signIn(t testing.TB, s *identity.Store, user string) identity.Grant {
	t.Helper()
	g, err := s.SignIn(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func refresh(t testing.TB, s *identity.Store, token string) identity.Grant {
	t.Helper()
	g, err := s.Refresh(t.Context(), token)
	if err != nil {
		t.Fatalf("refreshing: %v", err)
	}
	return g
}

func refuses(t testing.TB, s *identity.Store, token, why string) error {
	t.Helper()
	g, err := s.Refresh(t.Context(), token)
	if !fault.Is(err, "invalid_refresh_token") || g.RefreshToken != "" {
		t.Errorf("%s: got %+v, %v", why, g, err)
	}
	return err
}

// passGrace makes every token that was replaced so far 31 s older.
func passGrace(t testing.TB, pool *pg.Pool) {
	t.Helper()
	mustExec(t, pool, `update identity.refresh_token set replaced_at = replaced_at - interval '31 s' where replaced_at is not null`)
}

func count(t testing.TB, q pg.Querier, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := q.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func TestAccountIsFoundByName(t *testing.T) {
	t.Parallel()
	s, _ := identityStore(t)
	a, ok, err := s.Account(t.Context(), "bob")
	if err != nil || !ok || a.UserID != "bob" || a.PasswordHash != "hash-of-bob" || !slices.Equal(a.Roles, []string{"admin"}) {
		t.Errorf("bob is %+v, %t, %v", a, ok, err)
	}
	if a, ok, err := s.Account(t.Context(), "mallory' or '1'='1"); err != nil || ok || a.PasswordHash != "" {
		t.Errorf("nobody is %+v, %t, %v", a, ok, err)
	}
}

func TestRefreshTokenRotates(t *testing.T) {
	t.Parallel()
	s, pool := identityStore(t)
	first := signIn(t, s, "alice")
	if first.UserID != "alice" || len(first.Roles) != 0 || time.Since(first.At).Abs() > time.Minute {
		t.Errorf("sign-in gives %+v", first)
	}
	token, seen := first.RefreshToken, map[string]bool{first.RefreshToken: true}
	for range 5 {
		g := refresh(t, s, token)
		if g.SessionID != first.SessionID || g.UserID != "alice" || seen[g.RefreshToken] {
			t.Fatalf("refresh gives %+v", g)
		}
		token = g.RefreshToken
		seen[token] = true
	}
	if n := count(t, pool, `select count(*) from identity.refresh_token where replaced_at is null`); n != 1 {
		t.Errorf("%d tokens are current", n)
	}
	passGrace(t, pool)
	refresh(t, s, token) // the newest is not hurt by age of the others
	if n := count(t, pool, `select count(*) from identity.refresh_token where seed is not null`); n != 1 {
		t.Errorf("%d seeds are kept, want the one whose grace has not passed", n)
	}
}

func TestTokensAreStoredAsHashesOnly(t *testing.T) {
	t.Parallel()
	s, pool := identityStore(t)
	g := signIn(t, s, "alice")
	next := refresh(t, s, g.RefreshToken)
	for _, token := range []string{g.RefreshToken, next.RefreshToken} {
		n := count(t, pool, `select count(*) from identity.refresh_token
			where row_to_json(refresh_token)::text like '%' || encode(decode(rpad(translate($1, '-_', '+/'), 44, '='), 'base64'), 'hex') || '%'`, token)
		if n != 0 {
			t.Error("a token can be read in the table")
		}
	}
}

func TestReplacedTokenGivesTheNewestWithinTheGrace(t *testing.T) {
	t.Parallel()
	s, pool := identityStore(t)
	g := signIn(t, s, "alice")
	lost := refresh(t, s, g.RefreshToken)
	again := refresh(t, s, g.RefreshToken)
	if again.RefreshToken != lost.RefreshToken || again.SessionID != g.SessionID {
		t.Errorf("the answer that was lost is not given again: %+v, %+v", lost, again)
	}
	third := refresh(t, s, again.RefreshToken)
	// Two steps behind, all within the grace.
	if late := refresh(t, s, g.RefreshToken); late.RefreshToken != third.RefreshToken {
		t.Error("a token two steps behind does not lead to the newest")
	}
	passGrace(t, pool)
	refresh(t, s, third.RefreshToken)
}

func TestReuseAfterTheGraceEndsTheSession(t *testing.T) {
	t.Parallel()
	s, pool := identityStore(t)
	stolen, other := signIn(t, s, "alice"), signIn(t, s, "alice")
	newest := refresh(t, s, stolen.RefreshToken)
	passGrace(t, pool)
	if err := refuses(t, s, stolen.RefreshToken, "reuse"); !errors.Is(err, identity.ErrReused) {
		t.Errorf("it is not told as reuse: %v", err)
	}
	if err := refuses(t, s, newest.RefreshToken, "the newest after reuse"); errors.Is(err, identity.ErrReused) {
		t.Errorf("the newest is told as reuse: %v", err)
	}
	refuses(t, s, stolen.RefreshToken, "reuse again")
	if n := count(t, pool, `select count(*) from identity.session where session_id = $1 and end_reason = 'refresh_reused'`, stolen.SessionID); n != 1 {
		t.Error("the session has not ended")
	}
	if n := count(t, pool, `select count(*) from identity.revocation where session_id = $1 and until between now() + interval '10 min' and now() + interval '11 min'`, stolen.SessionID); n != 1 {
		t.Error("the session's access tokens are not revoked")
	}
	refresh(t, s, other.RefreshToken) // the user's other session lives
}

func TestTwentyRefreshesAtOnceLeaveOneChain(t *testing.T) {
	t.Parallel()
	s, pool := identityStore(t)
	g := signIn(t, s, "alice")
	got := make([]identity.Grant, 20)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			var err error
			if got[i], err = s.Refresh(t.Context(), g.RefreshToken); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	for i, one := range got {
		if one.RefreshToken != got[0].RefreshToken || one.SessionID != g.SessionID {
			t.Errorf("call %d got %+v", i, one)
		}
	}
	if n := count(t, pool, `select count(*) from identity.refresh_token`); n != 2 {
		t.Errorf("%d tokens are stored, want the replaced one and the newest", n)
	}
	passGrace(t, pool)
	refresh(t, s, got[19].RefreshToken)
}

func TestRefreshesAndSignOutAtOnce(t *testing.T) {
	t.Parallel()
	s, pool := identityStore(t)
	g := signIn(t, s, "alice")
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		last time.Time // the youngest access token
	)
	for range 8 {
		wg.Go(func() {
			for token := g.RefreshToken; ; {
				next, err := s.Refresh(t.Context(), token)
				if err != nil {
					if !fault.Is(err, "invalid_refresh_token") {
						t.Errorf("refresh: %v", err)
					}
					return
				}
				token = next.RefreshToken
				mu.Lock()
				if next.At.After(last) {
					last = next.At
				}
				mu.Unlock()
			}
		})
	}
	wg.Go(func() {
		if err := s.SignOut(t.Context(), g.SessionID); err != nil {
			t.Errorf("sign-out: %v", err)
		}
	})
	wg.Wait()
	if n := count(t, pool, `select count(*) from identity.revocation where session_id = $1 and until >= $2::timestamptz + $3::interval`,
		g.SessionID, last, revokeFor); n != 1 {
		t.Error("an access token outlives the revocation")
	}
}

func TestUnknownAndExpiredTokensAreRefused(t *testing.T) {
	t.Parallel()
	s, pool := identityStore(t)
	g := signIn(t, s, "alice")
	for name, token := range map[string]string{
		"nothing": "", "a name": "alice", "another token": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"with a blank": g.RefreshToken + " ", "cut": g.RefreshToken[1:],
	} {
		refuses(t, s, token, name)
	}
	mustExec(t, pool, `update identity.refresh_token set expires_at = now() - interval '1 s'`)
	refuses(t, s, g.RefreshToken, "expired")
	ended := signIn(t, s, "bob")
	mustExec(t, pool, `update identity.session set ended_at = now() where session_id = $1`, ended.SessionID)
	refuses(t, s, ended.RefreshToken, "of a session ended by hand")
	mustExec(t, pool, `update identity.session set ended_at = null where session_id = $1`, ended.SessionID)
	if n := count(t, pool, `select count(*) from identity.session where ended_at is not null`); n != 0 {
		t.Error("a guess or an expired token ended a session")
	}
	mustExec(t, pool, `update identity.session set expires_at = now() - interval '1 s'`)
	signIn(t, s, "alice")
	if n := count(t, pool, `select count(*) from identity.refresh_token t join identity.session using (session_id) where user_id = 'alice'`); n != 1 {
		t.Errorf("%d tokens are stored: the expired one was not forgotten", n)
	}
}

func TestRolesAreReadAgainAtRefresh(t *testing.T) {
	t.Parallel()
	s, pool := identityStore(t)
	g := signIn(t, s, "bob")
	if !slices.Equal(g.Roles, []string{"admin"}) {
		t.Errorf("at sign-in bob has %v", g.Roles)
	}
	mustExec(t, pool, `update identity.account set roles = '{warehouse}' where user_id = 'bob'`)
	if next := refresh(t, s, g.RefreshToken); !slices.Equal(next.Roles, []string{"warehouse"}) {
		t.Errorf("after the change bob has %v", next.Roles)
	}
}

func TestSignOutIsSeenByEveryWatch(t *testing.T) {
	t.Parallel()
	s, pool := identityStore(t)
	watches := []*identity.Watch{identity.NewWatch(pool), identity.NewWatch(pool)}
	if w := watches[0]; w.Age() < time.Hour || w.Revoked("x") || w.Check(t.Context()) == nil {
		t.Error("a watch that never read seems fresh")
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for _, w := range watches {
		wg.Go(func() { w.Run(ctx) })
	}
	gone, stays := signIn(t, s, "alice"), signIn(t, s, "alice")
	if err := s.SignOut(t.Context(), gone.SessionID); err != nil {
		t.Fatal(err)
	}
	if err := s.SignOut(t.Context(), gone.SessionID); err != nil {
		t.Errorf("signing out twice: %v", err)
	}
	for _, w := range watches {
		until(t, 15*time.Second, func() bool { return w.Revoked(gone.SessionID) })
		if w.Revoked(stays.SessionID) {
			t.Error("another session is revoked with it")
		}
		if w.Age() > 15*time.Second || w.Check(t.Context()) != nil {
			t.Errorf("age %s, %v", w.Age(), w.Check(t.Context()))
		}
	}
	refuses(t, s, gone.RefreshToken, "after sign-out")
	refresh(t, s, stays.RefreshToken)
	if err := s.SignOut(t.Context(), "no-session-of-ours"); err != nil {
		t.Errorf("signing out of nothing: %v", err)
	}
}

func TestOldRevocationsAreForgotten(t *testing.T) {
	t.Parallel()
	s, pool := identityStore(t)
	old, next := signIn(t, s, "alice"), signIn(t, s, "alice")
	if err := s.SignOut(t.Context(), old.SessionID); err != nil {
		t.Fatal(err)
	}
	mustExec(t, pool, `update identity.revocation set until = now() - interval '1 s'`)
	if err := s.SignOut(t.Context(), next.SessionID); err != nil {
		t.Fatal(err)
	}
	if n := count(t, pool, `select count(*) from identity.revocation`); n != 1 {
		t.Errorf("%d revocations are kept", n)
	}
}

// until polls for a condition that must come true before the deadline.
func until(t testing.TB, within time.Duration, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("it did not happen within %s", within)
		case <-tick.C:
		}
	}
}
