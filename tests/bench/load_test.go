package main

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestScheduleKeepsItsRateAndIsTheSameForASeed(t *testing.T) {
	t.Parallel()
	const rate, length = 2000.0, 10 * time.Second
	moments := schedule(rate, length, 7)
	if got := float64(len(moments)) / length.Seconds(); math.Abs(got-rate) > rate/20 {
		t.Errorf("%.0f arrivals a second, want about %.0f", got, rate)
	}
	again := schedule(rate, length, 7)
	last := time.Duration(0)
	for i, m := range moments {
		if m != again[i] || m < last || m >= length {
			t.Fatalf("moment %d is %s after %s, the second time %s", i, m, last, again[i])
		}
		last = m
	}
}

// TestASlowAnswerCountsForThoseBehindIt: with one caller and answers of 20 ms,
// ten arrivals within a millisecond wait for each other.
func TestASlowAnswerCountsForThoseBehindIt(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		done := time.NewTimer(20 * time.Millisecond)
		<-done.C
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	l := &load{addr: strings.TrimPrefix(server.URL, "http://"), request: func(into []byte, _ int) []byte {
		return append(into, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"...)
	}}
	out, err := l.open(t.Context(), 1, 10_000, time.Millisecond, 1)
	if err != nil {
		t.Fatal(err)
	}
	if n := time.Duration(out.calls); n < 2 || out.latency.at(100) < (n-1)*20*time.Millisecond {
		t.Errorf("%d calls, the slowest %s", out.calls, out.latency.at(100))
	}
}

func TestAnythingButAcceptedIsAFailure(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "full", http.StatusServiceUnavailable)
	}))
	defer server.Close()
	l := &load{addr: strings.TrimPrefix(server.URL, "http://"), request: func(into []byte, _ int) []byte {
		return append(into, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"...)
	}}
	if _, err := l.closed(t.Context(), 2, time.Second); err == nil || !strings.Contains(err.Error(), "503: full") {
		t.Errorf("got %v, want the answer", err)
	}
}

func TestSpeedIsWithoutStartAndEnd(t *testing.T) {
	t.Parallel()
	var samples []sample
	for i := range 11 { // nothing for a second, then 100 a second
		samples = append(samples, sample{time.Second + time.Duration(i)*time.Second, i * 100})
	}
	samples = append(samples, sample{time.Minute, 1001})
	if got := speed(samples); math.Abs(got-100) > 1 {
		t.Errorf("%.1f a second, want 100", got)
	}
}

func TestOrderIDOfAnAnswer(t *testing.T) {
	t.Parallel()
	id, ok := orderID([]byte(`{"order_id":"0190f7a1-0000-7000-8000-000000000001","status":"placed"}`))
	if !ok || id != "0190f7a1-0000-7000-8000-000000000001" {
		t.Errorf("read %q, %v", id, ok)
	}
	if _, ok := orderID([]byte(`{"status":"placed"}`)); ok {
		t.Error("found an order where there is none")
	}
}
