package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/auth"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
	"bazaar/shared/pg"
)

const orderID = "0b5ec5d0-8c3f-5d3a-9a57-0f2f6b6f2a11"

// shop is everything around the handler, in memory.
type shop struct {
	pg.Querier
	payable  error // what Payable says
	amount   int64 // of the order; 8800 unless said
	queued   map[string]order.Draft
	payments []payment.Payment
	answers  map[string]idem.Record

	precreate func(alipay.Order) (string, error)
	trade     alipay.Trade
	queryErr  error
	asked     []alipay.Order
	inTx      bool
}

func (s *shop) InTx(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	s.inTx = true
	defer func() { s.inTx = false }()
	return f(ctx, nil)
}

func (s *shop) Payable(_ context.Context, _ pgx.Tx, id, user string) (order.Payable, error) {
	if id != orderID || user != "alice" {
		return order.Payable{}, order.NotFound()
	}
	return order.Payable{Amount: cmp.Or(s.amount, 8800), Currency: "CNY", ExpiresAt: time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)}, s.payable
}

// Find is create-order's memory.
func (s *shop) Find(_ context.Context, id string) (idem.Record, bool, error) {
	d, found := s.queued[id]
	draft, err := json.Marshal(d)
	return idem.Record{Progress: draft}, found, err
}

func (s *shop) find(match func(payment.Payment) bool) *payment.Payment {
	for i := range s.payments {
		if match(s.payments[i]) {
			return &s.payments[i]
		}
	}
	return nil
}

func (s *shop) Open(_ context.Context, _ pg.Querier, d payment.Draft) (payment.Payment, error) {
	if p := s.find(func(p payment.Payment) bool { return p.ID == d.ID }); p != nil {
		return *p, nil
	}
	if s.find(payment.Payment.Open) != nil {
		return payment.Payment{}, payment.ErrOpen
	}
	n := len(s.payments) + 1
	p := payment.Payment{ID: d.ID, OrderID: d.OrderID, UserID: d.UserID, Attempt: n, Provider: d.Provider,
		OutTradeNo: fmt.Sprintf("o_%d", n), Status: payment.Wait, Amount: d.Amount, Currency: d.Currency}
	s.payments = append(s.payments, p)
	return p, nil
}

func (s *shop) ByID(_ context.Context, _ pg.Querier, id string) (payment.Payment, error) {
	if p := s.find(func(p payment.Payment) bool { return p.ID == id }); p != nil {
		return *p, nil
	}
	return payment.Payment{}, payment.NotFound()
}

func (s *shop) Latest(context.Context, pg.Querier, string) (*payment.Payment, error) {
	if len(s.payments) == 0 {
		return nil, nil
	}
	p := s.payments[len(s.payments)-1]
	return &p, nil
}

func (s *shop) Started(_ context.Context, _ pg.Querier, id, qr, url string) error {
	p := s.find(func(p payment.Payment) bool { return p.ID == id })
	p.QRCode, p.PayURL = qr, url
	return nil
}

func (s *shop) Closed(_ context.Context, _ pg.Querier, id string) error {
	s.find(func(p payment.Payment) bool { return p.ID == id }).Status = payment.Closed
	return nil
}

// provider asks the shop's provider.
type provider struct{ s *shop }

func (p provider) Precreate(_ context.Context, o alipay.Order) (string, error) {
	s := p.s
	if s.inTx {
		return "", errors.New("the provider was asked inside a transaction")
	}
	s.asked = append(s.asked, o)
	if s.precreate != nil {
		return s.precreate(o)
	}
	return "https://pay/" + o.OutTradeNo, nil
}

func (p provider) Query(context.Context, string) (alipay.Trade, error) {
	s := p.s
	if s.inTx {
		return alipay.Trade{}, errors.New("the provider was asked inside a transaction")
	}
	return s.trade, s.queryErr
}

func (s *shop) Begin(_ context.Context, c idem.Claim) (idem.Record, idem.Outcome, error) {
	known, there := s.answers[c.Key.ID()]
	switch {
	case !there:
		r := idem.Record{ID: c.Key.ID(), Fingerprint: c.Fingerprint, Holder: c.Holder}
		s.answers[r.ID] = r
		return r, idem.Began, nil
	case known.Fingerprint != c.Fingerprint:
		return known, idem.Reused, nil
	case known.Answer.Status != 0:
		return known, idem.Finished, nil
	}
	return known, idem.TakenOver, nil
}

func (s *shop) Finish(_ context.Context, r idem.Record, a idem.Answer) error {
	r.Answer = a
	s.answers[r.ID] = r
	return nil
}

func (s *shop) Yield(context.Context, idem.Record) error { return nil }

func (s *shop) Free(_ context.Context, r idem.Record) error {
	delete(s.answers, r.ID)
	return nil
}

// door lets in whoever says who they are.
type door struct{}

func (door) Verify(token string) (auth.Claims, error) {
	user, role, _ := strings.Cut(token, "+")
	return auth.Claims{Subject: user, Roles: []string{role}}, nil
}
func (door) Revoked(string) bool { return false }
func (door) Age() time.Duration  { return 0 }

func (s *shop) call(t *testing.T, method, target, user, key, body string) (*http.Response, map[string]any) {
	t.Helper()
	if s.answers == nil {
		s.answers = map[string]idem.Record{}
	}
	h := &Handler{Store: s, Orders: s, Payments: s, Provider: provider{s}, Keys: s, Accepted: s, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	buyer := fn.UserDoor{Tokens: door{}, Revoked: door{}}
	served, err := fn.Handler("create-payment", fn.Routes{
		fn.User(buyer, "POST /{order}", fn.Step(h.Create), fn.Money(), fn.NeedsKey()),
		fn.User(buyer, "GET /{payment}", fn.Step(h.Show)),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+user)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	served.ServeHTTP(w, r)
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return w.Result(), out
}

func (s *shop) create(t *testing.T, key string) (*http.Response, map[string]any) {
	t.Helper()
	return s.call(t, "POST", "/"+orderID, "alice", key, `{"provider":"alipay"}`)
}
