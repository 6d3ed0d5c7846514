package trigger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/fault"
)

// Letter is one event that a function could not handle.
type Letter struct {
	Seq         uint64 // names it to the other commands
	Function    string
	Event       string // its id
	Topic       string
	Kind        string
	Reason      string
	Attempts    int
	At          time.Time // given up
	Origin      string    // stream:sequence of the message it came in
	TraceParent string
	Body        []byte // a batch of the one event, or what came instead
}

// Poison reports whether the event died of what it is, so that no attempt can
// mend it. Any other was in order for all that is known, and was given up.
func (l Letter) Poison() bool { return fateOf(fault.Kind(l.Kind)) == Dead }

// Letters is the dead letters, for a person to look at and decide.
type Letters struct {
	js jetstream.JetStream
}

// NewLetters reads and writes through js.
func NewLetters(js jetstream.JetStream) *Letters { return &Letters{js: js} }

// ErrNoLetter says that there is no dead letter with that sequence.
var ErrNoLetter = errors.New("no such dead letter")

// Each hands the letters of a function, or of all with an empty name, to f, the
// oldest first, until f fails. Letters written meanwhile may be among them.
func (l *Letters) Each(ctx context.Context, function string, f func(Letter) error) error {
	stream, err := l.stream(ctx)
	if err != nil {
		return err
	}
	subject := deadSubject(function)
	if function == "" {
		subject = deadSubject("*")
	}
	for seq := uint64(1); ; {
		msg, err := stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the dead letters from %d on: %w", seq, err)
		}
		if err := f(letter(msg)); err != nil {
			return err
		}
		seq = msg.Sequence + 1
	}
}

// Read is the letter with this sequence, or ErrNoLetter.
func (l *Letters) Read(ctx context.Context, seq uint64) (Letter, error) {
	msg, err := l.message(ctx, seq)
	if err != nil {
		return Letter{}, err
	}
	return letter(msg), nil
}

// Redrive sends the letter's event back to the function that gave it up, and to
// no other: on redrive.<function>, a work queue of the trigger, not on the
// event's own subject, which others read too. It gets its attempts anew. The
// letter is dropped once the redriven event is durable; if that fails, it may be
// redriven again: within ten minutes the stream knows it, later the function
// sees the event twice, as it may see any.
func (l *Letters) Redrive(ctx context.Context, seq uint64) error {
	old, err := l.message(ctx, seq)
	if err != nil {
		return err
	}
	dead := letter(old)
	msg := nats.NewMsg(redriveSubject(dead.Function))
	msg.Data = old.Data
	number := strconv.FormatUint(seq, 10)
	msg.Header.Set(headerTopic, dead.Topic)
	msg.Header.Set(headerSequence, number)
	msg.Header.Set("Content-Type", event.ContentType)
	// With the time: the sequences of a stream that was made anew start again.
	id := number + ":" + strconv.FormatInt(old.Time.UnixNano(), 10)
	if _, err := l.js.PublishMsg(ctx, msg, jetstream.WithMsgID(id), jetstream.WithExpectStream(bus.RedriveStream)); err != nil {
		return fmt.Errorf("redriving the dead letter %d: %w", seq, err)
	}
	return l.Drop(ctx, seq)
}

// Drop forgets the letter for good.
func (l *Letters) Drop(ctx context.Context, seq uint64) error {
	stream, err := l.stream(ctx)
	if err != nil {
		return err
	}
	if err := stream.DeleteMsg(ctx, seq); errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("%w: %d", ErrNoLetter, seq)
	} else if err != nil {
		return fmt.Errorf("dropping the dead letter %d: %w", seq, err)
	}
	return nil
}

// Unbind deletes the function's consumers and its schedule, and names the
// streams whose consumer it was. What they had not handled stays in those
// streams, but nobody remembers where they were: a function that is deployed
// again under this name starts at the beginning. A function that is still
// deployed is bound again at the next poll.
func (l *Letters) Unbind(ctx context.Context, function string) ([]string, error) {
	var streams []string
	names := l.js.StreamNames(ctx)
	for stream := range names.Name() {
		err := l.js.DeleteConsumer(ctx, stream, function)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			continue
		}
		if err != nil {
			return streams, fmt.Errorf("deleting the consumer %s of %s: %w", function, stream, err)
		}
		streams = append(streams, stream)
	}
	if err := names.Err(); err != nil {
		return streams, fmt.Errorf("reading the names of the streams: %w", err)
	}
	return streams, dropSchedule(ctx, l.js, function)
}

func (l *Letters) stream(ctx context.Context) (jetstream.Stream, error) {
	stream, err := l.js.Stream(ctx, bus.DeadStream)
	if err != nil {
		return nil, fmt.Errorf("finding the stream %s: %w", bus.DeadStream, err)
	}
	return stream, nil
}

func (l *Letters) message(ctx context.Context, seq uint64) (*jetstream.RawStreamMsg, error) {
	stream, err := l.stream(ctx)
	if err != nil {
		return nil, err
	}
	msg, err := stream.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fmt.Errorf("%w: %d", ErrNoLetter, seq)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the dead letter %d: %w", seq, err)
	}
	return msg, nil
}

// letter reads a stored message; what a header does not say stays empty.
func letter(msg *jetstream.RawStreamMsg) Letter {
	h := msg.Header
	attempts, _ := strconv.Atoi(h.Get(headerAttempts))
	at, err := time.Parse(time.RFC3339, h.Get(headerTime))
	if err != nil {
		at = msg.Time
	}
	return Letter{
		Seq: msg.Sequence, Function: strings.TrimPrefix(msg.Subject, deadSubject("")), Event: h.Get(headerEvent),
		Topic: h.Get(headerTopic), Kind: h.Get(headerKind), Reason: h.Get(headerReason), Attempts: attempts,
		At: at, Origin: h.Get(headerOrigin), TraceParent: h.Get("traceparent"), Body: msg.Data,
	}
}
