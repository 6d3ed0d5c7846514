package main

import (
	"context"
	"log/slog"
	"net/http"

	"bazaar/shared/catalog"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
	"bazaar/shared/money"
)

// scope is of the keys of restocks.
const scope = "restock"

const (
	maxQuantity = 1_000_000_000
	maxWords    = 200
)

// Shelf is where products and their stock are.
type Shelf interface {
	Page(ctx context.Context, s catalog.Search) (items []view, next string, err error)
	Product(ctx context.Context, sku string) (view, error)
	Put(ctx context.Context, p catalog.Product) (v view, created bool, err error)
	// Restock changes the stock and keeps the answer under r, or does neither.
	Restock(ctx context.Context, r idem.Record, sku string, quantity int64) (idem.Answer, error)
}

// Handler is the steps of the function.
type Handler struct {
	Shelf Shelf
	Keys  idem.Store
	Log   *slog.Logger
}

// view is a product as the public contract shows it.
type view struct {
	SKU       string      `json:"sku"`
	Title     string      `json:"title"`
	Price     money.Money `json:"price"`
	Available int64       `json:"available"`
	Image     *string     `json:"image"`
}

// List answers a page of the products whose title or SKU has the words of q.
func (h *Handler) List(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	limit, err := c.Limit()
	if err != nil {
		return fn.Reply{}, err
	}
	words := c.Query.Get("q")
	if len(words) > maxWords {
		return fn.Reply{}, fault.New(fault.Invalid, "invalid_query", "A search is at most %d bytes.", maxWords).At("q")
	}
	items, next, err := h.Shelf.Page(ctx, catalog.Search{Words: words, Limit: limit, After: c.Query.Get("after")})
	if err != nil {
		return fn.Reply{}, err
	}
	return fn.Reply{Body: fn.Page{Items: items, Next: next}}, nil
}

// Show answers one product.
func (h *Handler) Show(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	v, err := h.Shelf.Product(ctx, c.Params["sku"])
	if err != nil {
		return fn.Reply{}, err
	}
	return fn.Reply{Body: v}, nil
}

type putInput struct {
	Title string      `json:"title"`
	Price money.Money `json:"price"`
}

// Put writes a product: 201 for a new one. An order placed after the answer is
// priced by it.
func (h *Handler) Put(ctx context.Context, c fn.Call, in putInput) (fn.Reply, error) {
	p := catalog.Product{SKU: c.Params["sku"], Title: in.Title, Price: in.Price}
	if err := p.Validate(); err != nil {
		return fn.Reply{}, err
	}
	v, created, err := h.Shelf.Put(ctx, p)
	if err != nil {
		return fn.Reply{}, err
	}
	if created {
		return fn.Reply{Status: http.StatusCreated, Body: v}, nil
	}
	return fn.Reply{Body: v}, nil
}

type restockInput struct {
	Quantity int64 `json:"quantity"`
}

// Restock puts units in, or takes them out where the quantity is negative.
func (h *Handler) Restock(ctx context.Context, c fn.Call, in restockInput) (fn.Reply, error) {
	if in.Quantity == 0 || in.Quantity > maxQuantity || in.Quantity < -maxQuantity {
		return fn.Reply{}, fault.New(fault.Invalid, "invalid_quantity",
			"A quantity is a whole number up to %d, or down to %d, and not 0.", maxQuantity, -maxQuantity).At("quantity")
	}
	sku := c.Params["sku"]
	print, err := idem.Fingerprint(map[string]any{"sku": sku, "quantity": in.Quantity})
	if err != nil {
		return fn.Reply{}, err
	}
	answer, replayed, err := idem.Do(ctx, h.Keys, idem.Request{
		Key: idem.Key{Scope: scope, Owner: c.Caller.Subject, Key: c.Key}, Fingerprint: print, Log: h.Log,
	}, func(ctx context.Context, a idem.Attempt) (idem.Answer, error) {
		return h.Shelf.Restock(ctx, a.Record, sku, in.Quantity)
	})
	if err != nil {
		return fn.Reply{}, err
	}
	reply := fn.Reply{Status: answer.Status, Raw: answer.Body, ContentType: "application/json"}
	if replayed {
		reply.Header = map[string]string{"Idempotent-Replayed": "true"}
	}
	return reply, nil
}
