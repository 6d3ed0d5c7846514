// Package audience is the people of the chat's measurements: thousands of raw
// WebSocket clients in one process, on one loop that waits for all of them, so
// that they cost little of the machine that they share with what they measure.
// It owns no protocol: it knows as much of RFC 6455 and of the lines of the chat
// as it takes to be let in, to speak, and to see when something came. It is
// driven by orders, one JSON object a line, and answers each with one line.
package audience

import (
	"encoding/json"
	"io"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Order is what is to be done; one field is set.
type Order struct {
	Join  *Join  `json:"join,omitempty"`
	Talk  *Talk  `json:"talk,omitempty"`
	Await *Await `json:"await,omitempty"`
	Leave *Leave `json:"leave,omitempty"`
}

// Join connects people and has them let in.
type Join struct {
	Set     string   `json:"set"`     // their name
	Address string   `json:"address"` // host:port of the node
	Users   []string `json:"users"`
	Key     string   `json:"key"`     // path of the key that signs their tokens; "": a token is the name
	AtOnce  int      `json:"at_once"` // how many may be on the way
	Deaf    bool     `json:"deaf"`    // once they are in they do not read
	Buffer  int      `json:"buffer"`  // bytes that the kernel keeps of what they have not read; 0: as it likes
	Within  Duration `json:"within"`  // or it has failed
	Gateway string   `json:"gateway"` // host:port where they sync; "" if they never do
	Rooms   []string `json:"rooms"`   // the one conversation of each that they keep up with; nil for none
	Return  []string `json:"return"`  // addresses that they go to in turn when the node is lost; none: they stay away
}

// Talk has messages sent at the moments of a plan, and watches for them.
type Talk struct {
	Set    string   `json:"set"`   // who sends
	Rooms  []Room   `json:"rooms"` // one is chosen for each message, by the seed
	Rate   float64  `json:"rate"`  // a second
	Evenly bool     `json:"evenly"`
	Length Duration `json:"length"`
	Body   int      `json:"body"` // bytes of text
	Seed   uint64   `json:"seed"`
	Linger Duration `json:"linger"` // how long the last ones are waited for
}

// Room is a conversation in which one of Members, by their number in the set, is
// heard by Hearers sockets.
type Room struct {
	ID      string `json:"id"`
	Members []int  `json:"members"`
	Hearers int    `json:"hearers"`
}

// Await waits until all people of a set that were lost are back and have what was
// said meanwhile.
type Await struct {
	Set    string    `json:"set"`
	Since  time.Time `json:"since"`
	Seq    int64     `json:"seq"` // of their rooms, that all must have
	Within Duration  `json:"within"`
}

// Leave closes the sockets of a set.
type Leave struct {
	Set string `json:"set"`
}

// Answer is what came of an order.
type Answer struct {
	Error  string  `json:"error,omitempty"`
	Joined *Joined `json:"joined,omitempty"`
	Talked *Talked `json:"talked,omitempty"`
	Back   *Back   `json:"back,omitempty"`
	Ended  int     `json:"ended,omitempty"` // sockets that the server has closed, of the set, so far
}

// Joined is how a Join went.
type Joined struct {
	Took Duration    `json:"took"`
	Each *Histograph `json:"each"` // from the first packet to ready
}

// Talked is what a Talk saw. Times count from the moment at which a message was
// to be sent.
type Talked struct {
	Planned int         `json:"planned"`
	Sent    int         `json:"sent"`    // that were acknowledged
	Refused int         `json:"refused"` // and nothing else became of them
	Wanted  int         `json:"wanted"`  // deliveries
	Got     int         `json:"got"`
	Hints   int         `json:"hints"`
	Answer  *Histograph `json:"answer"` // until the sender was told that it is stored
	Delay   *Histograph `json:"delay"`  // until a receiver had it
	Late    *Histograph `json:"late"`   // until it was sent: the client's own delay
}

// Back is how people came back, from the moment of an Await.
type Back struct {
	Lost   int         `json:"lost"`
	Gone   *Histograph `json:"gone"`   // until they noticed
	Ready  *Histograph `json:"ready"`  // until they were in again
	Synced *Histograph `json:"synced"` // until they had what was said meanwhile
	Tries  int         `json:"tries"`
	Asked  int         `json:"asked"`  // calls of sync-messages
	Denied int         `json:"denied"` // of these that were put off
}

// Histograph is an HDR histogram of nanoseconds on the wire.
type Histograph = hdrhistogram.Snapshot

// The bounds of the histograms, those of the bench.
const (
	shortest = time.Microsecond
	longest  = time.Minute
	digits   = 3
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(shortest), int64(longest), digits)
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(int64(min(max(d, shortest), longest)))
}

// Duration is one that JSON carries as text.
type Duration time.Duration

// MarshalText writes it as Go does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// orders reads what is to be done until in ends.
func orders(in io.Reader, take func(Order)) error {
	decoder := json.NewDecoder(in)
	for {
		var o Order
		if err := decoder.Decode(&o); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		take(o)
	}
}
