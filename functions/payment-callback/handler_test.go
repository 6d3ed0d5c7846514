package main

import (
	"context"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
	"bazaar/shared/pg"
)

func merchant() alipay.Merchant {
	return alipay.Merchant{AppID: "2021000000000001", SellerID: "2088000000000001"}
}

var keys = sync.OnceValues(func() (*rsa.PrivateKey, error) {
	private, _, err := alipay.NewKeyPair()
	if err != nil {
		return nil, err
	}
	return alipay.PrivateKey(private)
})

// store is a store in memory: what a transaction did is there when it ends well.
type store struct {
	away      bool
	notices   []payment.Notice
	recorded  []event.Event
	announced []event.Event
	inTx      bool
}

func (s *store) InTx(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	if s.away {
		return fault.New(fault.Unavailable, "unavailable", "away")
	}
	s.inTx = true
	defer func() { s.inTx = false }()
	return f(ctx, nil)
}

func (s *store) Notify(_ context.Context, _ pg.Querier, n payment.Notice) (int64, bool, error) {
	for i, known := range s.notices {
		if known.NotifyID == n.NotifyID {
			return int64(i + 1), false, nil
		}
	}
	s.notices = append(s.notices, n)
	return int64(len(s.notices)), true, nil
}

func (s *store) record(_ context.Context, _ pg.Querier, evs ...event.Event) error {
	if !s.inTx {
		return errors.New("recorded outside the transaction")
	}
	s.recorded = append(s.recorded, evs...)
	return nil
}

func (s *store) announce(_ context.Context, evs ...event.Event) {
	if !s.inTx {
		s.announced = append(s.announced, evs...)
	}
}

func serve(t *testing.T, s *store) http.Handler {
	t.Helper()
	key, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{
		Transactions: s, Payments: s, Provider: &key.PublicKey, Merchant: merchant(), Record: s.record, Announce: s.announce,
		Watch: newWatch(slog.New(slog.NewTextHandler(io.Discard, nil)), prometheus.NewRegistry()),
	}
	served, err := fn.Handler("payment-callback", fn.Routes{fn.Raw("POST /alipay", h.Take)})
	if err != nil {
		t.Fatal(err)
	}
	return served
}

func params() map[string]string {
	return map[string]string{
		"notify_id": "n1", "app_id": merchant().AppID, "seller_id": merchant().SellerID, "out_trade_no": "o_1",
		"trade_no": "t1", "trade_status": alipay.TradeSuccess, "total_amount": "88.00", "seller_email": "",
	}
}

func signed(t *testing.T, params map[string]string) string {
	t.Helper()
	key, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	if params["sign"], err = alipay.Sign(key, []byte(alipay.NotificationString(params))); err != nil {
		t.Fatal(err)
	}
	params["sign_type"] = alipay.RSA2
	return alipay.EncodeForm(params)
}

func post(h http.Handler, target, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const form = "application/x-www-form-urlencoded; charset=utf-8"

func TestTakeStoresThenAnswersSuccess(t *testing.T) {
	t.Parallel()
	s := &store{}
	h := serve(t, s)
	for range 2 {
		if w := post(h, "/alipay", form, signed(t, params())); w.Code != 200 || w.Body.String() != "success" {
			t.Fatalf("%d %q", w.Code, w.Body)
		}
	}
	if len(s.notices) != 1 || s.notices[0].State != payment.New || s.notices[0].Amount != 8800 || s.notices[0].TraceParent == "" {
		t.Errorf("stored %+v", s.notices)
	}
	if len(s.recorded) != 1 || len(s.announced) != 1 || s.recorded[0].Type != payment.Notified ||
		s.recorded[0].TraceParent != s.notices[0].TraceParent {
		t.Errorf("recorded %+v, announced %+v", s.recorded, s.announced)
	}
}

func TestTakeRejectsWhatIsSignedButNotOurs(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{"app_id": "2021000000000009", "seller_id": "2088000000000009", "total_amount": "1e4"} {
		s := &store{}
		p := params()
		p[name] = change
		if w := post(serve(t, s), "/alipay", form, signed(t, p)); w.Code != 200 || w.Body.String() != "success" {
			t.Errorf("%s: %d %q", name, w.Code, w.Body)
		}
		if len(s.notices) != 1 || s.notices[0].State != payment.Rejected || len(s.recorded)+len(s.announced) != 0 {
			t.Errorf("%s: stored %+v, recorded %+v", name, s.notices, s.recorded)
		}
	}
}

func TestTakeStoresNothingThatIsNotSigned(t *testing.T) {
	t.Parallel()
	good := signed(t, params())
	for name, c := range map[string]struct{ target, contentType, body string }{
		"a tampered amount":          {"/alipay", form, strings.Replace(good, "88.00", "0.01", 1)},
		"sign_type RSA":              {"/alipay", form, strings.Replace(good, "sign_type=RSA2", "sign_type=RSA", 1)},
		"a parameter twice":          {"/alipay", form, good + "&total_amount=88.00"},
		"a parameter in the address": {"/alipay?total_amount=0.01", form, good},
		"all in the address":         {"/alipay?" + good, form, ""},
		"JSON":                       {"/alipay", "application/json", good},
		"no type":                    {"/alipay", "", good},
		"no body":                    {"/alipay", form, ""},
	} {
		s := &store{}
		w := post(serve(t, s), c.target, c.contentType, c.body)
		if w.Code != 200 || w.Body.String() != "failure" {
			t.Errorf("%s: %d %q", name, w.Code, w.Body)
		}
		if len(s.notices)+len(s.recorded)+len(s.announced) != 0 {
			t.Errorf("%s: stored %+v", name, s.notices)
		}
	}
}

func TestTakeDoesNotAnswerSuccessWithoutAStore(t *testing.T) {
	t.Parallel()
	w := post(serve(t, &store{away: true}), "/alipay", form, signed(t, params()))
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "success") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestTakeBoundsTheBody(t *testing.T) {
	t.Parallel()
	w := post(serve(t, &store{}), "/alipay", form, signed(t, params())+"&x="+strings.Repeat("x", 1<<17))
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d", w.Code)
	}
}
