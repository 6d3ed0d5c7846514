package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"bazaar/shared/auth"
	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
	"bazaar/shared/money"
	"bazaar/shared/order"
)

// shop is all that the step asks for, in memory.
type shop struct {
	mu       sync.Mutex
	prices   map[string]money.Money
	keys     map[string]*record
	doubtful bool
	unsure   bool          // of prices
	unread   time.Duration // age of the list of who has signed out
	noStore  error         // of Begin
	noQueue  error         // of Publish
	queued   []event.Event
	decided  map[string]order.View
	postgres map[string]idem.Record
}

type record struct {
	idem.Record
	state idem.Outcome
}

func newShop() *shop {
	return &shop{
		prices: map[string]money.Money{"tea": {Amount: 250, Currency: "CNY"}, "pot": {Amount: 9900, Currency: "CNY"},
			"mug": {Amount: 700, Currency: "EUR"}, "gem": {Amount: 1 << 62, Currency: "CNY"}},
		keys: map[string]*record{}, decided: map[string]order.View{}, postgres: map[string]idem.Record{},
	}
}

func (s *shop) Now(context.Context) (map[string]money.Money, bool, error) {
	return s.prices, !s.unsure, nil
}

func (s *shop) Publish(_ context.Context, e event.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noQueue == nil {
		s.queued = append(s.queued, e)
	}
	return s.noQueue
}

func (s *shop) For(_ context.Context, id string, _ time.Duration) (order.View, bool) {
	v, ok := s.decided[id]
	return v, ok
}

func (s *shop) known(_ context.Context, id string) (idem.Record, bool, error) {
	r, ok := s.postgres[id]
	return r, ok, nil
}

func (s *shop) Begin(_ context.Context, c idem.Claim) (idem.Record, idem.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noStore != nil {
		return idem.Record{}, idem.Absent, s.noStore
	}
	r, found := s.keys[c.Key.ID()]
	switch {
	case !found && c.Join:
		return idem.Record{}, idem.Absent, nil
	case !found:
		r = &record{idem.Record{ID: c.Key.ID(), Fingerprint: c.Fingerprint, Progress: c.Progress, Doubtful: s.doubtful}, idem.Running}
		s.keys[r.ID] = r
		return r.Record, idem.Began, nil
	case r.Fingerprint != c.Fingerprint:
		return r.Record, idem.Reused, nil
	case r.state == idem.TakenOver:
		r.state = idem.Running
		return r.Record, idem.TakenOver, nil
	}
	return r.Record, r.state, nil
}

func (s *shop) Finish(_ context.Context, r idem.Record, a idem.Answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[r.ID].state, s.keys[r.ID].Answer = idem.Finished, a
	return nil
}

func (s *shop) Yield(_ context.Context, r idem.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[r.ID].state = idem.TakenOver
	return nil
}

func (s *shop) Free(_ context.Context, r idem.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, r.ID)
	return nil
}

// Verify takes the token for the user's name.
func (*shop) Verify(token string) (auth.Claims, error) { return auth.Claims{Subject: token}, nil }
func (*shop) Revoked(string) bool                      { return false }
func (s *shop) Age() time.Duration                     { return s.unread }

// order posts a body under a key and gives the answer.
func (s *shop) order(t *testing.T, user, key, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	h := &Handler{Prices: s, Keys: s, Queue: s, Known: s.known, Decided: s}
	served, err := fn.Handler("create-order", routes(fn.UserDoor{Tokens: s, Revoked: s}, h, 10*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+user)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	served.ServeHTTP(w, r)
	return w
}

func away() error { return fault.New(fault.Unavailable, "unavailable", "Away.").After(time.Second) }
