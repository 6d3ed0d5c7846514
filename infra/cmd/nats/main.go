// Command nats is a NATS server with JetStream on disk, for one machine. What
// it acknowledges is on the disk: every write is synced. It owns no stream;
// migrate makes them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"bazaar/shared/config"
	"bazaar/shared/leak"
)

// readyTimeout is how long the server may take to recover its streams; whether
// it has given up is looked at every readyEvery.
const (
	readyTimeout = 2 * time.Minute
	readyEvery   = 50 * time.Millisecond
)

type settings struct {
	User     string `env:"nats_user" envDefault:"bazaar"`
	Password string `secret:"nats-password"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Environ())
	stop()
	leak.Check("nats")
	if err != nil {
		fmt.Fprintln(os.Stderr, "nats:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args, environ []string) error {
	flags := flag.NewFlagSet("nats", flag.ContinueOnError)
	dir := flags.String("dir", ".local/nats", "folder of the streams")
	listen := flags.String("listen", "127.0.0.1:4222", "address to listen on")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := config.Load[settings](environ)
	if err != nil {
		return err
	}
	opts, err := options(s, *dir, *listen)
	if err != nil {
		return err
	}
	return serve(ctx, opts, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
}

func options(s settings, dir, listen string) (*server.Options, error) {
	host, portText, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("reading --listen: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("reading the port of --listen: %w", err)
	}
	if s.Password == "" {
		return nil, errors.New("the secret nats-password is empty")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the streams: %w", err)
	}
	room, err := maxStore(dir)
	if err != nil {
		return nil, err
	}
	return &server.Options{
		ServerName: "bazaar", Host: host, Port: port,
		Username: s.User, Password: s.Password,
		JetStream: true, StoreDir: dir, JetStreamMaxStore: room, JetStreamMaxMemory: 64 << 20,
		// The default syncs every two minutes: a power cut would lose what was acknowledged.
		SyncAlways: true,
		NoSigs:     true, // ours end it in order
	}, nil
}

// serve runs the server until ctx ends or the server gives up.
func serve(ctx context.Context, opts *server.Options, log *slog.Logger) error {
	s, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("making the server: %w", err)
	}
	fatal := make(chan error, 1)
	s.SetLoggerV2(logger{log: log, fatal: fatal}, false, false, false)
	go s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	for waited := time.Duration(0); !s.ReadyForConnections(readyEvery); waited += readyEvery {
		select {
		case err := <-fatal:
			return err
		default:
		}
		if ctx.Err() != nil || waited > readyTimeout {
			return fmt.Errorf("the server is not ready after %s", waited)
		}
	}
	log.Info("ready", "listen", s.Addr().String(), "version", server.VERSION,
		"dir", opts.StoreDir, "max_file_store", opts.JetStreamMaxStore)
	select {
	case <-ctx.Done():
		log.Info("stopping")
		return nil
	case err := <-fatal:
		return err
	}
}
