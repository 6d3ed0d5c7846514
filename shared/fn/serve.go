package fn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	idleTimeout = 2 * time.Minute // of a connection between two calls
	// drainMargin is what a drain waits beyond the longest call: net/http looks
	// twice a second whether its connections have ended.
	drainMargin    = time.Second
	maxHeaderBytes = 32 << 10
)

// addresses is where a function listens.
type addresses struct{ calls, metrics string }

// serve serves routes until stop ends, then drains. It always closes r.
func (r *Runtime) serve(stop context.Context, routes Routes, started func(addresses)) error {
	defer r.close()
	s, err := newServer(r, routes)
	if err != nil {
		return err
	}
	if err := r.Telemetry.Metrics.Register(r.stores); err != nil {
		return fmt.Errorf("registering the state of the stores: %w", err)
	}
	set := r.Settings
	calls := r.httpServer(s, set.ReadTimeout, set.writeTimeout())
	pages := http.NewServeMux()
	pages.Handle("GET /metrics", promhttp.HandlerFor(r.Telemetry.Metrics, promhttp.HandlerOpts{}))
	metrics := r.httpServer(pages, 10*time.Second, 10*time.Second)

	failed := make(chan error, 2)
	var where addresses
	if where.metrics, err = listen(metrics, set.Host, set.MetricsPort, failed); err != nil {
		return err
	}
	defer func() { _ = metrics.Close() }()
	if where.calls, err = listen(calls, set.Host, set.Port, failed); err != nil {
		return err
	}
	defer func() { _ = calls.Close() }()

	if err := os.WriteFile(set.LockFile, nil, 0o600); set.LockFile != "" && err != nil {
		return fmt.Errorf("writing the lock file: %w", err)
	}
	s.ready.Store(true)
	r.Log.Info("ready", "address", where.calls, "metrics", where.metrics)
	if started != nil {
		started(where)
	}
	select {
	case err = <-failed:
	case <-stop.Done():
	}
	return errors.Join(err, s.drain(calls))
}

// drain stops being ready, takes calls for healthcheck_interval more, and waits
// for those that run. Errors: calls that had to be cut off.
func (s *server) drain(calls *http.Server) error {
	set := s.run.Settings
	s.ready.Store(false)
	if set.LockFile != "" {
		if err := os.Remove(set.LockFile); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.run.Log.Warn("removing the lock file", "error", err.Error())
		}
	}
	s.run.Log.Info("draining", "running", s.metrics.inflight.Load(), "wait", set.HealthcheckInterval.String())
	calls.SetKeepAlivesEnabled(false)
	wait := time.NewTimer(set.HealthcheckInterval)
	<-wait.C

	ctx, cancel := context.WithTimeout(context.Background(), max(set.ReadTimeout, set.writeTimeout())+drainMargin)
	defer cancel()
	if err := calls.Shutdown(ctx); err != nil {
		return fmt.Errorf("%d calls were cut off: %w", s.metrics.inflight.Load(), err)
	}
	s.run.Log.Info("drained")
	return nil
}

func (r *Runtime) httpServer(h http.Handler, read, write time.Duration) *http.Server {
	return &http.Server{
		Handler: h, ReadTimeout: read, WriteTimeout: write, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(r.Log.Handler(), slog.LevelWarn),
	}
}

// listen has server take calls on host:port (0 is any free one) and says where.
func listen(server *http.Server, host string, port uint16, failed chan<- error) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
	if err != nil {
		return "", fmt.Errorf("listening: %w", err)
	}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("serving on %s: %w", l.Addr(), err)
		}
	}()
	return l.Addr().String(), nil
}
