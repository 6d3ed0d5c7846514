package fn

import (
	"slices"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"bazaar/shared/fault"
)

// metric is the value of the metric whose label values are all in labels: of a
// histogram, how many it has seen.
func metric(t *testing.T, b *bench, name string, labels ...string) float64 {
	t.Helper()
	families, err := b.run.Telemetry.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if !slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return !slices.Contains(labels, l.GetValue()) }) {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return 0
}

func TestACallIsOneSample(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, Public("GET /{sku}", Step(nothing)), Public("PUT /{sku}", Step(greet)))
	for range 3 {
		b.ask(t, "GET", "/s1", "")
	}
	b.ask(t, "HEAD", "/s1", "")
	b.ask(t, "PUT", "/s1", "{").want(t, 400, fault.Invalid, "")
	b.ask(t, "BREW", "/s1", "")
	b.ask(t, "GET", "/no/where", "")
	for _, c := range []struct {
		method, route, code string
		want                float64
	}{
		{"GET", "GET /{sku}", "204", 3}, {"HEAD", "GET /{sku}", "204", 1}, {"PUT", "PUT /{sku}", "400", 1},
		{"other", "unmatched", "405", 1}, {"GET", "unmatched", "404", 1},
	} {
		if got := metric(t, b, "http_request_duration_seconds", c.method, c.route, c.code); got != c.want {
			t.Errorf("%s %s %s: %v samples, want %v", c.method, c.route, c.code, got, c.want)
		}
	}
	if got := len(b.log.lines(t, "call")); got != 7 {
		t.Errorf("%d lines for 7 calls", got)
	}
}
