// Command connector holds the WebSockets of the chat. Any number of them may run
// side by side; each holds its own sockets and hears what concerns them.
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
	"runtime/debug"
	"syscall"
	"time"

	"bazaar/infra/connector"
	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/config"
	"bazaar/shared/identity"
	"bazaar/shared/leak"
	"bazaar/shared/pg"
	"bazaar/shared/presence"
	"bazaar/shared/rdb"
	"bazaar/shared/telemetry"
)

// settings are all that the process is told from outside.
type settings struct {
	Connector connector.Settings
	Tokens    auth.TokenSettings
	Bus       bus.Settings
	Redis     rdb.Settings
	Postgres  pg.Settings
	Telemetry telemetry.Settings
	// MaxSocketsPerUser is how many a user may have; one more ends the oldest.
	MaxSocketsPerUser int `env:"max_sockets_per_user" envDefault:"10"`
	// Host and Port are where sockets are accepted, MetricsPort where /metrics,
	// /_/health and /_/ready are served.
	Host        string `env:"listen_host"`
	Port        string `env:"port" envDefault:"8080"`
	MetricsPort string `env:"metrics_port" envDefault:"8081"`
}

// garbage is how much of it may gather, in percent of what is kept. Idle
// connections keep much and leave little behind: half of the usual costs them
// next to nothing, and the memory of each is a fifth less.
const garbage = 50

// closeTimeout bounds what is left to do after the drain.
const closeTimeout = 5 * time.Second

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Environ(), os.Stdout)
	stop()
	leak.Check("connector")
	if err != nil {
		fmt.Fprintln(os.Stderr, "connector:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, environ []string, out io.Writer) (err error) {
	s, err := config.Load[settings](environ)
	if err != nil {
		return err
	}
	tel, err := telemetry.Start(ctx, "connector", s.Telemetry, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing(ctx, tel.Shutdown)) }()
	pool, err := pg.Open(s.Postgres, "connector", tel.Traces)
	if err != nil {
		return err
	}
	defer pool.Close()
	redis, err := rdb.Open(s.Redis)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, redis.Close()) }()
	b, err := bus.Open(s.Bus, "connector", tel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing(ctx, b.Close)) }()
	tokens, err := auth.NewVerifier(s.Tokens)
	if err != nil {
		return err
	}
	node, err := connector.New(s.Connector, connector.Parts{
		Bus: b, Directory: connector.NewDirectory(pool), Presence: presence.NewStore(redis, s.MaxSocketsPerUser),
		Tokens: tokens, Revoked: identity.NewWatch(pool),
	}, tel)
	if err != nil {
		return err
	}
	return serve(ctx, s, node, tel)
}

// serve runs the node beside its page until ctx ends.
func serve(ctx context.Context, s settings, node *connector.Connector, tel *telemetry.Telemetry) error {
	sockets, err := net.Listen("tcp", net.JoinHostPort(s.Host, s.Port))
	if err != nil {
		return err
	}
	page, err := net.Listen("tcp", net.JoinHostPort(s.Host, s.MetricsPort))
	if err != nil {
		return errors.Join(err, sockets.Close())
	}
	server := &http.Server{Handler: node.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(page) }()
	tel.Log.Info("started", "gateway", s.Connector.GatewayURL, "address", sockets.Addr().String(), "metrics", page.Addr().String())
	err = node.Run(ctx, sockets)
	tel.Log.Info("drained")
	if late := closing(ctx, server.Shutdown); late != nil {
		err = errors.Join(err, fmt.Errorf("requests were cut off: %w", late), server.Close())
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
