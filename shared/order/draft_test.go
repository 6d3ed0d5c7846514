package order_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/order"
)

func good() order.Draft {
	return order.Draft{
		OrderID: "0b6f5a0e-6d5c-5a55-8f3e-6a2f9a3d6c11", UserID: "alice", Fingerprint: "f", Currency: "CNY", Amount: 2500,
		Lines:    []order.Line{{SKU: "a", Quantity: 2, Amount: 1000}, {SKU: "b", Quantity: 1, Amount: 500}},
		PlacedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func TestDraftsAreValidated(t *testing.T) {
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*order.Draft){
		"no id":                 func(d *order.Draft) { d.OrderID = "" },
		"an id that is no UUID": func(d *order.Draft) { d.OrderID = "{}" },
		"an id in capitals":     func(d *order.Draft) { d.OrderID = strings.ToUpper(d.OrderID) },
		"no user":               func(d *order.Draft) { d.UserID = "" },
		"a user with NUL":       func(d *order.Draft) { d.UserID = "a\x00" },
		"a user without end":    func(d *order.Draft) { d.UserID = strings.Repeat("a", 3000) },
		"no currency":           func(d *order.Draft) { d.Currency = "" },
		"a currency of 3 bytes": func(d *order.Draft) { d.Currency = "€" },
		"a print with NUL":      func(d *order.Draft) { d.Fingerprint = "\x00" },
		"a SKU with NUL":        func(d *order.Draft) { d.Lines[0].SKU = "a\x00" },
		"a SKU without end":     func(d *order.Draft) { d.Lines[0].SKU = strings.Repeat("a", 3000) },
		"no time":               func(d *order.Draft) { d.PlacedAt = time.Time{} },
		"no lines":              func(d *order.Draft) { d.Lines = nil },
		"51 lines":              func(d *order.Draft) { d.Lines = make([]order.Line, 51) },
		"a SKU twice":           func(d *order.Draft) { d.Lines[1].SKU = "a" },
		"quantity 0":            func(d *order.Draft) { d.Lines[0].Quantity = 0 },
		"quantity -1":           func(d *order.Draft) { d.Lines[0].Quantity = -1 },
		"quantity 1001":         func(d *order.Draft) { d.Lines[0].Quantity = 1001 },
		"a negative price":      func(d *order.Draft) { d.Lines[0].Amount = -1 },
		"a sum too small":       func(d *order.Draft) { d.Amount-- },
		"a sum too large":       func(d *order.Draft) { d.Amount++ },
		"a product past int64":  func(d *order.Draft) { d.Lines[0].Amount = math.MaxInt64 },
		"a sum that wraps around": func(d *order.Draft) {
			d.Lines[0] = order.Line{SKU: "a", Quantity: 2, Amount: math.MaxInt64 / 2}
			d.Lines[1] = order.Line{SKU: "b", Quantity: 2, Amount: math.MaxInt64 / 2}
			d.Amount = -4
		},
	} {
		d := good()
		spoil(&d)
		if err := d.Validate(); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlacedEventRoundTrip(t *testing.T) {
	d := good()
	d.TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	e, err := order.PlacedEvent(d)
	if err != nil || e.ID != d.OrderID || e.Type != order.Placed || e.TraceParent != d.TraceParent {
		t.Fatalf("%+v %v", e, err)
	}
	got, err := order.DraftOf(e)
	if err != nil || got.TraceParent != d.TraceParent || got.Amount != d.Amount || len(got.Lines) != 2 || !got.PlacedAt.Equal(d.PlacedAt) {
		t.Errorf("%+v %v", got, err)
	}
}

// Recorded events of every version that was ever emitted are still read.
func TestRecordedEventsDecode(t *testing.T) {
	files, err := filepath.Glob("testdata/order.placed.*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded events: %v", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		batch, err := event.DecodeBatch(body)
		if err != nil || len(batch) == 0 {
			t.Fatalf("%s: %v", file, err)
		}
		for _, e := range batch {
			if _, err := order.DraftOf(e); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

// FuzzDraftOf: what is accepted adds up, can be stored, and goes around.
func FuzzDraftOf(f *testing.F) {
	f.Add([]byte(`{"order_id":"0b6f5a0e-6d5c-5a55-8f3e-6a2f9a3d6c11","user_id":"u","currency":"CNY","amount":5,"lines":[{"sku":"a","quantity":1,"amount":5}],"placed_at":"2026-01-02T03:04:05Z"}`))
	for _, spoil := range [][2]string{{"5", "5"}, {`"u"`, `"\u0000"`}, {`"u"`, `""`}, {"CNY", "cny"}, {`"a"`, `"a\u0000"`}, {`"amount":5`, `"amount":-5`}, {`"quantity":1`, `"quantity":0`},
		{"2026", "0000"}, {"03:04:05Z", "03:04:05.123456789+14:00"}, {`"lines":[`, `"lines":[{"sku":"b","quantity":2,"amount":9223372036854775807},`}, {`"order_id":"0b6`, `"order_id":"0B6`}, {"}]", "},null]"}} {
		f.Add([]byte(strings.Replace(`{"order_id":"0b6f5a0e-6d5c-5a55-8f3e-6a2f9a3d6c11","user_id":"u","fingerprint":"f","currency":"CNY","amount":5,"lines":[{"sku":"a","quantity":1,"amount":5}],"placed_at":"2026-01-02T03:04:05Z"}`, spoil[0], spoil[1], 1)))
	}
	f.Add([]byte(`{"lines":[{"quantity":9223372036854775807}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := order.DraftOf(event.Event{Type: order.Placed, ID: "x", Data: data})
		if err != nil {
			return
		}
		var sum int64
		for _, l := range d.Lines {
			sum += l.Amount * l.Quantity
		}
		if sum != d.Amount || sum < 0 || !order.IsID(d.OrderID) || strings.ContainsRune(fmt.Sprintf("%+v", d), 0) {
			t.Errorf("accepted %s", data)
		}
		e, err := order.PlacedEvent(d)
		again, err2 := order.DraftOf(e)
		if err != nil || err2 != nil || !again.PlacedAt.Equal(d.PlacedAt) {
			t.Fatalf("%s goes around as %+v: %v, %v", data, again, err, err2)
		}
		if again.PlacedAt = d.PlacedAt; !reflect.DeepEqual(again, d) {
			t.Errorf("%+v goes around as %+v", d, again)
		}
	})
}
