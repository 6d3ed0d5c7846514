package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"bazaar/infra/local"
	"bazaar/shared/auth"
	"bazaar/tests/support"
)

const (
	products = 100
	units    = 1_000_000_000 // of each: nothing sells out
	price    = 1990
)

// shop is a running system with products, and its books of who has ordered.
type shop struct {
	*support.System
	issuer *auth.Issuer
	keys   counter        // idempotency keys so far
	run    string         // makes them unique
	beside map[int]string // what else is metered, by process
}

func openShop(ctx context.Context, stack string) (*shop, error) {
	system, err := support.StartSystem("--stack", stack)
	if err != nil {
		return nil, err
	}
	s := &shop{System: system, run: uuid.NewString()[:8]}
	if err := s.furnish(ctx); err != nil {
		return nil, fmt.Errorf("%w (stopping: %v)", err, s.Stop())
	}
	return s, nil
}

// furnish puts the products in, over the catalogue's own routes.
func (s *shop) furnish(ctx context.Context) (err error) {
	if s.issuer, err = s.Issuer(time.Hour); err != nil {
		return err
	}
	admin, err := s.token("admin", auth.RoleAdmin)
	if err != nil {
		return err
	}
	for i := range products {
		sku := skuOf(i)
		err := s.send(ctx, admin, "PUT", "catalog/"+sku, map[string]any{
			"title": "A product of the benchmark", "price": map[string]any{"amount": price, "currency": "CNY"}}, http.StatusCreated)
		if err != nil {
			return err
		}
		if err := s.send(ctx, admin, "POST", "catalog/"+sku+"/restock", map[string]any{"quantity": units}, http.StatusOK); err != nil {
			return err
		}
	}
	return nil
}

func skuOf(i int) string { return fmt.Sprintf("bench-%03d", i) }

func (s *shop) token(user string, roles ...string) (string, error) {
	return s.issuer.Issue(auth.Claims{Subject: user, SessionID: uuid.NewString(), Roles: roles})
}

// send makes one call that is not measured.
func (s *shop) send(ctx context.Context, token, method, path string, body any, want int) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encoding a request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.Gateway+"/function/"+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Idempotency-Key", s.key())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("calling %s: %w", path, err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != want {
		return fmt.Errorf("calling %s: answered %s: %s (%v)", path, res.Status, answer, err)
	}
	return nil
}

func (s *shop) key() string { return s.run + "-" + strconv.FormatInt(s.keys.next(), 10) }

// host is where the gateway listens.
func (s *shop) host() string { return strings.TrimPrefix(s.Gateway, "http://") }

// part gives the one process of a function, service or store.
func (s *shop) part(name string) (local.Part, error) {
	state, err := s.State()
	if err != nil {
		return local.Part{}, err
	}
	for _, p := range state.Processes {
		if p.Name == name && p.Pid != 0 {
			return p, nil
		}
	}
	return local.Part{}, fmt.Errorf("%s does not run", name)
}

// hold stops reserve-stock where it is, or lets it go on: meanwhile the trigger
// waits for the few calls that it has begun, and the queue fills. (To stop the
// trigger instead would lose the message that is on its way to it, until it
// comes again after half a minute.)
func (s *shop) hold(held bool) error {
	p, err := s.part("reserve-stock")
	if err != nil {
		return err
	}
	sign := syscall.SIGCONT
	if held {
		sign = syscall.SIGSTOP
	}
	if err := syscall.Kill(p.Pid, sign); err != nil {
		return fmt.Errorf("stopping %s: %w", p.Name, err)
	}
	return nil
}
