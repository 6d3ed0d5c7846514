package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"bazaar/shared/telemetry"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, s telemetry.Settings, out io.Writer) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.Start(context.Background(), "create-order", s, out)
	if err != nil {
		t.Fatal(err)
	}
	return tel
}

func TestLogLinesCarryTheTrace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tel := start(t, telemetry.Settings{}, &out)
	ctx, span := tel.Tracer.Start(telemetry.WithTraceParent(context.Background(), parent), "step")
	tel.Log.With("k", "v").InfoContext(ctx, "hello")
	tel.Log.DebugContext(ctx, "below the level")

	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	if line["trace_id"] != "4bf92f3577b34da6a3ce929d0e0e4736" || line["service"] != "create-order" || line["k"] != "v" {
		t.Errorf("line %v", line)
	}
	if line["span_id"] != span.SpanContext().SpanID().String() {
		t.Errorf("span id %v is not the span's", line["span_id"])
	}
}

func TestLogLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tel := start(t, telemetry.Settings{LogLevel: slog.LevelWarn}, &out)
	tel.Log.Info("not shown")
	tel.Log.Warn("shown")
	if got := out.String(); strings.Contains(got, "not shown") || !strings.Contains(got, "shown") {
		t.Errorf("log %q", got)
	}
}

func TestMetricsHoldTheProcess(t *testing.T) {
	t.Parallel()
	families, err := start(t, telemetry.Settings{}, io.Discard).Metrics.Gather()
	if err != nil || len(families) == 0 {
		t.Errorf("%d families, %v", len(families), err)
	}
}

func TestSpansHaveIdsWithAndWithoutACollector(t *testing.T) {
	t.Parallel()
	paths := make(chan string, 4)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths <- r.URL.Path
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	defer collector.Close()
	for name, s := range map[string]telemetry.Settings{"without": {}, "with": {Endpoint: collector.URL}} {
		tel := start(t, s, io.Discard)
		ctx, root := tel.Tracer.Start(context.Background(), "root")
		_, child := tel.Tracer.Start(ctx, "child")
		if !root.SpanContext().IsValid() || !root.SpanContext().IsSampled() {
			t.Errorf("%s: root %v", name, root.SpanContext())
		}
		if child.SpanContext().TraceID() != root.SpanContext().TraceID() ||
			child.SpanContext().SpanID() == root.SpanContext().SpanID() {
			t.Errorf("%s: the child does not follow its parent", name)
		}
		if _, other := tel.Tracer.Start(ctx, "other", trace.WithNewRoot()); other.SpanContext().TraceID() == root.SpanContext().TraceID() {
			t.Errorf("%s: a new root goes on with the old trace", name)
		}
		child.End()
		root.End()
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if got := <-paths; got != "/v1/traces" {
		t.Errorf("spans went to %s", got)
	}
}

func TestTheCallersWordOnSamplingIsKept(t *testing.T) {
	t.Parallel()
	for _, s := range []telemetry.Settings{{}, {Endpoint: "http://127.0.0.1:1"}} {
		tel := start(t, s, io.Discard)
		ctx := telemetry.WithTraceParent(context.Background(), parent[:53]+"00")
		ctx, span := tel.Tracer.Start(ctx, "step")
		if span.IsRecording() || !strings.HasSuffix(telemetry.TraceParent(ctx), "-00") {
			t.Errorf("%+v: recording %t, %s", s, span.IsRecording(), telemetry.TraceParent(ctx))
		}
		span.End()
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestACollectorThatIsAwayIsALogLine(t *testing.T) {
	t.Parallel()
	collector := httptest.NewServer(http.NotFoundHandler())
	defer collector.Close()
	var out bytes.Buffer
	tel := start(t, telemetry.Settings{Endpoint: collector.URL}, &out)
	_, span := tel.Tracer.Start(context.Background(), "step")
	span.End()
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), `"msg":"spans lost"`) {
		t.Errorf("log %q", out.String())
	}
}

func TestShutdownLeavesNoConnection(t *testing.T) {
	t.Parallel()
	collector := httptest.NewUnstartedServer(http.NotFoundHandler())
	closed := make(chan struct{}, 1)
	collector.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	collector.Start()
	defer collector.Close()
	tel := start(t, telemetry.Settings{Endpoint: collector.URL}, io.Discard)
	_, span := tel.Tracer.Start(context.Background(), "step")
	span.End()
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Error("the connection to the collector is still there")
	}
}

func TestAWrongEndpointIsSaid(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"otel:4318", "://", "ftp://otel", "http://"} {
		_, err := telemetry.Start(context.Background(), "x", telemetry.Settings{Endpoint: endpoint}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "otel_exporter_otlp_endpoint") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}
