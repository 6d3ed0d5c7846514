package trigger

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/event"
	"bazaar/shared/fault"
)

// FuzzParseSchedule: a schedule has one form, which is read as itself and fits a header.
func FuzzParseSchedule(f *testing.F) {
	for _, c := range [][2]string{{"* * * * *", ""}, {"0 */5 3 * * MON-FRI", "Asia/Shanghai"}, {"@every 1s", ""}, {"@every 1ms", ""}, {"@daily", "UTC"}, {"@every 1s", "UTC"},
		{"", ""}, {"* * * *", ""}, {"* * * * * * *", ""}, {"@reboot", ""}, {"*\n* * * *", "../etc"}, {" 0 0 * * ? ", "Local"}, {"@every 9999999h", ""}} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, text, zone string) {
		s, err := ParseSchedule(text, zone)
		if err != nil {
			if s != (Schedule{}) {
				t.Errorf("%q %q is %+v, %v", text, zone, s, err)
			}
			return
		}
		if again, err := ParseSchedule(s.Pattern, s.Zone); err != nil || again != s {
			t.Errorf("%q %q is %+v, and then %+v, %v", text, zone, s, again, err)
		}
		if strings.ContainsAny(s.Pattern+s.Zone, "\r\n\t") || s.Zone != zone || !strings.HasPrefix(s.Pattern, "@") && len(strings.Split(s.Pattern, " ")) != 6 {
			t.Errorf("%q %q is %+v", text, zone, s)
		}
		if interval, every := strings.CutPrefix(s.Pattern, "@every "); every {
			if d, err := time.ParseDuration(interval); err != nil || d < time.Second {
				t.Errorf("%q is every %s, %v", text, interval, err)
			}
		}
	})
}

// stored is a message of which only the content counts.
type stored struct {
	jetstream.Msg
	data []byte
}

func (s stored) Data() []byte { return s.data }

// delivered is a message with what a redriven one carries.
type delivered struct {
	jetstream.Msg
	subject, topic, sequence string
	times                    uint64
}

func (d delivered) Subject() string { return d.subject }

func (d delivered) Headers() nats.Header {
	return nats.Header{headerTopic: {d.topic}, headerSequence: {d.sequence}}
}

func (d delivered) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{Stream: "REDRIVE", NumDelivered: d.times, Sequence: jetstream.SequencePair{Stream: 7}}, nil
}

// FuzzDelivery: whatever a message carries, its topic can stand in the header of
// a call: else no call of it would ever be made, and the function's consumer
// would wait for ever.
func FuzzDelivery(f *testing.F) {
	for _, c := range [][3]string{{"order.placed", "", ""}, {"redrive.reserve-stock", "order.placed", "3"}, {"redrive.reserve-stock", "a\r\nX: y", "x"}, {"redrive.", "\x01\x7f\x00", "-1"},
		{"redrive.a", strings.Repeat("x", 5000), ""}, {"redrive.a", "", ""}} {
		f.Add(c[0], c[1], c[2], uint64(1))
	}
	f.Fuzz(func(t *testing.T, subject, topic, sequence string, times uint64) {
		if strings.ContainsFunc(subject, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return // the server refuses it
		}
		d, err := newDelivery(delivered{subject: subject, topic: topic, sequence: sequence, times: times})
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(d.topic, func(r rune) bool { return r < ' ' || r == 0x7f }) || len(d.topic) > max(len(subject), 1100) {
			t.Errorf("%q by %q is of the topic %q", subject, topic, d.topic)
		}
		if redriven := strings.HasPrefix(subject, "redrive."); !redriven && (d.topic != subject || d.redriven != "") || redriven && d.redriven != sequence {
			t.Errorf("%q by %q is %+v", subject, topic, d)
		}
	})
}

// FuzzSettings: a gateway that is accepted can be called.
func FuzzSettings(f *testing.F) {
	for _, url := range []string{"http://gateway:8080", "https://g/base/", "", "gateway:8080", "://", "ftp://g", "http://", "http://g/%zz", "http://g\x00", "http://[::1", "http://g?a=b"} {
		f.Add(url, int64(time.Second))
	}
	f.Fuzz(func(t *testing.T, url string, wait int64) {
		d := time.Duration(wait)
		s := Settings{GatewayURL: url, PollInterval: d, CallTimeout: d, FetchWait: d, AckWait: d, DrainTimeout: d}
		err := s.check()
		if err == nil && d <= 0 {
			t.Errorf("%s is accepted", d)
		}
		if err != nil {
			return
		}
		req, err := http.NewRequest(http.MethodPost, strings.TrimRight(url, "/")+"/function/push", nil)
		if err != nil || req.URL.Host == "" || req.URL.Scheme != "http" && req.URL.Scheme != "https" {
			t.Errorf("%q is called as %v, %v", url, req, err)
		}
	})
}

