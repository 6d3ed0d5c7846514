package order

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"bazaar/shared/fault"
	"bazaar/shared/idem"
)

// FuzzCursor: what is taken for a cursor names a place in the list, and the
// cursor of that place leads there again.
func FuzzCursor(f *testing.F) {
	id := "0b6f5a0e-6d5c-5a55-8f3e-6a2f9a3d6c11"
	good := cursor(time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), id)
	for _, text := range []string{good, good + "=", good[:20], "", "!", cursor(time.Time{}, id), cursor(time.Date(9999, 12, 31, 23, 59, 59, 1, time.UTC), id), cursor(time.Now(), strings.ToUpper(id)), cursor(time.Now(), "x")} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, id, err := readCursor(text)
		switch {
		case err != nil && (!fault.Is(err, "invalid_cursor") || fault.KindOf(err) != fault.Invalid):
			t.Errorf("%q: %v", text, err)
		case err != nil || text == "":
			return
		}
		// PostgreSQL knows the years from 4714 BC to 294276.
		if !IsID(id) || at.UTC().Year() < -1 || at.UTC().Year() > 10_000 {
			t.Errorf("%q is %s %q", text, at, id)
		}
		if at.UTC().Year() > 9999 || at.UTC().Year() < 0 {
			return // of a time zone only: no order was placed then
		}
		sameAt, sameID, err := readCursor(cursor(at, id))
		if err != nil || !sameAt.Equal(at) || sameID != id {
			t.Errorf("%q is %s %s, and then %s %s, %v", text, at, id, sameAt, sameID, err)
		}
	})
}

// FuzzIsID: an id is a UUID as the store writes it.
func FuzzIsID(f *testing.F) {
	for _, text := range []string{"0b6f5a0e-6d5c-5a55-8f3e-6a2f9a3d6c11", "0B6F5A0E-6D5C-5A55-8F3E-6A2F9A3D6C11", "", "{}", "0b6f5a0e6d5c5a558f3e6a2f9a3d6c11",
		"{0b6f5a0e-6d5c-5a55-8f3e-6a2f9a3d6c11}", "0b6f5a0e-6d5c-5a55-8f3e-6a2f9a3dé1", "urn:uuid:0b6f5a0e-6d5c-5a55-8f3e-6a2f9a3d6c11"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := uuid.Parse(text)
		if good := err == nil && id.String() == text; good != IsID(text) {
			t.Errorf("%q: %t", text, !good)
		}
	})
}

// memory is a record of one order.
type memory []byte

func (m memory) Find(_ context.Context, id string) (idem.Record, bool, error) {
	return idem.Record{ID: id, Progress: m}, true, nil
}

// FuzzAccepted: what stands in the memory as the draft of an order is shown as
// that order, or not at all.
func FuzzAccepted(f *testing.F) {
	const id = "0b6f5a0e-6d5c-5a55-8f3e-6a2f9a3d6c11"
	for _, text := range []string{`{"order_id":"` + id + `","user_id":"u","currency":"CNY","amount":5,"lines":[{"sku":"a","quantity":1,"amount":5}],"placed_at":"2026-01-02T03:04:05Z"}`,
		"", "{}", "null", "[]", `{"order_id":"x"}`, `{"order_id":"` + id + `","lines":null}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, found, err := Accepted(t.Context(), memory(text), id)
		switch {
		case err != nil && (found || d.OrderID != "" || fault.KindOf(err) != fault.Internal):
			t.Errorf("%q: %+v, %t, %v", text, d, found, err)
		case err == nil && (!found || d.OrderID != id && len(text) > 0):
			t.Errorf("%q is %+v, %t", text, d, found)
		case err == nil && len(text) > 0:
			if v := PlacedView(d); v.OrderID != id || len(v.Lines) != len(d.Lines) || v.Status != StatePlaced {
				t.Errorf("%q is shown as %+v", text, v)
			}
		}
	})
}
