package entry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/infra/local/server"
	"bazaar/infra/schema"
	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/catalog"
	"bazaar/shared/event"
	"bazaar/shared/money"
	"bazaar/shared/pg"
	"bazaar/shared/rdb"
	"bazaar/shared/stock"
	"bazaar/tests/support"
)

const (
	oneTea  = `{"lines":[{"sku":"tea","quantity":1}]}`
	twoTeas = `{"lines":[{"sku":"tea","quantity":2}]}`
)

// world is a shop around its entry: tea costs 250, and there are 1000 of it.
type world struct {
	t       *testing.T
	pool    *pg.Pool
	cache   *rdb.Client
	redis   *server.Redis
	nats    *support.NATSServer
	secrets string
	environ []string
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := newWorldOf(t, support.PostgresSettings(t), schema.StreamSettings{QueueMaxBytes: 64 << 20, Replicas: 1})
	t.Cleanup(func() { support.MustHold(t, w.pool) })
	return w
}

func newWorldOf(t *testing.T, postgres pg.Settings, streams schema.StreamSettings) *world {
	t.Helper()
	w := &world{t: t, secrets: t.TempDir(), pool: support.OpenPostgres(t, postgres), nats: support.NATS(t, streams)}
	redis, process := support.RedisServer(t)
	w.redis = process
	var err error
	w.cache, err = rdb.Open(redis)
	must(t, err)
	t.Cleanup(func() { _ = w.cache.Close() })
	_, triggerKey := support.EventKeys(t)
	for name, content := range map[string][]byte{
		"postgres-password": []byte(postgres.Password), "redis-password": []byte(redis.Password),
		"nats-password": []byte(w.nats.Password), "token-keys": support.TokenKeys(t), "trigger-key": triggerKey,
	} {
		must(t, os.WriteFile(filepath.Join(w.secrets, name), content, 0o600))
	}
	w.environ = []string{"pg_url=" + postgres.URL, "nats_url=" + w.nats.URL, "redis_addrs=" + redis.Addrs[0]}
	_, _, err = catalog.Store{}.Put(t.Context(), w.pool, catalog.Product{SKU: "tea", Title: "Tea", Price: money.Money{Amount: 250, Currency: "CNY"}})
	must(t, err)
	must(t, stock.Store{}.Ensure(t.Context(), w.pool, "tea"))
	w.restock(1000)
	return w
}

// restock puts so much tea in, or takes it out.
func (w *world) restock(units int64) {
	w.t.Helper()
	must(w.t, w.pool.InTx(w.t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := stock.Store{}.Restock(ctx, tx, uuid.NewString(), "tea", units)
		return err
	}))
}

// reserving runs reserve-stock and hands it what is in the queue, as the
// trigger does, until the test ends.
func (w *world) reserving() {
	w.t.Helper()
	f := w.start("reserve-stock")
	signer, err := auth.NewEventSigner(first(support.EventKeys(w.t)))
	must(w.t, err)
	consumer, err := w.nats.JetStream().Consumer(w.t.Context(), bus.QueueStream, bus.QueueConsumer)
	must(w.t, err)
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		if err := hand(f.URL, signer, m.Data()); err != nil {
			w.t.Errorf("handing an order to reserve-stock: %v", err)
			return
		}
		if err := m.DoubleAck(context.Background()); err != nil {
			w.t.Errorf("acknowledging an order: %v", err)
		}
	})
	must(w.t, err)
	w.t.Cleanup(func() {
		consuming.Drain()
		<-consuming.Closed()
	})
}

func first[A, B any](a A, _ B) A { return a }

func hand(url string, signer *auth.EventSigner, batch []byte) error {
	req, err := http.NewRequest(http.MethodPost, url+"/", bytes.NewReader(batch))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", event.ContentType)
	req.Header.Set(auth.SignatureHeader, signer.Sign("reserve-stock", time.Now(), batch))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return nil
}

// queued reads the events in the queue without taking them.
func (w *world) queued() (events []event.Event) {
	w.t.Helper()
	stream, err := w.nats.JetStream().Stream(w.t.Context(), bus.QueueStream)
	must(w.t, err)
	info, err := stream.Info(w.t.Context())
	must(w.t, err)
	if info.State.Msgs == 0 {
		return nil
	}
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		m, err := stream.GetMsg(w.t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // taken meanwhile
		}
		must(w.t, err)
		batch, err := event.DecodeBatch(m.Data)
		must(w.t, err)
		events = append(events, batch...)
	}
	return events
}

// count asks Postgres for a number.
func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	must(w.t, w.pool.QueryRow(w.t.Context(), sql, args...).Scan(&n))
	return n
}

// until polls for ten seconds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick, over := time.NewTicker(20*time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}
