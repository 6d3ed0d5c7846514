package fn

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	storeCheckTimeout = time.Second
	storeCheckKept    = 2 * time.Second // an answer this young is given again
)

// stores knows the state of what a function depends on. It says up or down and
// no more: /_/ready can be read through the gateway; why is for the log.
type stores struct {
	log *slog.Logger

	mu     sync.Mutex
	names  []string
	checks []func(context.Context) error
	state  map[string]bool
	at     time.Time
}

func newStores(log *slog.Logger) *stores { return &stores{log: log, state: map[string]bool{}} }

func (s *stores) add(name string, check func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names, s.checks = append(s.names, name), append(s.checks, check)
}

// look asks all stores at once, at most every two seconds.
func (s *stores) look() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) < storeCheckKept {
		return s.state
	}
	// The result outlives the caller who asked first, so its context does not count.
	ctx, cancel := context.WithTimeout(context.Background(), storeCheckTimeout)
	defer cancel()
	errs := make([]error, len(s.checks))
	var all sync.WaitGroup
	for i, check := range s.checks {
		all.Go(func() {
			defer recovered(&errs[i])
			errs[i] = check(ctx)
		})
	}
	all.Wait()
	state := make(map[string]bool, len(s.names))
	for i, name := range s.names {
		state[name] = errs[i] == nil
		if was, known := s.state[name]; known && was == state[name] {
			continue
		}
		if errs[i] != nil {
			s.log.Warn("store down", "store", name, "error", errs[i].Error())
		} else {
			s.log.Info("store up", "store", name)
		}
	}
	s.state, s.at = state, time.Now()
	return state
}

// Describe and Collect make stores a prometheus.Collector.
func (s *stores) Describe(into chan<- *prometheus.Desc) { into <- storeUp() }

// Collect asks the stores, at most every two seconds.
func (s *stores) Collect(into chan<- prometheus.Metric) {
	for name, up := range s.look() {
		value := 0.0
		if up {
			value = 1
		}
		into <- prometheus.MustNewConstMetric(storeUp(), prometheus.GaugeValue, value, name)
	}
}

func storeUp() *prometheus.Desc {
	return prometheus.NewDesc("store_up", "Whether the store answered the last check.", []string{"store"}, nil)
}
