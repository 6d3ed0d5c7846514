package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// buyers are users with tokens, one for each connection of a load.
type buyers struct {
	shop  *shop
	users []string
	heads []string // of their requests, up to the path's end and from there to the key
	lines []string // bodies of orders to choose from
}

// newBuyers makes n users that nobody has seen before.
func (s *shop) newBuyers(n int) (*buyers, error) {
	b := &buyers{shop: s}
	group := uuid.NewString()[:8]
	for i := range n {
		user := fmt.Sprintf("bench-%s-%03d", group, i)
		token, err := s.token(user)
		if err != nil {
			return nil, err
		}
		b.users = append(b.users, user)
		b.heads = append(b.heads, " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer "+token+
			"\r\nContent-Type: application/json\r\nIdempotency-Key: ")
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 256 { // two products each
		first := random.IntN(products)
		second := (first + 1 + random.IntN(products-1)) % products
		b.lines = append(b.lines, fmt.Sprintf(`{"lines":[{"sku":%q,"quantity":%d},{"sku":%q,"quantity":1}]}`,
			skuOf(first), 1+random.IntN(3), skuOf(second)))
	}
	return b, nil
}

// ordering is the load of these buyers on create-order.
func (b *buyers) ordering() *load {
	return &load{addr: b.shop.host(), request: func(into []byte, caller int) []byte {
		n := b.shop.keys.next()
		return b.request(into, "/function/create-order", caller, n, b.lines[int(n)%len(b.lines)])
	}}
}

// nothing is the load on the function that does nothing.
func (b *buyers) nothing() *load { return b.idling(b.shop.host(), "/function/empty") }

// echoing is the load of the same requests on the function that does nothing,
// which answers in the same size.
func (b *buyers) echoing() *load {
	return &load{addr: b.shop.host(), request: func(into []byte, caller int) []byte {
		n := b.shop.keys.next()
		return b.request(into, "/function/empty/order", caller, n, b.lines[int(n)%len(b.lines)])
	}}
}

// idling is the load of the same buyers on the function that does nothing.
func (b *buyers) idling(addr, path string) *load {
	return &load{addr: addr, request: func(into []byte, caller int) []byte {
		return b.request(into, path, caller, b.shop.keys.next(), "{}")
	}}
}

func (b *buyers) request(into []byte, path string, caller int, key int64, body string) []byte {
	into = append(into, "POST "...)
	into = append(into, path...)
	into = append(into, b.heads[caller]...)
	into = append(into, b.shop.run...)
	into = append(into, '-')
	into = strconv.AppendInt(into, key, 10)
	into = append(into, "\r\nContent-Length: "...)
	into = strconv.AppendInt(into, int64(len(body)), 10)
	into = append(into, "\r\n\r\n"...)
	return append(into, body...)
}

// persisted counts the orders of these buyers that PostgreSQL has.
func (b *buyers) persisted(ctx context.Context) (n int, err error) {
	err = b.shop.Pool.QueryRow(ctx, `select count(*) from orders.order where user_id = any($1)`, b.users).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting orders: %w", err)
	}
	return n, nil
}

// sample is how many orders there were at a time.
type sample struct {
	after  time.Duration
	orders int
}

const (
	sampleEvery = 20 * time.Millisecond
	drainWithin = 2 * time.Minute
)

// drained counts until want orders are there.
func (b *buyers) drained(ctx context.Context, want int) ([]sample, error) {
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	began := time.Now()
	var samples []sample
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		n, err := b.persisted(ctx)
		if err != nil {
			return samples, err
		}
		samples = append(samples, sample{time.Since(began), n})
		if n == want {
			return samples, nil
		}
		if n > want {
			return samples, fmt.Errorf("%d orders are stored, %d were accepted", n, want)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return samples, fmt.Errorf("%d of %d orders are stored: %w", n, want, ctx.Err())
		}
	}
}

// speed is the orders a second between a tenth and nine tenths of the whole:
// without the start and without the last, smaller batches.
func speed(samples []sample) float64 {
	if len(samples) == 0 {
		return 0
	}
	want := samples[len(samples)-1].orders
	var from, to sample
	for _, s := range samples {
		if s.orders*10 <= want {
			from = s
		}
		if to.orders == 0 && s.orders*10 >= want*9 {
			to = s
		}
	}
	return float64(to.orders-from.orders) / (to.after - from.after).Seconds()
}
