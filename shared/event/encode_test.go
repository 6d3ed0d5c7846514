package event_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"bazaar/shared/event"
)

// FuzzEncode: an event comes out of a batch as it was put in.
func FuzzEncode(f *testing.F) {
	f.Add("id-1", "order.placed", "subject", "00-x", `{"a":[1,"<&>"]}`, int64(1_700_000_000_000_000_001))
	f.Add("", "\"\\\n\u2028", "", "", "", int64(0))
	f.Add("\xff", "t", "s", "", "null", int64(-1))
	f.Fuzz(func(t *testing.T, id, typ, subject, trace, data string, at int64) {
		e := event.Event{SpecVersion: "1.0", ID: id, Source: event.Source, Type: typ, Subject: subject,
			Time: time.Unix(0, at).UTC(), DataContentType: "application/json", TraceParent: trace}
		if data != "" && json.Valid([]byte(data)) {
			e.Data = json.RawMessage(strings.Trim(data, " \t\r\n")) // blanks around a value are nobody's
		}
		one, err := event.Encode(e)
		if plain := utf8.ValidString(id + " " + typ + " " + subject + " " + trace); plain != (err == nil) {
			t.Fatalf("%+v: %v", e, err)
		}
		if err != nil {
			return
		}
		var again event.Event
		if err := json.Unmarshal(one, &again); err != nil {
			t.Fatalf("%s: %v", one, err)
		}
		if !again.Time.Equal(e.Time) {
			t.Errorf("%s is of %s, not %s", one, again.Time, e.Time)
		}
		again.Time = e.Time
		if !reflect.DeepEqual(again, e) {
			t.Errorf("%+v is %+v in a batch", e, again)
		}
	})
}
