package pg

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"bazaar/shared/fault"
)

// Fault says what err, met while doing something, is to a caller. Faults and
// pgx.ErrNoRows stay what they are. A server that is away, full, starting or
// stopping is unavailable; so is a commit of unknown outcome, which must never
// be told as failed. Anything else is internal.
func Fault(err error, doing string) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("%s: %w", doing, err)
	var known *fault.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, pgx.ErrNoRows):
		return wrapped
	case errors.Is(err, ErrOutcomeUnknown), away(err):
		return fault.New(fault.Unavailable, "unavailable", "The store is not available at the moment.").
			After(time.Second).Because(wrapped)
	}
	return wrapped
}

// away reports whether the server could not be reached or would not serve now.
func away(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch class := refused.Code[:2]; {
		case class == "08", class == "53", class == "57" && refused.Code != "57014":
			return true // connection, resources, operator intervention
		case refused.Code == "40001", refused.Code == "40P01", refused.Code == "25006":
			return true // gave way too often; read-only standby
		}
		return false
	}
	if errors.Is(err, context.Canceled) {
		return false // the caller left
	}
	// A deadline that passed while the store was asked speaks of the store: an
	// event must not use up its attempts while the server hangs.
	var connecting *pgconn.ConnectError
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &connecting) ||
		pgconn.SafeToRetry(err) || brokenConnection(err)
}

// brokenConnection recognises a connection that ended under a query. pgx gives
// these as plain errors from the socket.
func brokenConnection(err error) bool {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) {
		return true // every net.Error
	}
	text := err.Error()
	return strings.Contains(text, "unexpected EOF") || strings.Contains(text, "conn closed") ||
		strings.Contains(text, "closed pool")
}

// IsCode reports whether err is the server's error of this SQLSTATE.
func IsCode(err error, code string) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == code
}
