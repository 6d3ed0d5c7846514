package connector

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"bazaar/infra/connector/socket"
	"bazaar/shared/bus"
	"bazaar/shared/message"
	"bazaar/shared/presence"
	"bazaar/shared/telemetry"
)

// maxNotes of NATS may wait for the hub; what comes then is dropped, and found by
// a survey.
const maxNotes = 1 << 16

// Settings say whom a node serves, and how patient it is.
type Settings struct {
	// GatewayURL is where push-message and sync-messages are called.
	GatewayURL string `env:"gateway_url" envDefault:"http://gateway:8080"`
	// Origins are those of web pages that may connect beside the ones of our own
	// host: scheme://host[:port].
	Origins []string `env:"allowed_origins"`
	// Heartbeat is how often a client is pinged; after two and five seconds
	// without a word it is gone.
	Heartbeat time.Duration `env:"heartbeat" envDefault:"25s"`
	// AuthTimeout bounds the time from the handshake to the token.
	AuthTimeout time.Duration `env:"auth_timeout" envDefault:"5s"`
	// MaxSockets may be open; MaxHandshakes may not have ended.
	MaxSockets    int `env:"max_sockets" envDefault:"18000"`
	MaxHandshakes int `env:"max_handshakes" envDefault:"2000"`
	// QueueFrames and QueueBytes may wait for one peer, QueuedBytes for all.
	QueueFrames int   `env:"queue_frames" envDefault:"256"`
	QueueBytes  int   `env:"queue_bytes" envDefault:"262144"`
	QueuedBytes int64 `env:"queued_bytes" envDefault:"67108864"`
	// WriteTimeout is how long a peer may take nothing.
	WriteTimeout time.Duration `env:"socket_write_timeout" envDefault:"10s"`
	// DrainSpread is the time over which clients leave a node that ends.
	DrainSpread time.Duration `env:"drain_spread" envDefault:"10s"`
	// DeafAfter is how long NATS may not answer.
	DeafAfter time.Duration `env:"deaf_after" envDefault:"5s"`
}

func (s Settings) check() error {
	base, err := url.Parse(s.GatewayURL)
	if err != nil || base.Hostname() == "" || base.Scheme != "http" && base.Scheme != "https" {
		return fmt.Errorf("gateway_url must be an http or https URL, not %q", s.GatewayURL)
	}
	for name, d := range map[string]time.Duration{
		"heartbeat": s.Heartbeat, "auth_timeout": s.AuthTimeout, "socket_write_timeout": s.WriteTimeout, "deaf_after": s.DeafAfter,
	} {
		if d <= 0 {
			return fmt.Errorf("%s must be more than zero, not %s", name, d)
		}
	}
	if s.DrainSpread < 0 || s.MaxSockets < 1 || s.QueuedBytes < 1 {
		return fmt.Errorf("drain_spread, max_sockets and queued_bytes must not be negative or nothing")
	}
	return nil
}

// Parts are what a node stands on.
type Parts struct {
	Bus       *bus.Bus
	Directory Directory
	Presence  Presences
	Tokens    Tokens
	Revoked   Revocations // is run by the node
}

// Connector is one node. Run it once.
type Connector struct {
	id       string
	epoch    time.Time
	settings Settings
	bus      *bus.Bus
	ear      *bus.Ear
	dir      Directory
	presence Presences
	tokens   Tokens
	revoked  Revocations
	gateway  *gateway
	courier  *courier
	server   *socket.Server
	budget   *socket.Budget
	rates    rates

	hub       *hub
	shards    []*shard
	roster    *roster
	survey    *survey
	register  *register
	questions chan question
	turns     chan *client // with lines to be served

	log      *slog.Logger
	tracer   trace.Tracer
	metrics  *metrics
	gatherer prometheus.Gatherer

	hearing  atomic.Bool
	leaves   atomic.Bool  // it drains
	leased   atomic.Int64 // when its lease was last renewed
	tasks    sync.WaitGroup
	draining chan struct{} // closed when it begins to
	idle     chan struct{} // closed when nobody speaks any more
	ended    chan struct{} // closed when no socket is left
}

