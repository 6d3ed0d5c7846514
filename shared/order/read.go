package order

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
	"bazaar/shared/pg"
)

// missing reports whether err says that no such order can be: no row, or an id
// that is no UUID.
func missing(err error) bool {
	return errors.Is(err, pgx.ErrNoRows) || pg.IsCode(err, "22P02")
}

// addLines fills in the lines of the orders.
func addLines(ctx context.Context, q pg.Querier, orders []*Order) error {
	if len(orders) == 0 {
		return nil
	}
	ids, byID := make([]string, len(orders)), make(map[string]*Order, len(orders))
	for i, o := range orders {
		ids[i], byID[o.ID] = o.ID, o
	}
	rows, err := q.Query(ctx, `select order_id::text, sku, quantity::bigint, amount from orders.line
		where order_id = any($1::text[]::uuid[]) order by order_id, line_no`, ids)
	if err != nil {
		return pg.Fault(err, "reading the lines of orders")
	}
	var id string
	var l Line
	_, err = pgx.ForEachRow(rows, []any{&id, &l.SKU, &l.Quantity, &l.Amount}, func() error {
		byID[id].Lines = append(byID[id].Lines, l)
		return nil
	})
	return pg.Fault(err, "reading the lines of orders")
}

// ByID reads an order with its lines. A fault not_found where there is none.
func (Store) ByID(ctx context.Context, q pg.Querier, id string) (*Order, error) {
	o := &Order{}
	err := scan(q.QueryRow(ctx, `select `+columns+` from orders.order where order_id = $1`, id), o)
	if missing(err) {
		return nil, NotFound()
	}
	if err != nil {
		return nil, pg.Fault(err, "reading an order")
	}
	return o, addLines(ctx, q, []*Order{o})
}

// Views gives the views of those orders of ids that the store has, by id. Every
// id must be a UUID.
func (Store) Views(ctx context.Context, q pg.Querier, ids []string) (map[string]View, error) {
	rows, err := q.Query(ctx, `select `+columns+` from orders.order where order_id = any($1::text[]::uuid[])`, ids)
	orders, err := collect(rows, err, "reading orders")
	if err != nil {
		return nil, err
	}
	list, err := views(ctx, q, orders)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]View, len(list))
	for _, v := range list {
		byID[v.OrderID] = v
	}
	return byID, nil
}

// views completes the orders, in their order.
func views(ctx context.Context, q pg.Querier, orders []*Order) ([]View, error) {
	if err := addLines(ctx, q, orders); err != nil {
		return nil, err
	}
	list, at, ids := make([]View, len(orders)), make(map[string]int, len(orders)), make([]string, len(orders))
	for i, o := range orders {
		list[i], at[o.ID], ids[i] = o.view(), i, o.ID
	}
	rows, err := q.Query(ctx, `select order_id::text, from_state, to_state, event, at from orders.history
		where order_id = any($1::text[]::uuid[]) order by order_id, version`, ids)
	if err != nil {
		return nil, pg.Fault(err, "reading the history of orders")
	}
	var id string
	var step Step
	_, err = pgx.ForEachRow(rows, []any{&id, &step.From, &step.To, &step.Event, &step.At}, func() error {
		step.At = step.At.UTC()
		v := &list[at[id]]
		v.History = append(v.History, step)
		return nil
	})
	return list, pg.Fault(err, "reading the history of orders")
}

// Page says which part of a list is wanted.
type Page struct {
	UserID string // "" is everybody's
	Limit  int    // 1..100
	After  string // the cursor that the page before gave, or ""
}

// List gives a page of orders, the newest first, and the cursor of the next
// page: "" at the end. Orders that are only in the queue are not in it. A wrong
// cursor is a fault invalid_cursor.
func (Store) List(ctx context.Context, q pg.Querier, p Page) ([]View, string, error) {
	at, id, err := readCursor(p.After)
	if err != nil {
		return nil, "", err
	}
	// The conditions are put together, so that each list has the plan of its own index.
	conditions, args := []string{"true"}, []any{p.Limit + 1}
	if p.UserID != "" {
		args = append(args, p.UserID)
		conditions = append(conditions, fmt.Sprintf("user_id = $%d", len(args)))
	}
	if p.After != "" {
		args = append(args, at, id)
		conditions = append(conditions, fmt.Sprintf("(created_at, order_id) < ($%d, $%d::uuid)", len(args)-1, len(args)))
	}
	rows, err := q.Query(ctx, `select `+columns+` from orders.order where `+strings.Join(conditions, " and ")+
		` order by created_at desc, order_id desc limit $1`, args...)
	orders, err := collect(rows, err, "listing orders")
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(orders) > p.Limit {
		orders = orders[:p.Limit]
		last := orders[p.Limit-1]
		next = cursor(last.CreatedAt, last.ID)
	}
	list, err := views(ctx, q, orders)
	return list, next, err
}

func cursor(at time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(at.UTC().Format(time.RFC3339Nano) + " " + id))
}

func readCursor(text string) (at time.Time, id string, err error) {
	if text == "" {
		return at, id, nil
	}
	wrong := fault.New(fault.Invalid, "invalid_cursor", "The cursor is not one that a list gave.").At("after")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return at, id, wrong
	}
	when, id, found := strings.Cut(string(raw), " ")
	at, err = time.Parse(time.RFC3339Nano, when)
	if err != nil || !found || !IsID(id) {
		return at, id, wrong.Because(fmt.Errorf("cursor %q", raw))
	}
	return at, id, nil
}

// IsID reports whether s can be the id of an order: a UUID in lower case, as the
// store gives it back, so that one order has one name.
func IsID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range s {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || (!dash && !strings.ContainsRune("0123456789abcdef", c)) {
			return false
		}
	}
	return true
}
