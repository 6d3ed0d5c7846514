// Package event is the one form in which something that happened travels: a
// CloudEvent 1.0, always inside a CloudEvents batch, over NATS and over HTTP.
// It knows no subject and no stream; an event type belongs to the noun that
// emits it.
package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// ContentType is the media type of a batch (CloudEvents JSON format 1.0.2, section 4).
const ContentType = "application/cloudevents-batch+json"

// Source is the CloudEvents source of everything that Bazaar emits.
const Source = "/bazaar"

// Event is one CloudEvent. Type is also its NATS subject. ID is stable under
// retry: consumers may rely on (Source, ID) being the same fact.
type Event struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject,omitempty"` // what it happened to, e.g. an order id
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype,omitempty"`
	TraceParent     string          `json:"traceparent,omitempty"` // W3C Trace Context, extension attribute
	Data            json.RawMessage `json:"data,omitempty"`
}

// New makes an event of data, encoded as JSON. Time is when New ran: a hint for
// people, never the ground of a decision.
func New(typ, id, subject string, data any) (Event, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return Event{}, fmt.Errorf("encoding the data of %s %s: %w", typ, id, err)
	}
	return Of(typ, id, subject, raw), nil
}

// Of is New for data that is JSON already.
func Of(typ, id, subject string, data json.RawMessage) Event {
	return Event{
		SpecVersion: "1.0", ID: id, Source: Source, Type: typ, Subject: subject,
		Time: time.Now().UTC(), DataContentType: "application/json", Data: data,
	}
}

// Decode reads the data into v. Unknown fields are ignored: changes of an event
// are additive.
func (e Event) Decode(v any) error {
	if err := json.Unmarshal(e.Data, v); err != nil {
		return fmt.Errorf("decoding the data of %s %s: %w", e.Type, e.ID, err)
	}
	return nil
}

// Validate checks the attributes that CloudEvents requires.
func (e Event) Validate() error {
	switch {
	case e.SpecVersion != "1.0":
		return fmt.Errorf("specversion is %q, not 1.0", e.SpecVersion)
	case e.ID == "":
		return errors.New("id is empty")
	case e.Source == "":
		return errors.New("source is empty")
	case e.Type == "":
		return errors.New("type is empty")
	}
	return nil
}

// Encode is the JSON of one event, as it stands in a batch. The data must be JSON
// and is taken as it is: encoding/json would read all of it once more. Errors:
// an attribute that is not UTF-8.
func Encode(e Event) ([]byte, error) {
	body := make([]byte, 0, 320+len(e.Data))
	var wrong error
	text := func(name, value string) {
		body = append(body, name...)
		var err error
		if body, err = jsontext.AppendQuote(body, value); err != nil {
			wrong = fmt.Errorf("encoding the event %s %s: %w", e.Type, e.ID, err)
		}
	}
	text(`{"specversion":`, e.SpecVersion)
	text(`,"id":`, e.ID)
	text(`,"source":`, e.Source)
	text(`,"type":`, e.Type)
	if e.Subject != "" {
		text(`,"subject":`, e.Subject)
	}
	body = append(e.Time.AppendFormat(append(body, `,"time":"`...), time.RFC3339Nano), '"')
	if e.DataContentType != "" {
		text(`,"datacontenttype":`, e.DataContentType)
	}
	if e.TraceParent != "" {
		text(`,"traceparent":`, e.TraceParent)
	}
	if len(e.Data) > 0 {
		body = append(append(body, `,"data":`...), e.Data...)
	}
	return append(body, '}'), wrong
}

// EncodeBatch is the JSON of a batch, also of one event.
func EncodeBatch(batch []Event) ([]byte, error) {
	body, err := json.Marshal(batch)
	if err != nil {
		return nil, fmt.Errorf("encoding a batch of %d events: %w", len(batch), err)
	}
	return body, nil
}

// DecodeBatch reads a batch and checks every event's required attributes.
// Unknown attributes are ignored.
func DecodeBatch(body []byte) ([]Event, error) {
	var batch []Event
	if err := json.Unmarshal(body, &batch); err != nil {
		return nil, fmt.Errorf("decoding a batch of events: %w", err)
	}
	for i, e := range batch {
		if err := e.Validate(); err != nil {
			return nil, fmt.Errorf("event %d of the batch: %w", i, err)
		}
	}
	return batch, nil
}
