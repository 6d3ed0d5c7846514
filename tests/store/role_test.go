package store_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/identity"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

func TestATakenRoleEndsTheSessions(t *testing.T) {
	t.Parallel()
	s, pool := identityStore(t)
	here, there, other := signIn(t, s, "bob"), signIn(t, s, "bob"), signIn(t, s, "alice")
	there = refresh(t, s, there.RefreshToken)
	ended, err := s.TakeRole(t.Context(), "bob", "admin")
	if err != nil || ended != 2 {
		t.Fatalf("%d sessions ended, %v; want 2", ended, err)
	}
	for _, g := range []identity.Grant{here, there} {
		refuses(t, s, g.RefreshToken, "after the role was taken")
		if n := count(t, pool, `select count(*) from identity.session join identity.revocation using (session_id)
			where session_id = $1 and end_reason = 'role_taken' and until >= $2::timestamptz + $3::interval`, g.SessionID, g.At, revokeFor); n != 1 {
			t.Errorf("session %s is not revoked for as long as its tokens live", g.SessionID)
		}
	}
	refresh(t, s, other.RefreshToken) // another user's session lives
	if again := signIn(t, s, "bob"); len(again.Roles) != 0 {
		t.Errorf("who signs in again has %v", again.Roles)
	}
	// Taken once more, it ends what a token may still carry it in.
	if ended, err := s.TakeRole(t.Context(), "bob", "admin"); err != nil || ended != 1 {
		t.Errorf("taken again: %d sessions ended, %v; want 1", ended, err)
	}
	if ended, err := s.TakeRole(t.Context(), "bob", "admin"); err != nil || ended != 0 {
		t.Errorf("with no session left: %d sessions ended, %v", ended, err)
	}
}

func TestRolesAreGivenAndTakenOneByOne(t *testing.T) {
	t.Parallel()
	s, _ := identityStore(t)
	g := signIn(t, s, "bob")
	for range 2 {
		if err := s.GiveRole(t.Context(), "bob", "warehouse"); err != nil {
			t.Fatal(err)
		}
	}
	if g = refresh(t, s, g.RefreshToken); !slices.Equal(g.Roles, []string{"admin", "warehouse"}) {
		t.Errorf("after the refresh bob has %v", g.Roles)
	}
	if _, err := s.TakeRole(t.Context(), "bob", "admin"); err != nil {
		t.Fatal(err)
	}
	if g = signIn(t, s, "bob"); !slices.Equal(g.Roles, []string{"warehouse"}) {
		t.Errorf("what is left is %v", g.Roles)
	}
	if err := s.GiveRole(t.Context(), "nobody", "admin"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a role for nobody: %v", err)
	}
	if _, err := s.TakeRole(t.Context(), "nobody", "admin"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a role of nobody: %v", err)
	}
}

// Sessions that ended by themselves long ago would only make the list long that
// every process reads.
func TestATakenRoleLeavesOldSessionsAlone(t *testing.T) {
	t.Parallel()
	s, pool := identityStore(t)
	old, idle := signIn(t, s, "bob"), signIn(t, s, "bob")
	mustExec(t, pool, `update identity.session set expires_at = now() - interval '1 h' where session_id = $1`, old.SessionID)
	// Its last access token may have been made a moment before its end.
	mustExec(t, pool, `update identity.session set expires_at = now() - interval '1 s' where session_id = $1`, idle.SessionID)
	if ended, err := s.TakeRole(t.Context(), "bob", "admin"); err != nil || ended != 1 {
		t.Errorf("%d sessions ended, %v; want 1", ended, err)
	}
}

// whispers gathers what sign-ins and refreshes that run at the same time gave.
type whispers struct {
	mu    sync.Mutex
	heard []identity.Grant
}

func (w *whispers) hear(g identity.Grant) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, g)
}

func (w *whispers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.heard)
}

// chatter signs bob in and refreshes, again and again, until ctx ends.
func (w *whispers) chatter(ctx context.Context, t *testing.T, s *identity.Store) {
	for ctx.Err() == nil {
		g, err := s.SignIn(context.WithoutCancel(ctx), "bob")
		for range 4 {
			if err != nil {
				break
			}
			w.hear(g)
			g, err = s.Refresh(context.WithoutCancel(ctx), g.RefreshToken)
		}
		if err != nil && !fault.Is(err, "invalid_refresh_token") {
			t.Errorf("signing in or refreshing: %v", err)
			return
		}
	}
}

// outlive are the grants with the role whose session is not revoked for as long
// as their access token lives.
func (w *whispers) outlive(t *testing.T, pool *pg.Pool, role string) (with, outliving int) {
	t.Helper()
	for _, g := range w.heard {
		if !slices.Contains(g.Roles, role) {
			continue
		}
		with++
		outliving += 1 - count(t, pool, `select count(*) from identity.revocation
			where session_id = $1 and until >= $2::timestamptz + $3::interval`, g.SessionID, g.At, revokeFor)
	}
	return with, outliving
}

// While people sign in and refresh, a role is taken: whatever was given with it,
// before or at the same time, is revoked.
func TestARoleIsTakenWhileTokensAreMade(t *testing.T) {
	t.Parallel()
	settings := support.PostgresSettings(t)
	settings.MaxConns = 12
	pool := support.OpenPostgres(t, settings)
	mustExec(t, pool, `insert into identity.account (user_id, username, password_hash) values ('bob', 'bob', 'hash-of-bob')`)
	s := identity.NewStore(pool, identity.Settings{RefreshTTL: time.Hour, RefreshGrace: time.Hour}, revokeFor)
	const rounds, enough = 25, 24
	var with int
	for round := range rounds {
		must(t, s.GiveRole(t.Context(), "bob", "admin"))
		w := takeAmongWhispers(t, s, enough)
		some, outliving := w.outlive(t, pool, "admin")
		if with += some; outliving > 0 {
			t.Fatalf("round %d: %d of %d tokens with the role outlive it", round, outliving, some)
		}
	}
	if with < rounds*enough/2 {
		t.Errorf("only %d tokens had the role", with)
	}
}

// takeAmongWhispers takes the role when so many tokens were made and more are
// being made.
func takeAmongWhispers(t *testing.T, s *identity.Store, enough int) *whispers {
	t.Helper()
	w := &whispers{}
	var all sync.WaitGroup
	defer all.Wait()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for range 8 {
		all.Go(func() { w.chatter(ctx, t, s) })
	}
	until(t, 30*time.Second, func() bool { return w.count() >= enough })
	if _, err := s.TakeRole(t.Context(), "bob", "admin"); err != nil {
		t.Errorf("taking the role: %v", err)
	}
	return w
}
