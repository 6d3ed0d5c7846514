package payment

import (
	"strconv"

	"bazaar/shared/event"
)

// Notified is the subject of the event that a notice waits in the inbox.
const Notified = "payment.notified"

// NotifiedData is the data of Notified: where the fact is, never the fact.
type NotifiedData struct {
	InboxID int64 `json:"inbox_id"`
}

// NotifiedEvent is the event of a stored notice. Its id is stable.
func NotifiedEvent(inboxID int64) (event.Event, error) {
	id := strconv.FormatInt(inboxID, 10)
	return event.New(Notified, Notified+"."+id, id, NotifiedData{InboxID: inboxID})
}
