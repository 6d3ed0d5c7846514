// Package bus is the way to NATS JetStream: events published with group commit,
// so that one fsync of the server serves many callers, and the questions that
// can be asked about a stream. What is told and not kept goes by core NATS: Tell
// and Ear. It knows the streams' names and the version it
// needs of them; their settings are data in infra/schema, and consumers belong
// to who reads.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
)

const (
	// connectTimeout bounds one attempt to connect, Open's one too.
	connectTimeout = 2 * time.Second
	// reconnectWait is between two attempts; reconnectJitter spreads the clients of a server that comes back.
	reconnectWait   = 200 * time.Millisecond
	reconnectJitter = 100 * time.Millisecond
	// askTimeout bounds a question about a stream.
	askTimeout = 2 * time.Second
)

// Settings say where NATS is.
type Settings struct {
	URL      string `env:"nats_url" envDefault:"nats://jetstream:4222"`
	User     string `env:"nats_user" envDefault:"bazaar"`
	Password string `secret:"nats-password"`
}

// Bus is a connection to NATS. It is safe for use by many goroutines.
type Bus struct {
	conn    *nats.Conn
	js      jetstream.JetStream
	link    *link
	metrics *metrics
	queue   passing
	checked sync.Map // subjects whose stream was found good
	watcher atomic.Pointer[Watcher]

	mu     sync.Mutex
	lanes  map[string]*lane
	closed bool
	runs   sync.WaitGroup // lanes that publish now
}

// Open makes the connection. It does not fail, nor wait longer than two seconds,
// when the server is away: the connection is then made in the background and
// made again for ever. name is what the server shows of us. tel may be nil.
func Open(s Settings, name string, tel *telemetry.Telemetry) (*Bus, error) {
	b := &Bus{link: newLink(), lanes: map[string]*lane{}, metrics: newMetrics(tel),
		queue: passing{turn: make(chan struct{}, 1)}}
	log := slog.New(slog.DiscardHandler)
	if tel != nil {
		log = tel.Log
	}
	conn, err := nats.Connect(s.URL,
		nats.Name(name), nats.UserInfo(s.User, s.Password), nats.Timeout(connectTimeout),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectJitter, reconnectJitter),
		// What cannot be sent now is refused now: a caller must not be told "stored" by a buffer.
		nats.ReconnectBufSize(-1),
		// A password that is being exchanged must not end the connection for ever.
		nats.IgnoreAuthErrorAbort(),
		nats.PingInterval(5*time.Second), nats.MaxPingsOutstanding(2),
		nats.ConnectHandler(func(*nats.Conn) { b.back() }),
		nats.ReconnectHandler(func(c *nats.Conn) {
			b.back()
			log.Info("connected to NATS again", "server", c.ConnectedServerName())
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			b.lost()
			if err != nil {
				log.Warn("lost the connection to NATS", "error", err.Error())
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			log.Error("NATS reports an error", "error", err.Error(), "subject", subject)
			b.dropped(sub, err)
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("opening the connection to NATS at nats_url: %w", err)
	}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(askTimeout))
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("opening JetStream: %w", err)
	}
	b.conn, b.js = conn, js
	return b, nil
}

// Conn is the connection, for what is not kept (core NATS).
func (b *Bus) Conn() *nats.Conn { return b.conn }

// JetStream is the way to consumers.
func (b *Bus) JetStream() jetstream.JetStream { return b.js }

// Check reports whether the connection is up, for a health report.
func (b *Bus) Check(context.Context) error {
	if !b.conn.IsConnected() {
		return unavailable(nats.ErrDisconnected)
	}
	return nil
}

// Close refuses further events, waits for those in flight as long as ctx
// allows, and ends the connection. The outcome of an event that was still in
// flight is unknown to its caller.
func (b *Bus) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		b.runs.Wait()
		close(idle)
	}()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = fmt.Errorf("closing the bus with events in flight: %w", ctx.Err())
	}
	b.conn.Close()
	b.link.drop() // the flights that are left end now, with their outcome unknown
	return err
}

// unavailable is what a caller is told when an event was certainly not stored.
func unavailable(cause error) error {
	return fault.New(fault.Unavailable, "unavailable", "The service is not available at the moment.").
		After(time.Second).Because(cause)
}

// errClosed is met after Close.
var errClosed = errors.New("the bus is closed")
