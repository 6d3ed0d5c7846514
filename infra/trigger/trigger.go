// Package trigger calls functions when something happened: it reads from the
// annotations of the deployed functions which events each wants, keeps a
// durable JetStream consumer for each function and stream, and carries the
// events to the function in batches, until every one of them is done, or given
// up as a dead letter. It also sets the schedules of functions that are called
// by the clock, and runs the relay of the outbox.
//
// It owns the consumers, the subjects cron.> (schedules and their ticks),
// dead.> (what could not be handled) and redrive.> (dead letters on their way
// back), and nothing else: streams are made by migrate, and what an event means
// is the function's business.
//
// Every event is called at least once, never exactly once: the steps are
// idempotent. There is no order between streams, between consumers, or between
// the events of one consumer. Attempts are counted in memory; after a restart
// the number of deliveries stands in for them, so an event may have some
// attempts more than its binding says, or fewer when it shared a message, but
// always one.
//
// Any number of triggers may run side by side: the server gives each message to
// one of them and fires each schedule once. The bound of calls in flight holds
// for each trigger by itself; a function that is asked too much answers 429,
// and its consumers pause.
package trigger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/telemetry"
)

// Settings say where the functions are and how patient the trigger is.
type Settings struct {
	GatewayURL      string `env:"gateway_url" envDefault:"http://gateway:8080"`
	GatewayUser     string `env:"gateway_user" envDefault:"admin"`
	GatewayPassword string `secret:"basic-auth-password"`
	// SigningKey is a PKCS #8 PEM Ed25519 key; functions hold its public half.
	SigningKey []byte `secret:"trigger-signing-key"`

	// PollInterval is between two readings of the list of functions.
	PollInterval time.Duration `env:"poll_interval" envDefault:"3s"`
	// CallTimeout bounds a call of a function that does not say its exec_timeout.
	CallTimeout time.Duration `env:"call_timeout" envDefault:"60s"`
	// FetchWait is how long one request for messages waits for them; a drain waits for it.
	FetchWait time.Duration `env:"fetch_wait" envDefault:"1s"`
	// AckWait is after how long without a word the server gives a message to another trigger.
	// It holds for consumers that are created from then on.
	AckWait time.Duration `env:"ack_wait" envDefault:"5s"`
	// DrainTimeout bounds how long calls in flight may take to end.
	DrainTimeout time.Duration `env:"drain_timeout" envDefault:"20s"`
}

func (s Settings) check() error {
	base, err := url.Parse(s.GatewayURL)
	if err != nil || base.Hostname() == "" || base.Scheme != "http" && base.Scheme != "https" {
		return fmt.Errorf("gateway_url must be an http or https URL, not %q", s.GatewayURL)
	}
	for name, d := range map[string]time.Duration{
		"poll_interval": s.PollInterval, "call_timeout": s.CallTimeout, "fetch_wait": s.FetchWait,
		"ack_wait": s.AckWait, "drain_timeout": s.DrainTimeout,
	} {
		if d <= 0 {
			return fmt.Errorf("%s must be more than zero, not %s", name, d)
		}
	}
	return nil
}

// Relay moves what the outbox holds to the bus until ctx ends.
type Relay interface{ Run(ctx context.Context) }

// Trigger is one process's part of the work. Run it once.
type Trigger struct {
	settings Settings
	bus      *bus.Bus
	js       jetstream.JetStream
	relay    Relay
	caller   *caller
	log      *slog.Logger
	metrics  *metrics
	gatherer prometheus.Gatherer
	ready    atomic.Bool

	functions map[string]*function // the poll's alone
	streams   map[string]string    // subject -> stream; the poll's alone
	listError string               // last one logged; the poll's alone
	running   sync.WaitGroup
}

// New makes a trigger; it does not dial. relay may be nil: then nobody relays
// the outbox here.
func New(s Settings, b *bus.Bus, relay Relay, tel *telemetry.Telemetry) (*Trigger, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	signer, err := auth.NewEventSigner(s.SigningKey)
	if err != nil {
		return nil, fmt.Errorf("reading trigger-signing-key: %w", err)
	}
	return &Trigger{
		settings: s, bus: b, js: b.JetStream(), relay: relay,
		caller: &caller{
			client: newClient(), gateway: strings.TrimRight(s.GatewayURL, "/"),
			signer: signer, tracer: tel.Tracer, timeout: s.CallTimeout,
		},
		log: tel.Log, metrics: newMetrics(tel.Metrics), gatherer: tel.Metrics,
		functions: map[string]*function{}, streams: map[string]string{},
	}, nil
}

// errDrainTimeout ends the calls that did not end by themselves.
var errDrainTimeout = errors.New("the drain took longer than drain_timeout")

// Run works until ctx ends. Then nothing new is fetched, calls in flight end and
// are acknowledged, and messages that wait for another attempt are given back;
// all that for at most DrainTimeout, after which the calls are cut off and their
// messages come again elsewhere.
func (t *Trigger) Run(ctx context.Context) {
	calls, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	if t.relay != nil {
		t.running.Go(func() { t.relay.Run(ctx) })
	}
	ticker := time.NewTicker(t.settings.PollInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		t.poll(ctx, calls)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	t.ready.Store(false)
	patience := time.AfterFunc(t.settings.DrainTimeout, func() { cut(errDrainTimeout) })
	defer patience.Stop()
	t.running.Wait()

	// The acknowledgements are on their way; wait until the server has them.
	flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := t.bus.Conn().FlushWithContext(flushing); err != nil {
		t.log.Warn("drained without the server's word on the last acknowledgements", "error", err.Error())
	}
	t.caller.client.CloseIdleConnections()
}
