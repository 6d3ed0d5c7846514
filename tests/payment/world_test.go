// Package payment_test tries the way of the money at the level of functions:
// create-payment, payment-callback and settle-order as processes, with a real
// PostgreSQL and NATS, against the simulated provider and everything that
// somebody might send in its name. Nothing calls settle-order here but the test.
package payment_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bazaar/infra/paysim"
	"bazaar/shared/order"
	"bazaar/shared/outbox"
	"bazaar/shared/payment/alipay"
	"bazaar/shared/pg"
	"bazaar/shared/stock"
	"bazaar/tests/support"
)

// sku is the one product; each order takes one unit of it for 88 yuan.
const (
	sku   = "tea"
	price = 8800
)

// world is a shop around its payments.
type world struct {
	t        *testing.T
	pool     *pg.Pool
	provider *paysim.Provider
	paysim   *httptest.Server
	client   *alipay.Client // asks paysim in the merchant's name
	merchant alipay.Merchant
	secrets  string
	environ  []string

	payments, callback, settle *function
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, secrets: t.TempDir(), merchant: alipay.Merchant{AppID: "2021000000000001", SellerID: "2088000000000001"}}
	settings := support.PostgresSettings(t)
	w.pool = support.OpenPostgres(t, settings)
	nats := support.NATS(t)
	redis, _ := support.RedisServer(t)
	merchantPrivate, merchantPublic := w.keys()
	providerPrivate, providerPublic := w.keys()
	_, triggerKey := support.EventKeys(t)
	for name, content := range map[string][]byte{
		"postgres-password": []byte(settings.Password), "nats-password": []byte(nats.Password),
		"redis-password": []byte(redis.Password),
		"token-keys":     support.TokenKeys(t), "trigger-key": triggerKey,
		"alipay-merchant-key": merchantPrivate, "alipay-public-key": providerPublic,
	} {
		must(t, os.WriteFile(filepath.Join(w.secrets, name), content, 0o600))
	}
	w.startPaysim(providerPrivate, merchantPublic)
	w.environ = []string{
		"pg_url=" + settings.URL, "nats_url=" + nats.URL, "redis_addrs=" + redis.Addrs[0],
		"alipay_gateway=" + w.paysim.URL + "/gateway.do",
		"alipay_app_id=" + w.merchant.AppID, "alipay_seller_id=" + w.merchant.SellerID,
		"order_close_grace=0s", "payment_busy_margin=0s",
	}
	w.callback = w.start("payment-callback")
	notifyURL := w.callback.URL + "/alipay"
	w.environ = append(w.environ, "alipay_notify_url="+notifyURL)
	w.payments, w.settle = w.start("create-payment"), w.start("settle-order")
	var err error
	w.client, err = alipay.NewClient(alipay.ClientSettings{
		Merchant: w.merchant, Gateway: w.paysim.URL + "/gateway.do", NotifyURL: notifyURL, Timeout: 5 * time.Second,
		Key: merchantPrivate, Provider: providerPublic,
	})
	must(t, err)
	w.restock(1000)
	t.Cleanup(func() { support.MustHold(t, w.pool) })
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) keys() (private, public []byte) {
	w.t.Helper()
	private, public, err := alipay.NewKeyPair()
	must(w.t, err)
	return private, public
}

func (w *world) startPaysim(providerPrivate, merchantPublic []byte) {
	w.t.Helper()
	key, err := alipay.PrivateKey(providerPrivate)
	must(w.t, err)
	public, err := alipay.PublicKey(merchantPublic)
	must(w.t, err)
	w.paysim = httptest.NewUnstartedServer(nil)
	w.provider, err = paysim.Open(paysim.Settings{
		Dir: w.t.TempDir(), BaseURL: "http://" + w.paysim.Listener.Addr().String(), Merchant: w.merchant,
		Key: key, Public: public, Clock: 2400, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), // 4 minutes are 100 ms
	})
	must(w.t, err)
	w.paysim.Config.Handler, err = w.provider.Handler()
	must(w.t, err)
	w.paysim.Start()
	w.t.Cleanup(func() {
		w.paysim.Close()
		must(w.t, w.provider.Close())
	})
}

func (w *world) restock(units int64) {
	w.t.Helper()
	must(w.t, w.pool.InTx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
		if err := (stock.Store{}).Ensure(ctx, tx, sku); err != nil {
			return err
		}
		_, err := stock.Store{}.Restock(ctx, tx, uuid.NewString(), sku, units)
		return err
	}))
}

// reserve writes an order of alice for one unit, as reserve-stock does.
func (w *world) reserve(id string) string {
	w.t.Helper()
	d := order.Draft{
		OrderID: id, UserID: "alice", Fingerprint: "f", Currency: "CNY", Amount: price, PlacedAt: time.Now(),
		Lines: []order.Line{{SKU: sku, Quantity: 1, Amount: price}},
	}
	must(w.t, w.pool.InTx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
		fresh, err := order.Store{}.Take(ctx, tx, []order.Draft{d}, 15*time.Minute)
		if err != nil {
			return err
		}
		_, err = stock.Store{}.Reserve(ctx, tx, []stock.Demand{{Reference: id, Lines: []stock.Line{{SKU: sku, Quantity: 1}}}})
		if err != nil {
			return err
		}
		events, err := order.Store{}.Decide(ctx, tx, []order.Verdict{{Draft: fresh[0]}})
		if err != nil {
			return err
		}
		return outbox.Add(ctx, tx, events...)
	}))
	return id
}

// scalar reads one value.
func scalar[T any](w *world, sql string, args ...any) T {
	w.t.Helper()
	var v T
	must(w.t, w.pool.QueryRow(context.Background(), sql, args...).Scan(&v))
	return v
}

func (w *world) state(orderID string) string {
	w.t.Helper()
	return scalar[string](w, `select state from orders.order where order_id = $1`, orderID)
}

// inbox counts the notices in a state about a trade.
func (w *world) inbox(outTradeNo, state string) int {
	w.t.Helper()
	return scalar[int](w, `select count(*) from payment.inbox where out_trade_no = $1 and state = $2`, outTradeNo, state)
}

// buy pays on paysim's page, as a buyer does, and waits until the shop has
// accepted what paysim says.
func (w *world) buy(payURL string) {
	w.t.Helper()
	res, err := http.Post(payURL+"/pay", "", nil)
	must(w.t, err)
	must(w.t, res.Body.Close())
	if res.StatusCode != http.StatusOK {
		w.t.Fatalf("paying answers %s", res.Status)
	}
	until(w.t, "the notification", func() bool {
		for _, n := range w.provider.Notifications() {
			if !n.Done {
				return false
			}
		}
		return true
	})
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not in 20 s", what)
		}
	}
}
