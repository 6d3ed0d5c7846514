package bus

import "strconv"

// The streams. What they hold and how long is data in infra/schema, applied by migrate.
const (
	QueueStream    = "QUEUE"
	OrdersStream   = "ORDERS"
	PaymentsStream = "PAYMENTS"
	MessagesStream = "MESSAGES"
	MissedStream   = "MISSED"
	CronStream     = "CRON"
	DeadStream     = "DEAD"
	RedriveStream  = "REDRIVE"
)

// QueueConsumer is the one durable consumer of QueueStream, made with it.
const QueueConsumer = "reserve-stock"

// StreamsVersion is the version of the streams that this code needs. Streams
// that are behind it are refused with a clear error; ones that are ahead are
// welcome, since they only widen.
const StreamsVersion = 2

// VersionKey is where a stream's metadata carries its version.
const VersionKey = "bazaar-version"

// VersionOf reads the version from a stream's metadata; 0 when it has none.
func VersionOf(metadata map[string]string) int {
	version, err := strconv.Atoi(metadata[VersionKey])
	if err != nil {
		return 0
	}
	return version
}
