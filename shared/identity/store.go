package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bazaar/shared/pg"
)

// Settings are the lives of what a sign-in gives.
type Settings struct {
	// RefreshTTL is how long a refresh token may wait to be used.
	RefreshTTL time.Duration `env:"refresh_ttl" envDefault:"720h"`
	// RefreshGrace is how long a replaced refresh token is still accepted: the
	// answer with its successor may have been lost.
	RefreshGrace time.Duration `env:"refresh_grace" envDefault:"30s"`
}

// Store keeps accounts and sessions. Every time in it is the database's.
type Store struct {
	pool     *pg.Pool
	settings Settings
	revoke   time.Duration
}

// NewStore revokes ended sessions for revoke: at least as long as an access
// token made just before the end is accepted anywhere.
func NewStore(pool *pg.Pool, s Settings, revoke time.Duration) *Store {
	return &Store{pool: pool, settings: s, revoke: revoke}
}

// Account finds who signs in under username; the second answer is whether there
// is such an account.
func (s *Store) Account(ctx context.Context, username string) (Account, bool, error) {
	a := Account{Username: username}
	err := s.pool.QueryRow(ctx,
		`select user_id, password_hash, roles from identity.account where username = $1`, username).
		Scan(&a.UserID, &a.PasswordHash, &a.Roles)
	if errors.Is(err, pgx.ErrNoRows) {
		return Account{}, false, nil
	}
	return a, err == nil, pg.Fault(err, "finding an account")
}

// SignIn begins a session of a user whose password was checked.
func (s *Store) SignIn(ctx context.Context, userID string) (Grant, error) {
	token := newSecret()
	g := Grant{SessionID: uuid.NewString(), UserID: userID, RefreshToken: token.String()}
	err := s.pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		// Under the lock of the account: a role that is taken away now is either not
		// read, or the session is there to be ended.
		err := tx.QueryRow(ctx, `select roles from identity.account where user_id = $1 for share`, userID).Scan(&g.Roles)
		if err != nil {
			return fmt.Errorf("reading the roles of an account: %w", err)
		}
		if err := forgetExpired(ctx, tx, userID); err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `
			insert into identity.session (session_id, user_id, expires_at)
			values ($1::uuid, $2, clock_timestamp() + $3::interval) returning clock_timestamp()`,
			g.SessionID, userID, s.settings.RefreshTTL).Scan(&g.At)
		if err != nil {
			return fmt.Errorf("beginning a session: %w", err)
		}
		return s.insertToken(ctx, tx, g.SessionID, token)
	})
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// SignOut ends a session and revokes its access tokens. Ending a session twice,
// or one that never was, is no error.
func (s *Store) SignOut(ctx context.Context, sessionID string) error {
	if uuid.Validate(sessionID) != nil {
		return nil // no session of ours
	}
	return s.pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return s.end(ctx, tx, signedOut, sessionID)
	})
}

// end closes the sessions first: their rows are the locks under which refreshes
// run, so none can give a token after the revocation's time was taken. Who ends
// more than one has locked them, in the order of their ids.
func (s *Store) end(ctx context.Context, tx pgx.Tx, reason string, sessionIDs ...string) error {
	_, err := tx.Exec(ctx, `
		update identity.session set ended_at = clock_timestamp(), end_reason = $2
		where session_id = any($1::text[]::uuid[]) and ended_at is null`, sessionIDs, reason)
	if err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	_, err = tx.Exec(ctx, `delete from identity.refresh_token where session_id = any($1::text[]::uuid[])`, sessionIDs)
	if err != nil {
		return fmt.Errorf("deleting the tokens of an ended session: %w", err)
	}
	_, err = tx.Exec(ctx, `
		insert into identity.revocation (session_id, until)
		select id, clock_timestamp() + $2::interval from unnest($1::text[]::uuid[]) as id order by id
		on conflict (session_id) do update set until = greatest(revocation.until, excluded.until)`, sessionIDs, s.revoke)
	if err != nil {
		return fmt.Errorf("revoking a session: %w", err)
	}
	// What everybody has forgotten goes with it. Rows that another call is
	// deleting are left to it: waiting for each other they would deadlock.
	_, err = tx.Exec(ctx, `
		delete from identity.revocation where session_id = any(array(
			select session_id from identity.revocation where until < clock_timestamp()
			limit 100 for update skip locked))`)
	if err != nil {
		return fmt.Errorf("deleting old revocations: %w", err)
	}
	return nil
}

func (s *Store) insertToken(ctx context.Context, tx pgx.Tx, sessionID string, token secret) error {
	_, err := tx.Exec(ctx, `
		insert into identity.refresh_token (token_hash, session_id, created_at, expires_at)
		values ($1, $2, clock_timestamp(), clock_timestamp() + $3::interval)`, token.hash(), sessionID, s.settings.RefreshTTL)
	if err != nil {
		return fmt.Errorf("storing a refresh token: %w", err)
	}
	return nil
}

// forgetExpired deletes the user's tokens that could not be used any more; under
// the locks of their sessions, so that it meets refreshes one way round only.
func forgetExpired(ctx context.Context, tx pgx.Tx, userID string) error {
	_, err := tx.Exec(ctx, `
		with idle as (
			select session_id from identity.session
			where user_id = $1 and expires_at < clock_timestamp() for update skip locked)
		delete from identity.refresh_token t using idle
		where t.session_id = idle.session_id and t.expires_at < clock_timestamp()`, userID)
	if err != nil {
		return fmt.Errorf("deleting expired refresh tokens: %w", err)
	}
	return nil
}
