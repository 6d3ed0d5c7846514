package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/auth"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
	"bazaar/shared/pg"
)

// scope is the scope of this function's idempotency keys: they give the
// payment ids.
const scope = "create-payment"

// lease is how long one call may work under a key. It leaves room for two
// questions to the provider.
const lease = 10 * time.Second

// Handler holds the steps.
type Handler struct {
	Store interface {
		pg.Querier
		InTx(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error
	}
	Orders interface {
		Payable(ctx context.Context, tx pgx.Tx, orderID, userID string) (order.Payable, error)
	}
	Accepted order.Memory
	Payments interface {
		Open(ctx context.Context, q pg.Querier, d payment.Draft) (payment.Payment, error)
		ByID(ctx context.Context, q pg.Querier, id string) (payment.Payment, error)
		Latest(ctx context.Context, q pg.Querier, orderID string) (*payment.Payment, error)
		Started(ctx context.Context, q pg.Querier, id, qrCode, payURL string) error
		Closed(ctx context.Context, q pg.Querier, id string) error
	}
	Provider interface {
		Precreate(ctx context.Context, o alipay.Order) (qrCode string, err error)
		Query(ctx context.Context, outTradeNo string) (alipay.Trade, error)
	}
	Keys idem.Store
	Log  *slog.Logger
}

// request is the body of Create.
type request struct {
	Provider string `json:"provider"`
}

// Create starts a payment for an order of the caller. One attempt of an order
// is open at a time: a second key, while the first attempt can still be paid,
// answers with that same payment, so its payment_id need not come from the key.
func (h *Handler) Create(ctx context.Context, c fn.Call, in request) (fn.Reply, error) {
	orderID := c.Params["order"]
	if in.Provider != alipay.Provider {
		return fn.Reply{}, fault.New(fault.Invalid, "unknown_provider", "The provider must be %s.", alipay.Provider).At("provider")
	}
	if !payment.IsID(orderID) {
		return fn.Reply{}, order.NotFound()
	}
	print, err := idem.Fingerprint([]string{orderID, in.Provider})
	if err != nil {
		return fn.Reply{}, err
	}
	key := idem.Key{Scope: scope, Owner: c.Caller.Subject, Key: c.Key}
	answer, replayed, err := idem.Do(ctx, h.Keys, idem.Request{Key: key, Fingerprint: print, Lease: lease, Log: h.Log},
		func(ctx context.Context, a idem.Attempt) (idem.Answer, error) {
			p, err := h.start(ctx, payment.Draft{ID: a.ID, OrderID: orderID, UserID: c.Caller.Subject, Provider: in.Provider})
			if err != nil {
				return idem.Answer{}, err
			}
			return idem.JSON(http.StatusCreated, p.View())
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

// Show answers a payment to its buyer or to an admin.
func (h *Handler) Show(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	p, err := h.Payments.ByID(ctx, h.Store, c.Params["payment"])
	if err != nil {
		return fn.Reply{}, err
	}
	if p.UserID != c.Caller.Subject && !c.Caller.Has(auth.RoleAdmin) {
		return fn.Reply{}, payment.NotFound()
	}
	return fn.Reply{Body: p.View()}, nil
}
