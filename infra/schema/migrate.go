package schema

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/bus"
	"bazaar/shared/fault"
	"bazaar/shared/pg"
)

// Settings are those of the functions, so that migrate reaches what they reach.
type Settings struct {
	Postgres pg.Settings
	NATS     bus.Settings
	Streams  StreamSettings
	// Within is how long the stores may take to answer.
	Within time.Duration `env:"migrate_within" envDefault:"60s"`
}

const (
	retryEvery = 500 * time.Millisecond
	natsWait   = 2 * time.Second
)

// Migrate applies the SQL and the streams, and tells what it does, a line each.
// Stores that do not answer yet are waited for.
func Migrate(ctx context.Context, s Settings, tell func(line string)) error {
	if err := s.within(ctx, tell, s.migrateSQL); err != nil {
		return err
	}
	return s.within(ctx, tell, s.migrateStreams)
}

// within tries part until it succeeds, is refused, or the time is over.
func (s Settings) within(ctx context.Context, tell func(string), part func(context.Context, func(string)) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.Within)
	defer cancel()
	for told := false; ; told = true {
		err := part(ctx, tell)
		if err == nil || !away(err) {
			return err
		}
		if !told {
			tell("waiting: " + err.Error())
		}
		timer := time.NewTimer(retryEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("no answer within %s: %w", s.Within, err)
		}
	}
}

func (s Settings) migrateSQL(ctx context.Context, tell func(string)) error {
	config, err := pgx.ParseConfig(s.Postgres.URL)
	if err != nil {
		return fmt.Errorf("reading pg_url: %w", err)
	}
	if s.Postgres.Password != "" {
		config.Password = s.Postgres.Password
	}
	config.ConnectTimeout = s.Postgres.ConnectTimeout
	config.RuntimeParams["application_name"] = "migrate"
	done, err := ApplySQL(ctx, config)
	return report(done, err, "PostgreSQL is up to date", tell)
}

func (s Settings) migrateStreams(ctx context.Context, tell func(string)) error {
	conn, err := nats.Connect(s.NATS.URL, nats.Name("migrate"),
		nats.UserInfo(s.NATS.User, s.NATS.Password), nats.Timeout(natsWait), nats.MaxReconnects(0))
	if err != nil {
		return fmt.Errorf("connecting to NATS: %w", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(natsWait))
	if err != nil {
		return fmt.Errorf("opening JetStream: %w", err)
	}
	done, err := ApplyStreams(ctx, js, s.Streams)
	return report(done, err, "the streams are up to date", tell)
}

func report(done []string, err error, nothing string, tell func(string)) error {
	for _, line := range done {
		tell(line)
	}
	if err == nil && len(done) == 0 {
		tell(nothing)
	}
	return err
}

// away reports whether err may pass by itself: a store that starts, or is not there yet.
func away(err error) bool {
	var refused *jetstream.APIError
	switch {
	case errors.As(err, &refused):
		return refused.Code == 503 // no leader yet, no quorum
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout), errors.Is(err, nats.ErrNoResponders),
		errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, jetstream.ErrJetStreamNotEnabled),
		errors.Is(err, context.DeadlineExceeded):
		return true
	}
	return fault.KindOf(pg.Fault(err, "migrating")) == fault.Unavailable
}
