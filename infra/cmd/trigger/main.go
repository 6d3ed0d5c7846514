// Command trigger calls functions when something happened: events from
// JetStream, ticks of the clock. It also relays the outbox.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // schedules name time zones, and the image holds none

	"bazaar/infra/trigger"
	"bazaar/shared/bus"
	"bazaar/shared/config"
	"bazaar/shared/leak"
	"bazaar/shared/outbox"
	"bazaar/shared/pg"
	"bazaar/shared/telemetry"
)

// settings are all that the process is told from outside.
type settings struct {
	Trigger   trigger.Settings
	Bus       bus.Settings
	Postgres  pg.Settings
	Telemetry telemetry.Settings
	// Host and Port are where /metrics, /_/health and /_/ready are served.
	Host string `env:"listen_host"`
	Port string `env:"metrics_port" envDefault:"8081"`
}

// closeTimeout bounds what is left to do after the drain.
const closeTimeout = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Environ(), os.Stdout)
	stop()
	leak.Check("trigger")
	if err != nil {
		fmt.Fprintln(os.Stderr, "trigger:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, environ []string, out io.Writer) (err error) {
	s, err := config.Load[settings](environ)
	if err != nil {
		return err
	}
	tel, err := telemetry.Start(ctx, "trigger", s.Telemetry, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing(ctx, tel.Shutdown)) }()
	pool, err := pg.Open(s.Postgres, "trigger", tel.Traces)
	if err != nil {
		return err
	}
	defer pool.Close()
	b, err := bus.Open(s.Bus, "trigger", tel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing(ctx, b.Close)) }()
	relay := &outbox.Relay{Pool: pool, Bus: b, Log: tel.Log, Metrics: tel.Metrics}
	t, err := trigger.New(s.Trigger, b, relay, tel)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(s.Host, s.Port))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: t.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	tel.Log.Info("started", "gateway", s.Trigger.GatewayURL, "metrics", listener.Addr().String())
	t.Run(ctx)
	tel.Log.Info("drained")
	if err = closing(ctx, server.Shutdown); err != nil {
		err = errors.Join(fmt.Errorf("requests were cut off: %w", err), server.Close())
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// closing gives f a deadline of its own: ctx has ended by then.
func closing(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return f(ctx)
}
