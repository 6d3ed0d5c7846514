package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Refresh replaces a refresh token by its successor.
//
// A token that was replaced within the grace gives the session's newest token
// again, the same to everyone who asks: an answer that was lost, or many calls
// at once, leave one chain. A token replaced longer ago ends the session
// (ErrReused). Every refusal is the fault invalid_refresh_token.
func (s *Store) Refresh(ctx context.Context, token string) (Grant, error) {
	old, ok := parseSecret(token)
	if !ok {
		return Grant{}, refused(errors.New("it has not the form of a refresh token"))
	}
	var (
		g       Grant
		refusal error
	)
	err := s.pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		// A refusal is no error of the transaction: the end of a session commits.
		g, refusal, err = s.refresh(ctx, tx, old)
		return err
	})
	switch {
	case err != nil:
		return Grant{}, err
	case refusal != nil:
		return Grant{}, refused(refusal)
	}
	return g, nil
}

func (s *Store) refresh(ctx context.Context, tx pgx.Tx, old secret) (g Grant, refusal, err error) {
	g, alive, err := lockSession(ctx, tx, old)
	if errors.Is(err, pgx.ErrNoRows) {
		return g, errors.New("there is no such refresh token"), nil
	}
	if err != nil {
		return g, nil, err
	}
	if !alive {
		return g, errors.New("its session has ended"), nil
	}
	state, err := s.stateOf(ctx, tx, old)
	if err != nil {
		return g, nil, err
	}
	next := old
	switch state {
	case current:
		next, err = s.replace(ctx, tx, g.SessionID, old)
	case justReplaced:
		next, err = s.newest(ctx, tx, g.SessionID, old)
	case expired:
		return g, errors.New("it has expired"), nil
	case reused:
		return g, fmt.Errorf("session %s of %s: %w", g.SessionID, g.UserID, ErrReused),
			s.end(ctx, tx, refreshReused, g.SessionID)
	}
	if err != nil {
		return g, nil, err
	}
	g.RefreshToken = next.String()
	// Read under the lock: a sign-out that comes later revokes for longer.
	err = tx.QueryRow(ctx, `select clock_timestamp()`).Scan(&g.At)
	return g, nil, err
}

// lockSession finds the token's session and locks it: everything that happens
// to a session's tokens happens under this lock.
func lockSession(ctx context.Context, tx pgx.Tx, token secret) (g Grant, alive bool, err error) {
	err = tx.QueryRow(ctx, `
		select s.session_id::text, s.user_id, a.roles, s.ended_at is null
		from identity.refresh_token t
		join identity.session s using (session_id)
		join identity.account a using (user_id)
		where t.token_hash = $1
		for update of s`, token.hash()).Scan(&g.SessionID, &g.UserID, &g.Roles, &alive)
	if err != nil {
		return g, false, fmt.Errorf("locking the session of a refresh token: %w", err)
	}
	return g, alive, nil
}

// state is what a refresh token is worth.
type state string

const (
	current      state = "current"
	justReplaced state = "just_replaced"
	expired      state = "expired"
	reused       state = "reused"
)

// stateOf asks anew: the statement that waited for the lock saw the token as it
// was before.
func (s *Store) stateOf(ctx context.Context, tx pgx.Tx, token secret) (state, error) {
	var st state
	err := tx.QueryRow(ctx, `
		select case
			when expires_at <= clock_timestamp() then 'expired'
			when replaced_at is null then 'current'
			when replaced_at > clock_timestamp() - $2::interval then 'just_replaced'
			else 'reused' end
		from identity.refresh_token where token_hash = $1`, token.hash(), s.settings.RefreshGrace).Scan(&st)
	if errors.Is(err, pgx.ErrNoRows) {
		return expired, nil // forgotten while we waited
	}
	if err != nil {
		return "", fmt.Errorf("reading a refresh token: %w", err)
	}
	return st, nil
}

// replace puts the successor in the token's place and cleans up behind it.
func (s *Store) replace(ctx context.Context, tx pgx.Tx, sessionID string, old secret) (secret, error) {
	seed := newSecret()
	next := old.successor(seed[:])
	b := &pgx.Batch{}
	b.Queue(`update identity.refresh_token set replaced_at = clock_timestamp(), seed = $2 where token_hash = $1`,
		old.hash(), seed[:])
	b.Queue(`update identity.refresh_token set seed = null
		where session_id = $1 and seed is not null and replaced_at < clock_timestamp() - $2::interval`,
		sessionID, s.settings.RefreshGrace)
	b.Queue(`delete from identity.refresh_token where session_id = $1 and expires_at < clock_timestamp()`, sessionID)
	b.Queue(`update identity.session set expires_at = clock_timestamp() + $2::interval where session_id = $1`,
		sessionID, s.settings.RefreshTTL)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return next, fmt.Errorf("replacing a refresh token: %w", err)
	}
	return next, s.insertToken(ctx, tx, sessionID, next)
}

// newest follows the seeds from a token just replaced to the one that is
// current: its successor may have been replaced in the meantime.
func (s *Store) newest(ctx context.Context, tx pgx.Tx, sessionID string, token secret) (secret, error) {
	rows, err := tx.Query(ctx, `
		select token_hash, seed from identity.refresh_token where session_id = $1 and seed is not null`, sessionID)
	if err != nil {
		return token, fmt.Errorf("reading the replaced refresh tokens: %w", err)
	}
	seeds := make(map[string][]byte)
	var hash, seed []byte
	if _, err = pgx.ForEachRow(rows, []any{&hash, &seed}, func() error {
		seeds[string(hash)] = append([]byte(nil), seed...)
		return nil
	}); err != nil {
		return token, fmt.Errorf("reading the replaced refresh tokens: %w", err)
	}
	for {
		seed, replaced := seeds[string(token.hash())]
		if !replaced {
			return token, nil
		}
		token = token.successor(seed)
	}
}