// FuzzUnpack: nothing of a message is lost, and what the trigger takes for an
// event the function does too, alone or in a call with the others.
func FuzzUnpack(f *testing.F) {
	for _, text := range []string{
		`[{"specversion":"1.0","id":"x","source":"/b","type":"order.paid","data":{}},{"specversion":"1.0","id":"y","source":"/b","type":"order.paid","newer":1}]`,
		"", "[]", "{}", "null", "[null]", `[1,"a",[]]`, `[{"specversion":"0.3","id":"x"}]`, "[" + strings.Repeat("[", 50), `[{"id":"a\nb","specversion":"1.0","source":"s","type":"t","time":"no"}]`,
		"[{\"specversion\":\"1.0\",\"id\":\"\xff\",\"source\":\"/b\",\"type\":\"t\"}]", `[{"SPECVERSION":"1.0","Id":"x","source":"/b","type":"t","id":"y"}]`,
	} {
		f.Add([]byte(text), uint64(1), uint8(3), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, times uint64, attempts uint8, redriven bool) {
		d := &delivery{msg: stored{data: data}, stream: "ORDERS", seq: 7, times: max(times, 1), topic: "order.paid"}
		if redriven {
			d.redriven = "3"
		}
		most := int(max(attempts, 1))
		d.unpack(most)
		var parts []json.RawMessage
		if json.Unmarshal(data, &parts) != nil {
			parts = []json.RawMessage{data}
		}
		if d.left != len(d.items) || len(d.items) != len(parts) {
			t.Fatalf("%q is %d items, %d left", data, len(d.items), d.left)
		}
		var good []*item
		for i, it := range d.items {
			if !bytes.Equal(it.raw, parts[i]) || it.id == "" || it.from != d || it.used < 0 || it.used >= most {
				t.Errorf("item %d of %q is %+v", i, data, it)
			}
			if it.dead == nil {
				good = append(good, it)
				decodes(t, batch{it})
			} else if it.dead.Kind != fault.Invalid || !it.alone {
				t.Errorf("item %d of %q is %+v", i, data, it.dead)
			}
		}
		for _, call := range cut(good, 256, DefaultBatchBytes) {
			if len(call) > 1 && (times > 1 || redriven) {
				t.Errorf("%d events of a message that came again are in one call", len(call))
			}
			decodes(t, call)
		}
	})
}

// decodes checks that a function reads the call as the trigger means it.
func decodes(t *testing.T, call batch) {
	t.Helper()
	events, err := event.DecodeBatch(call.body())
	if err != nil || len(events) != len(call) {
		t.Fatalf("%s is %d events to the function, %v", call.body(), len(events), err)
	}
	for i, e := range events {
		if e.ID != call[i].id || e.TraceParent != call[i].traceparent {
			t.Errorf("%s is %q to the function, %q to the trigger", call[i].raw, e.ID, call[i].id)
		}
	}
}

// FuzzLetter: whatever a function says goes into the headers of a dead letter as
// one short line, and whatever is in them is read as a letter.
func FuzzLetter(f *testing.F) {
	f.Add("dead.reserve-stock", "invalid_order: no", "3", "2026-01-02T03:04:05Z", []byte("[]"))
	f.Add("dead.", "a\r\nNats-Msg-Id: x\x00\x7f", "-1", "yesterday", []byte(nil))
	f.Add("x", strings.Repeat("é", 600), "99999999999999999999", "", []byte("{"))
	f.Add("dead.a.b", strings.Repeat(" ", 1200)+"x", "1e3", "0000-00-00T00:00:00Z", []byte("\xff"))
	f.Fuzz(func(t *testing.T, subject, reason, attempts, at string, body []byte) {
		line := oneLine(reason)
		if len(line) > 1000+len("…") || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) || line != oneLine(line) || line != strings.TrimSpace(line) {
			t.Errorf("%q becomes %q", reason, line)
		}
		if utf8.ValidString(reason) && !utf8.ValidString(line) {
			t.Errorf("%q becomes %q", reason, line)
		}
		msg := &jetstream.RawStreamMsg{Subject: subject, Sequence: 9, Data: body, Time: time.Unix(1_800_000_000, 0), Header: nats.Header{
			headerReason: {line}, headerAttempts: {attempts}, headerTime: {at}, headerEvent: {oneLine(subject)},
		}}
		l := letter(msg)
		if l.Seq != 9 || l.Reason != line || !bytes.Equal(l.Body, body) || l.At.IsZero() && !strings.HasPrefix(at, "0001-01-01T") || "dead."+l.Function != subject && l.Function != subject {
			t.Errorf("%q %q %q is %+v", subject, attempts, at, l)
		}
	})
}

// saying is a gateway that answers every question with the same.
type saying []byte

func (s saying) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(s)), Request: r}, nil
}

// FuzzList: what is taken for the list of functions is a whole one, and whatever
// stands in it binds or is refused.
func FuzzList(f *testing.F) {
	for _, text := range []string{
		`[{"name":"reserve-stock","annotations":{"topic":"order.placed","bazaar.batch":"256"},"envVars":{"exec_timeout":"10s","max_inflight":"4"}}]`,
		"[]", "", "null", "{}", "[null]", `[{"name":"a","annotations":null,"envVars":{"max_inflight":"-1"}}]`, `[{"name":"a"}]x`, `[{"name":"a"}`, `[{"name":"A","annotations":{"topic":"*"}}]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		asks := &Trigger{caller: &caller{client: &http.Client{Transport: saying(text)}, gateway: "http://gateway"}}
		functions, err := asks.list(t.Context())
		var whole []json.RawMessage
		if is := json.Unmarshal(text, &whole) == nil && whole != nil; err == nil && (!is || len(functions) != len(whole)) {
			t.Fatalf("%q is a list of %d functions", text, len(functions))
		}
		for _, fn := range functions {
			var annotations map[string]string
			if fn.Annotations != nil {
				annotations = *fn.Annotations
			}
			b, bound, err := Bind(fn.Name, annotations, fn.EnvVars)
			if err == nil && bound && (b.Function != fn.Name || b.MaxInflight < 1 || len(b.Topics) == 0 && b.Cron == nil || !slices.IsSorted(b.Topics)) {
				t.Errorf("%+v is bound as %+v", fn, b)
			}
		}
	})
}
