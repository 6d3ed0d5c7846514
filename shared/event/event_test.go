package event_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"bazaar/shared/event"
)

type placed struct {
	OrderID string `json:"order_id"`
}

func TestBatchRoundTrip(t *testing.T) {
	one, err := event.New("order.placed", "o1", "o1", placed{OrderID: "o1"})
	if err != nil {
		t.Fatal(err)
	}
	one.TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	two := one
	two.ID = "o2"
	body, err := event.EncodeBatch([]event.Event{one, two})
	if err != nil {
		t.Fatal(err)
	}
	got, err := event.DecodeBatch(body)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, []event.Event{one, two}) {
		t.Errorf("got %+v", got)
	}
	var data placed
	if err := got[0].Decode(&data); err != nil || data.OrderID != "o1" {
		t.Errorf("data %+v, %v", data, err)
	}
}

func TestDecodeBatchRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"no array":      `{"id":"x"}`,
		"no id":         `[{"specversion":"1.0","source":"/b","type":"t"}]`,
		"no source":     `[{"specversion":"1.0","id":"x","type":"t"}]`,
		"no type":       `[{"specversion":"1.0","id":"x","source":"/b"}]`,
		"version 0.3":   `[{"specversion":"0.3","id":"x","source":"/b","type":"t"}]`,
		"trailing data": `[] []`,
	} {
		if _, err := event.DecodeBatch([]byte(body)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestUnknownAttributesAreIgnored(t *testing.T) {
	body := `[{"specversion":"1.0","id":"x","source":"/b","type":"t","newer":1,"data":{"order_id":"o","newer":[]}}]`
	got, err := event.DecodeBatch([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	var data placed
	if err := got[0].Decode(&data); err != nil || data.OrderID != "o" {
		t.Errorf("data %+v, %v", data, err)
	}
}

// FuzzDecodeBatch: what is accepted has the attributes that are required, and is
// the same after it was encoded.
func FuzzDecodeBatch(f *testing.F) {
	f.Add([]byte(`[{"specversion":"1.0","id":"x","source":"/b","type":"t","time":"2026-01-02T03:04:05Z","data":{}}]`))
	f.Add([]byte(`[null]`))
	f.Add([]byte(`[{"data":` + strings.Repeat("[", 50)))
	f.Fuzz(func(t *testing.T, body []byte) {
		batch, err := event.DecodeBatch(body)
		if err != nil {
			return
		}
		again, err := event.EncodeBatch(batch)
		if err != nil {
			t.Fatalf("what was decoded does not encode: %v", err)
		}
		same, err := event.DecodeBatch(again)
		if err != nil || len(same) != len(batch) {
			t.Fatalf("%d events were encoded, %d decode: %v", len(batch), len(same), err)
		}
		for i, e := range batch {
			if e.Validate() != nil || same[i].ID != e.ID || same[i].Type != e.Type || same[i].TraceParent != e.TraceParent || !same[i].Time.Equal(e.Time) {
				t.Errorf("event %d is %+v, and then %+v", i, e, same[i])
			}
		}
		if third, err := event.EncodeBatch(same); err != nil || !bytes.Equal(third, again) {
			t.Errorf("%s is encoded again as %s, %v", again, third, err)
		}
	})
}
