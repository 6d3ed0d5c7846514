package trigger

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/event"
	"bazaar/shared/fault"
)

// delivery is one message that the trigger holds: it is acknowledged when the
// last of its events is done. Only the job that holds it changes it.
type delivery struct {
	msg      jetstream.Msg
	stream   string
	seq      uint64    // in the stream
	stored   time.Time // when the stream took it
	times    uint64    // deliveries of it so far, this one included
	topic    string    // the subject that its events were published to
	redriven string    // sequence of the dead letter it was, empty otherwise
	items    []*item   // its events
	left     int       // of them not yet done
}

// identity tells a message from every other one, also from one with the same
// sequence in a stream that was made anew.
type identity struct {
	seq    uint64
	stored int64
}

func (d *delivery) identity() identity { return identity{d.seq, d.stored.UnixNano()} }

func (d *delivery) size() int { return len(d.msg.Data()) }

// item is one event on its way to the function.
type item struct {
	id, traceparent string
	raw             []byte // the event's JSON as it came: attributes we do not know go on
	from            *delivery
	alone           bool      // in no call with others
	used            int       // attempts used up
	due             time.Time // not before
	dead            *Failure  // decided: nothing but its copy to the dead letters is left to do
}

// newDelivery reads what the server says about a message.
func newDelivery(msg jetstream.Msg) (*delivery, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, fmt.Errorf("reading the metadata of a message on %s: %w", msg.Subject(), err)
	}
	d := &delivery{
		msg: msg, stream: meta.Stream, seq: meta.Sequence.Stream, stored: meta.Timestamp,
		times: meta.NumDelivered, topic: msg.Subject(),
	}
	if strings.HasPrefix(d.topic, redriveSubject("")) {
		d.topic = oneLine(msg.Headers().Get(headerTopic)) // it goes into a header again
		d.redriven = msg.Headers().Get(headerSequence)
	}
	return d, nil
}

// unpack takes the message apart. What is no event becomes an item that is
// already decided: it goes to the dead letters under the message's own number,
// and takes no neighbour with it. attempts is the binding's.
//
// A redelivered message was in somebody's hands when those let go of it, so its
// events go one by one, and its deliveries count as attempts that the process
// before may have used up; one attempt is always left.
func (d *delivery) unpack(attempts int) {
	var parts []json.RawMessage
	if err := json.Unmarshal(d.msg.Data(), &parts); err != nil {
		d.hold(d.bad(d.number(), d.msg.Data(), fmt.Errorf("the message is no batch of events: %w", err)))
		return
	}
	alone := d.times > 1 || d.redriven != ""
	used := int(min(d.times-1, uint64(attempts-1)))
	items := make([]*item, 0, len(parts))
	for i, raw := range parts {
		var e event.Event
		err := json.Unmarshal(raw, &e)
		if err == nil {
			err = e.Validate()
		}
		if err != nil {
			items = append(items, d.bad(d.number()+":"+strconv.Itoa(i), raw, fmt.Errorf("it is no event: %w", err)))
			continue
		}
		items = append(items, &item{id: e.ID, traceparent: e.TraceParent, raw: raw, from: d, alone: alone, used: used})
	}
	d.hold(items...)
}

func (d *delivery) hold(items ...*item) { d.items, d.left = items, len(items) }

func (d *delivery) number() string { return d.stream + ":" + strconv.FormatUint(d.seq, 10) }

func (d *delivery) bad(id string, raw []byte, err error) *item {
	return &item{id: id, raw: raw, from: d, alone: true, dead: &Failure{Kind: fault.Invalid, Detail: err.Error()}}
}
