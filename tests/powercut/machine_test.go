//go:build linux

package powercut_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bazaar/infra/local/server"
	"bazaar/infra/schema"
	"bazaar/shared/bus"
	"bazaar/shared/pg"
	"bazaar/shared/stock"
	"bazaar/tests/powercut/disk"
)

const (
	password     = "only-for-tests"
	startTimeout = time.Minute
	// leave is how long the clients of killed servers may take to go.
	leave = 50 * time.Millisecond

	sku   = "candle"
	price = 100
)

// settings are what may be set wrong.
type settings struct {
	nats     string   // the program
	postgres []string // options beyond the shop's
}

// machine is a computer with the shop's PostgreSQL and NATS on its one disk.
type machine struct {
	disk     *disk.Disk
	postgres *server.Postgres
	nats     *server.NATS

	pool *pg.Pool
	bus  *bus.Bus
}

// newMachine starts a machine whose stores are ready for orders: made a moment
// ago, with nothing on the disk but what they synced.
func newMachine(t *testing.T, s settings) *machine {
	t.Helper()
	d := disk.New(t)
	m := &machine{
		disk: d,
		// As the local runner has them: nothing given up for speed.
		postgres: &server.Postgres{Dir: filepath.Join(d.Path, "postgres"), Password: password, Options: s.postgres},
		nats:     &server.NATS{Binary: program(t, s.nats), Dir: filepath.Join(d.Path, "nats"), Password: password},
	}
	t.Cleanup(m.kill)
	m.start(t)
	t.Cleanup(func() { m.disconnect() })
	err := m.pool.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		if err := (stock.Store{}).Ensure(ctx, tx, sku); err != nil {
			return err
		}
		_, err := stock.Store{}.Restock(ctx, tx, uuid.NewString(), sku, 1_000_000_000)
		return err
	})
	if err != nil {
		t.Fatalf("putting stock in: %v", err)
	}
	return m
}

// start starts the servers on what the disk has, migrates, and connects.
func (m *machine) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	// As the local runner does: a killed server leaves its pid, which may be another's by now.
	_ = os.Remove(filepath.Join(m.postgres.Dir, "data", "postmaster.pid"))
	var started sync.WaitGroup
	var errPostgres, errNATS error
	started.Go(func() { errPostgres = m.postgres.Start(ctx) })
	started.Go(func() { errNATS = m.nats.Start(ctx) })
	started.Wait()
	if err := errors.Join(errPostgres, errNATS); err != nil {
		t.Fatalf("starting the servers on what the disk has: %v", err)
	}
	toPostgres := pg.Settings{URL: m.postgres.URL(), Password: password, MaxConns: 4, ConnectTimeout: 2 * time.Second}
	toNATS := bus.Settings{URL: m.nats.URL(), User: "bazaar", Password: password}
	err := schema.Migrate(ctx, schema.Settings{Postgres: toPostgres, NATS: toNATS, Within: startTimeout,
		Streams: schema.StreamSettings{QueueMaxBytes: 1 << 30, Replicas: 1}}, func(string) {})
	if err == nil {
		m.pool, err = pg.Open(toPostgres, "test", nil)
	}
	if err == nil {
		m.bus, err = bus.Open(toNATS, "test", nil)
	}
	if err != nil {
		t.Fatalf("preparing the servers: %v", err)
	}
}

// kill ends the servers as the cut does: both at once.
func (m *machine) kill() {
	var killed sync.WaitGroup
	killed.Go(m.postgres.Kill)
	killed.Go(m.nats.Kill)
	killed.Wait()
}

// disconnect ends the clients.
func (m *machine) disconnect() {
	m.pool.Close()
	ctx, cancel := context.WithTimeout(context.Background(), leave)
	defer cancel()
	_ = m.bus.Close(ctx) // it says that events were in flight, as they were
}
