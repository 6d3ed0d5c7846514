package paysim_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bazaar/infra/paysim"
	"bazaar/shared/payment/alipay"
)

// world is a provider, its merchant, and the keys between them.
type world struct {
	t        *testing.T
	settings paysim.Settings
	provider *paysim.Provider
	server   *httptest.Server
	client   *alipay.Client
	notify   *httptest.Server
	answer   atomic.Value // of the merchant, a string
	now      atomic.Int64 // unix nanoseconds

	mu     sync.Mutex
	bodies []string // notifications as they came
}

// opening is when every test begins.
func opening() time.Time { return time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC) }

type keyPair struct{ private, public []byte }

// pairs are the merchant's and the provider's keys.
var pairs = sync.OnceValues(func() ([2]keyPair, error) {
	var two [2]keyPair
	for i := range two {
		private, public, err := alipay.NewKeyPair()
		if err != nil {
			return two, err
		}
		two[i] = keyPair{private, public}
	}
	return two, nil
})

const (
	merchantKey = 0
	providerKey = 1
)

func newWorld(t *testing.T) *world {
	t.Helper()
	keys, err := pairs()
	must(t, err)
	w := &world{t: t}
	w.answer.Store("success")
	w.now.Store(opening().UnixNano())
	w.notify = httptest.NewServer(http.HandlerFunc(w.receive))
	t.Cleanup(w.notify.Close)
	key, err := alipay.PrivateKey(keys[providerKey].private)
	must(t, err)
	public, err := alipay.PublicKey(keys[merchantKey].public)
	must(t, err)
	w.settings = paysim.Settings{
		Dir: t.TempDir(), Merchant: alipay.Merchant{AppID: "2021000000000001", SellerID: "2088000000000001"},
		Key: key, Public: public, Clock: 24_000, // 4 minutes are 10 ms
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Now: func() time.Time { return time.Unix(0, w.now.Load()) },
	}
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h, err := w.provider.Handler()
		if err != nil {
			t.Error(err)
			return
		}
		h.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.server.Close)
	w.settings.BaseURL = w.server.URL
	w.start()
	t.Cleanup(func() { must(t, w.provider.Close()) })
	w.client, err = alipay.NewClient(alipay.ClientSettings{
		Merchant: w.settings.Merchant, Gateway: w.server.URL + "/gateway.do", NotifyURL: w.notify.URL, Timeout: 5 * time.Second,
		Key: keys[merchantKey].private, Provider: keys[providerKey].public,
	})
	must(t, err)
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) start() {
	w.t.Helper()
	var err error
	w.provider, err = paysim.Open(w.settings)
	must(w.t, err)
}

func (w *world) receive(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Error(err)
	}
	w.mu.Lock()
	w.bodies = append(w.bodies, string(body))
	w.mu.Unlock()
	_, _ = io.WriteString(rw, w.answer.Load().(string))
}

func (w *world) received() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.bodies...)
}

func (w *world) order(number string) alipay.Order {
	return alipay.Order{OutTradeNo: number, Fen: 8800, Subject: "茶 & tea", Expires: opening().Add(15 * time.Minute)}
}

// code asks for the page of a number.
func (w *world) code(number string) string {
	w.t.Helper()
	page, err := w.client.Precreate(context.Background(), w.order(number))
	must(w.t, err)
	return page
}

// do asks paysim for something and decodes the JSON it answers.
func (w *world) do(method, url, body string, out any) int {
	w.t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	must(w.t, err)
	res, err := http.DefaultClient.Do(req)
	must(w.t, err)
	defer func() { _ = res.Body.Close() }()
	if out != nil {
		must(w.t, json.NewDecoder(res.Body).Decode(out))
	}
	return res.StatusCode
}

func (w *world) status(number string) string {
	w.t.Helper()
	trade, err := w.client.Query(context.Background(), number)
	var refused *alipay.Refused
	if errors.As(err, &refused) {
		return refused.SubCode
	}
	must(w.t, err)
	return trade.Status
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not in 10 s", what)
		}
	}
}

// restart stops the provider and opens its books again.
func (w *world) restart() {
	w.t.Helper()
	must(w.t, w.provider.Close())
	w.start()
}
