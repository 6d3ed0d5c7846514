package trigger

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Annotations that bind a function to its events.
const (
	TopicAnnotation      = "topic"
	ScheduleAnnotation   = "schedule"
	TimeZoneAnnotation   = "bazaar.timezone"
	AttemptsAnnotation   = "com.openfaas.retry.attempts"
	MinWaitAnnotation    = "com.openfaas.retry.min_wait"
	MaxWaitAnnotation    = "com.openfaas.retry.max_wait"
	BatchAnnotation      = "bazaar.batch"
	BatchWaitAnnotation  = "bazaar.batch_wait"
	BatchBytesAnnotation = "bazaar.batch_bytes"
)

// CronTopic is the topic that stands for the function's own schedule.
const CronTopic = "cron-function"

// What holds where an annotation or setting of the function is silent.
const (
	DefaultAttempts    = 5
	DefaultMinWait     = 200 * time.Millisecond
	DefaultMaxWait     = LongestWait
	DefaultBatchBytes  = 512 << 10
	DefaultMaxInflight = 16
)

// LongestWait bounds every wait between two attempts, whatever max_wait says:
// an event that waits keeps its place among the unacknowledged ones and stalls
// the rest. What must wait longer belongs in Postgres with a next_try_at.
const LongestWait = 10 * time.Second

// Binding is what a function's annotations and environment ask of the trigger.
type Binding struct {
	Function string
	Topics   []string  // literal subjects, sorted, each once; without the schedule's
	Cron     *Schedule // nil without the topic cron-function

	Attempts         int           // calls of one event that may fail as internal or timeout
	MinWait, MaxWait time.Duration // before the second attempt; doubled up to MaxWait

	Batch      int           // most events in a call
	BatchWait  time.Duration // how long a call that is not full waits for more
	BatchBytes int           // most bytes of events in a call of several

	MaxInflight int           // calls at once, of this trigger
	ExecTimeout time.Duration // the function's own; zero when it does not say
}

var (
	functionName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	subjectToken = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// Bind reads a function's annotations and environment. Bound is false, without
// an error, for a function that has no topic. An error names everything that is
// wrong; such a function is left out as a whole, since half of its annotations
// would be a guess.
func Bind(function string, annotations, environment map[string]string) (b Binding, bound bool, err error) {
	topic, bound := annotations[TopicAnnotation]
	if !bound {
		return Binding{}, false, nil
	}
	r := reader{values: annotations}
	b = Binding{
		Function:   function,
		Attempts:   r.number(AttemptsAnnotation, DefaultAttempts, 1, 1000),
		MinWait:    r.duration(MinWaitAnnotation, DefaultMinWait, time.Millisecond, time.Hour),
		MaxWait:    r.duration(MaxWaitAnnotation, DefaultMaxWait, time.Millisecond, 24*time.Hour),
		Batch:      r.number(BatchAnnotation, 1, 1, 10_000),
		BatchWait:  r.duration(BatchWaitAnnotation, 0, 0, LongestWait),
		BatchBytes: r.number(BatchBytesAnnotation, DefaultBatchBytes, 1<<10, 8<<20),
	}
	b.MaxWait = min(b.MaxWait, LongestWait)
	b.MinWait = min(b.MinWait, b.MaxWait)
	if !functionName.MatchString(function) {
		r.fail("name", fmt.Errorf("%q cannot name a consumer", function))
	}
	cron := r.topics(&b, topic)
	r.schedule(&b, cron)

	e := reader{values: environment}
	b.MaxInflight = e.number("max_inflight", DefaultMaxInflight, 0, 1_000_000)
	if b.MaxInflight == 0 { // the function's word for unbounded, which we never are
		b.MaxInflight = DefaultMaxInflight
	}
	b.ExecTimeout = e.duration("exec_timeout", 0, 0, 24*time.Hour)
	return b, true, errors.Join(append(r.wrong, e.wrong...)...)
}

// reader reads values by name and gathers what is wrong with them.
type reader struct {
	values map[string]string
	wrong  []error
}

func (r *reader) fail(name string, err error) {
	r.wrong = append(r.wrong, fmt.Errorf("%s: %w", name, err))
}

func (r *reader) number(name string, otherwise, least, most int) int {
	text, ok := r.values[name]
	if !ok || text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		r.fail(name, fmt.Errorf("%q is no whole number from %d to %d", text, least, most))
		return otherwise
	}
	return n
}

func (r *reader) duration(name string, otherwise, least, most time.Duration) time.Duration {
	text, ok := r.values[name]
	if !ok || text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		r.fail(name, fmt.Errorf("%q is no duration from %s to %s", text, least, most))
		return otherwise
	}
	return d
}

// topics fills b.Topics and reports whether cron-function is among them.
func (r *reader) topics(b *Binding, list string) (cron bool) {
	for part := range strings.SplitSeq(list, ",") {
		topic := strings.TrimSpace(part)
		if topic == CronTopic {
			cron = true
			continue
		}
		if err := checkTopic(topic); err != nil {
			r.fail(TopicAnnotation, err)
			continue
		}
		b.Topics = append(b.Topics, topic)
	}
	slices.Sort(b.Topics)
	b.Topics = slices.Compact(b.Topics)
	return cron
}

// checkTopic accepts literal subjects. Those of the trigger's own streams are
// not for binding: their consumers are made from other annotations or not at all.
func checkTopic(topic string) error {
	if len(topic) > 255 {
		return fmt.Errorf("%.20q… is longer than 255 characters", topic)
	}
	for token := range strings.SplitSeq(topic, ".") {
		if !subjectToken.MatchString(token) {
			return fmt.Errorf("%q is no literal subject", topic)
		}
	}
	switch first, _, _ := strings.Cut(topic, "."); first {
	case "cron", "dead", "redrive":
		return fmt.Errorf("%q belongs to the trigger", topic)
	}
	return nil
}

// schedule fills b.Cron.
func (r *reader) schedule(b *Binding, cron bool) {
	text, given := r.values[ScheduleAnnotation]
	zone := r.values[TimeZoneAnnotation]
	switch {
	case !cron && given:
		r.fail(ScheduleAnnotation, fmt.Errorf("there is a schedule without the topic %s", CronTopic))
	case !cron:
	case !given:
		r.fail(ScheduleAnnotation, fmt.Errorf("the topic %s needs one", CronTopic))
	default:
		s, err := ParseSchedule(text, zone)
		if err != nil {
			r.fail(ScheduleAnnotation, err)
			return
		}
		b.Cron = &s
	}
}
