package fn

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"bazaar/shared/telemetry"
)

// sink is a ResponseWriter without a connection.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkCall is what the runtime itself costs: one call of the User door,
// without a connection, with a log line that goes nowhere.
func BenchmarkCall(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	tel, err := telemetry.Start(context.Background(), "probe", telemetry.Settings{}, null)
	if err != nil {
		b.Fatal(err)
	}
	s, err := newServer(newRuntime("probe", defaults(), tel), Routes{
		User(people{}.door(), "POST /{$}", Step(func(_ context.Context, _ Call, in greeting) (Reply, error) { return Reply{Body: in}, nil })),
	})
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(`{"name":"Ada"}`)
	r := httptest.NewRequest("POST", "/", nil)
	r.ContentLength = int64(len(body))
	for name, value := range map[string]string{"Authorization": "Bearer alice", "X-Call-Id": "c-17", "Traceparent": traceparent} {
		r.Header.Set(name, value)
	}
	reader := bytes.NewReader(body)
	r.Body = io.NopCloser(reader)
	w := &sink{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		clear(w.header)
		s.ServeHTTP(w, r)
	}
}