// New makes a node; it does not dial.
func New(s Settings, p Parts, tel *telemetry.Telemetry) (*Connector, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // it never fails
	n := &Connector{
		id: hex.EncodeToString(random[:]), epoch: time.Now(), settings: s, bus: p.Bus, dir: p.Directory, presence: p.Presence,
		tokens: p.Tokens, revoked: p.Revoked, gateway: newGateway(s.GatewayURL), budget: socket.NewBudget(s.QueuedBytes),
		rates: standardRates(), register: newRegister(s.Heartbeat), questions: make(chan question, 4096),
		turns: make(chan *client, 2*s.MaxSockets+64), log: tel.Log, tracer: tel.Tracer, metrics: newMetrics(tel.Metrics),
		gatherer: tel.Metrics, draining: make(chan struct{}), idle: make(chan struct{}), ended: make(chan struct{}),
	}
	n.courier = &courier{carry: n.carry, tasks: &n.tasks}
	var err error
	n.server, err = socket.New(socket.Settings{
		Path: "/v1/ws", Protocol: "bazaar.v1.json", Origins: s.Origins, WriteTimeout: s.WriteTimeout, MaxSockets: s.MaxSockets,
		MaxHandshakes: s.MaxHandshakes, QueueFrames: s.QueueFrames, QueueBytes: s.QueueBytes, Budget: n.budget,
	}, n, n.metrics)
	if err != nil {
		return nil, err
	}
	n.server.Admit(false) // until it hears
	n.hub = newHub(n.id, nil, n, n.metrics, n.log)
	n.hub.notes = make(chan *nats.Msg, maxNotes)
	n.ear = p.Bus.Ear(n.hub.notes)
	n.hub.ear, n.hub.replace = n.ear, n.replace
	for range shardsOf(runtime.GOMAXPROCS(0)) {
		n.shards = append(n.shards, newShard(n.metrics, n.ended))
	}
	n.roster = newRoster(n.hub, p.Bus, p.Directory)
	n.survey = newSurvey(n.hub, p.Bus, p.Directory, n.roster, n.metrics)
	p.Bus.Watch(bus.Watcher{Back: n.survey.all, Dropped: func(string) {
		n.metrics.dropped.Inc()
		n.survey.all()
	}})
	n.observe(tel.Metrics)
	return n, nil
}

// Run serves on l until ctx ends, then drains, and returns when nothing is left
// of it. An error is that of the listener, or says that sockets are left.
func (n *Connector) Run(ctx context.Context, l net.Listener) error {
	for _, subject := range []string{message.HeadSubject, presence.ReplacedSubject(n.id)} {
		if err := n.ear.Open(subject); err != nil {
			return err
		}
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var hands, loops, inner sync.WaitGroup
	inner.Go(n.hub.run)
	for _, s := range n.shards {
		inner.Go(s.run)
	}
	for range 2 * runtime.GOMAXPROCS(0) {
		hands.Go(n.serve)
	}
	for _, loop := range []func(context.Context){
		n.revoked.Run, n.roster.run, n.survey.run, n.keep, n.keepSignOuts, n.keepSessions, n.keepLease, n.keepWatch, n.listen, n.answer, n.answer,
	} {
		loops.Go(func() { loop(life) })
	}
	err := n.server.Serve(ctx, l)
	if left := n.drain(); err == nil {
		err = left
	}
	close(n.idle)
	hands.Wait()
	n.tasks.Wait()
	stop()
	loops.Wait()
	close(n.ended)
	close(n.hub.done)
	inner.Wait()
	n.gateway.client.CloseIdleConnections()
	return err
}

// shardsOf is how many shards work on so many cores: half as many. Most of a
// delivery is the kernel's way to the peer, and shards that go it at the same time
// on all cores take them from who reads: a message to 8,200 on two cores costs a
// fifth less with one shard than with four, and comes as soon.
func shardsOf(cores int) int { return max(1, cores/2) }

// serve works on what clients say.
func (n *Connector) serve() {
	for {
		select {
		case c := <-n.turns:
			c.work()
		case <-n.idle:
			return
		}
	}
}

// answer answers the hub's questions.
func (n *Connector) answer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-n.questions:
			asking, cancel := context.WithTimeout(ctx, rosterTimeout)
			head, changes, err := n.dir.ChangesSince(asking, q.conversation, q.version)
			cancel()
			n.hub.do(func() { n.hub.answered(q, head, changes, err, time.Now()) })
		}
	}
}

// since is the node's clock.
func (n *Connector) since() time.Duration { return time.Since(n.epoch) }

// at is a time on the node's clock.
func (n *Connector) at(t time.Time) time.Duration { return t.Sub(n.epoch) }

func (n *Connector) leasedAt() time.Duration { return time.Duration(n.leased.Load()) }

// The node is the outlet of its hub.

func (n *Connector) put(c *client, o op) {
	n.into(n.shards[c.socket.Serial()%uint64(len(n.shards))], o)
}

func (n *Connector) all(o op) {
	for _, s := range n.shards {
		n.into(s, o)
	}
}

func (n *Connector) into(s *shard, o op) {
	select {
	case s.inbox <- o:
	case <-n.ended:
	}
}

func (n *Connector) ask(q question) bool {
	select {
	case n.questions <- q:
		return true
	default:
		return false
	}
}

func (n *Connector) look(conversation string) { n.survey.room(conversation) }

func (n *Connector) reread(user string) { n.roster.again(user) }

func (n *Connector) tell(note bus.Note) {
	if err := n.bus.Tell(note); err != nil {
		n.log.Debug("a note is not told", "subject", note.Subject, "error", err.Error())
	}
}
