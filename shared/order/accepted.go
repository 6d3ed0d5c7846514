package order

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"bazaar/shared/idem"
	"bazaar/shared/pg"
)

// Memory is create-order's memory of the requests that it has accepted:
// idem.Redis.
type Memory interface {
	// Find gives the finished record of an order's id. An error while the
	// memory cannot be sure is unavailable: the order may be in the queue.
	Find(ctx context.Context, id string) (idem.Record, bool, error)
}

// Accepted gives the draft of an order that was accepted, to be asked after the
// store did not have it. A draft without an id stands for an order that has
// come into the store meanwhile.
func Accepted(ctx context.Context, m Memory, id string) (d Draft, found bool, err error) {
	record, found, err := m.Find(ctx, id)
	if err != nil || !found || len(record.Progress) == 0 {
		return Draft{}, found, err
	}
	err = json.Unmarshal(record.Progress, &d)
	if err == nil && d.OrderID != id {
		err = errors.New("it is of another order")
	}
	if err != nil {
		return Draft{}, false, fmt.Errorf("reading the draft of order %s: %w", id, err)
	}
	return d, true, nil
}

// Stored tells a memory that has lost something what the store has. The draft
// is not needed then.
func Stored(q pg.Querier) idem.Known {
	return func(ctx context.Context, id string) (idem.Record, bool, error) {
		found, err := Store{}.Views(ctx, q, []string{id})
		_, ok := found[id]
		return idem.Record{ID: id}, ok, err
	}
}
