package identity

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
)

// GiveRole gives an account a role that it may have already. Access tokens that
// are out do not carry it; the next refresh does. Error: a fault not_found when
// there is no such account.
func (s *Store) GiveRole(ctx context.Context, userID, role string) error {
	return s.pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return changeRoles(ctx, tx, userID, `
			update identity.account set roles = array_append(array_remove(roles, $2), $2) where user_id = $1`, role)
	})
}

// TakeRole takes a role from an account and ends all its sessions with it: no
// refresh token of theirs is good any more, and their access tokens end as after
// a sign-out. Who signs in again has the roles that are left. It says how many
// sessions were ended; they end also when the account does not have the role any
// more, since tokens may. Error: a fault not_found when there is no such account.
func (s *Store) TakeRole(ctx context.Context, userID, role string) (ended int, err error) {
	err = s.pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		// The account first: a sign-in that has read the roles is waited for, and
		// its session is among those that end.
		if err := changeRoles(ctx, tx, userID, `
			update identity.account set roles = array_remove(roles, $2) where user_id = $1`, role); err != nil {
			return err
		}
		sessions, err := s.lockSessions(ctx, tx, userID)
		if err != nil {
			return err
		}
		ended = len(sessions)
		return s.end(ctx, tx, roleTaken, sessions...)
	})
	if err != nil {
		return 0, err
	}
	return ended, nil
}

func changeRoles(ctx context.Context, tx pgx.Tx, userID, sql, role string) error {
	tag, err := tx.Exec(ctx, sql, userID, role)
	if err != nil {
		return fmt.Errorf("changing the roles of an account: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.NotFound, "not_found", "There is no such account.")
	}
	return nil
}

// lockSessions gives the user's sessions of which an access token may still be
// good, and waits for the refreshes that run in them.
func (s *Store) lockSessions(ctx context.Context, tx pgx.Tx, userID string) ([]string, error) {
	rows, err := tx.Query(ctx, `
		select session_id::text from identity.session
		where user_id = $1 and ended_at is null and expires_at > clock_timestamp() - $2::interval
		order by session_id for update`, userID, s.revoke)
	if err != nil {
		return nil, fmt.Errorf("locking the sessions of an account: %w", err)
	}
	sessions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("locking the sessions of an account: %w", err)
	}
	return sessions, nil
}
