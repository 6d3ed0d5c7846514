package support

import (
	"context"
	"net/url"
	"strconv"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/infra/schema"
	"bazaar/shared/bus"
	"bazaar/shared/telemetry"
)

// NATSServer is a NATS server of the test's own, with JetStream, inside the test's process.
type NATSServer struct {
	URL      string
	Password string

	t      testing.TB
	opts   *natsserver.Options
	server *natsserver.Server
}

// NATS starts a server with our streams. Streams of other settings come from settings.
func NATS(t testing.TB, settings ...schema.StreamSettings) *NATSServer {
	t.Helper()
	n := NewNATS(t, nil)
	s := schema.StreamSettings{QueueMaxBytes: 64 << 20, Replicas: 1}
	if len(settings) > 0 {
		s = settings[0]
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, js := n.connect()
	defer conn.Close()
	if _, err := schema.ApplyStreams(ctx, js, s); err != nil {
		t.Fatalf("applying the streams: %v", err)
	}
	return n
}

// NewNATS starts a server without any stream; change adjusts its options.
func NewNATS(t testing.TB, change func(*natsserver.Options)) *NATSServer {
	t.Helper()
	n := &NATSServer{t: t, Password: password, opts: &natsserver.Options{
		ServerName: "test", Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true, NoLog: true,
		Username: "bazaar", Password: password,
		JetStream: true, StoreDir: t.TempDir(), JetStreamMaxMemory: 1 << 30, JetStreamMaxStore: 16 << 30,
	}}
	if change != nil {
		change(n.opts)
	}
	n.Start()
	t.Cleanup(n.Stop)
	return n
}

// Start starts the server, after Stop too: on the same port with what it had stored.
func (n *NATSServer) Start() {
	n.t.Helper()
	s, err := natsserver.NewServer(n.opts.Clone())
	if err != nil {
		n.t.Fatalf("making the NATS server: %v", err)
	}
	s.Start()
	if !s.ReadyForConnections(startTimeout) {
		n.t.Fatal("the NATS server does not get ready")
	}
	n.server, n.URL = s, s.ClientURL()
	u, err := url.Parse(n.URL)
	if err != nil {
		n.t.Fatalf("reading the server's address: %v", err)
	}
	if n.opts.Port, err = strconv.Atoi(u.Port()); err != nil {
		n.t.Fatalf("reading the server's port: %v", err)
	}
}

// Stop stops the server in order.
func (n *NATSServer) Stop() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}

// Settings say how to reach the server.
func (n *NATSServer) Settings() bus.Settings {
	return bus.Settings{URL: n.URL, User: "bazaar", Password: n.Password}
}

// Bus opens a bus to the server, closed with the test.
func (n *NATSServer) Bus() *bus.Bus {
	n.t.Helper()
	return n.BusWith(nil)
}

// BusWith opens a bus that tells tel what it does.
func (n *NATSServer) BusWith(tel *telemetry.Telemetry) *bus.Bus {
	n.t.Helper()
	b, err := bus.Open(n.Settings(), "test", tel)
	if err != nil {
		n.t.Fatalf("opening the bus: %v", err)
	}
	n.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			n.t.Errorf("closing the bus: %v", err)
		}
	})
	return b
}

// JetStream is a plain way to the server, for looking at streams and consumers.
func (n *NATSServer) JetStream() jetstream.JetStream {
	n.t.Helper()
	conn, js := n.connect()
	n.t.Cleanup(conn.Close)
	return js
}

func (n *NATSServer) connect() (*nats.Conn, jetstream.JetStream) {
	n.t.Helper()
	conn, err := nats.Connect(n.URL, nats.UserInfo("bazaar", n.Password), nats.MaxReconnects(-1),
		nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		n.t.Fatalf("connecting to NATS: %v", err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		n.t.Fatalf("opening JetStream: %v", err)
	}
	return conn, js
}

// Bus is a bus to a NATS server of the test's own, with our streams.
func Bus(t testing.TB) *bus.Bus {
	t.Helper()
	return NATS(t).Bus()
}
