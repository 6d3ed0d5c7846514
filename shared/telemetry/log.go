package telemetry

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.opentelemetry.io/otel/trace"
)

// lines is a slog.Handler that writes one JSON object a line, in slog's own
// form, with trace_id and span_id of the context's span at the top, so that a
// line leads to its trace. It exists because a call is a log line, and slog's
// own JSONHandler was a third of the runtime's cost of a call.
type lines struct {
	level slog.Leveler
	out   *output
	// bound is the JSON of the attributes that every line has, with the groups
	// they opened; pending are groups that wait for their first attribute.
	bound   []byte
	opened  int
	pending []string
}

func newLines(w io.Writer, level slog.Leveler) *lines {
	return &lines{level: level, out: newOutput(w)}
}

func (l *lines) Enabled(_ context.Context, level slog.Level) bool { return level >= l.level.Level() }

func (l *lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return l
	}
	c := *l
	c.bound = c.open(slices.Clip(l.bound))
	start := len(c.bound)
	for _, a := range attrs {
		c.bound = appendAttr(c.bound, a)
	}
	if len(c.bound) == start {
		return l
	}
	c.opened, c.pending = l.opened+len(l.pending), nil
	return &c
}

func (l *lines) WithGroup(name string) slog.Handler {
	if name == "" {
		return l
	}
	c := *l
	c.pending = append(slices.Clip(l.pending), name)
	return &c
}

// open begins the groups that wait.
func (l *lines) open(b []byte) []byte {
	for _, name := range l.pending {
		b = append(appendKey(b, name), '{')
	}
	return b
}

func (l *lines) Handle(ctx context.Context, r slog.Record) error {
	attrs := make([]slog.Attr, 0, 16)
	r.Attrs(func(a slog.Attr) bool { attrs = append(attrs, a); return true })
	return l.line(ctx, r.Time, r.Level, r.Message, attrs, l.out.now)
}

// Line writes a line as log.LogAttrs would, without its search for the caller's
// line of code and its copies: for who writes one for each call. Below the level
// of a warning it may wait for some milliseconds for others, to be written with
// them; the lines stay in their order. A process that is killed takes what waits
// with it.
func Line(ctx context.Context, log *slog.Logger, at time.Time, level slog.Level, message string, attrs []slog.Attr) {
	if l, ours := log.Handler().(*lines); ours {
		write := l.out.now
		if level < slog.LevelWarn {
			write = l.out.soon
		}
		_ = l.line(ctx, at, level, message, attrs, write)
		return
	}
	record := slog.NewRecord(at, level, message, 0)
	record.AddAttrs(attrs...)
	_ = log.Handler().Handle(ctx, record)
}

func (l *lines) line(ctx context.Context, at time.Time, level slog.Level, message string, attrs []slog.Attr, write func([]byte) error) error {
	kept, _ := l.out.buffers.Get().(*[]byte)
	b := append((*kept)[:0], '{')
	if !at.IsZero() {
		b = appendTime(appendKey(b, slog.TimeKey), at.Round(0))
	}
	b = appendString(appendKey(b, slog.LevelKey), level.String())
	b = appendString(appendKey(b, slog.MessageKey), message)
	b = appendSpan(b, trace.SpanContextFromContext(ctx))
	b = append(b, l.bound...)
	opened := l.opened
	if len(attrs) > 0 {
		before := len(b)
		b = l.open(b)
		start := len(b)
		for _, a := range attrs {
			b = appendAttr(b, a)
		}
		if len(b) == start {
			b = b[:before]
		} else {
			opened += len(l.pending)
		}
	}
	for range opened {
		b = append(b, '}')
	}
	b = append(b, '}', '\n')
	err := write(b)
	if cap(b) <= maxKeptLine {
		*kept = b
		l.out.buffers.Put(kept)
	}
	return err
}

func appendSpan(b []byte, sc trace.SpanContext) []byte {
	if !sc.IsValid() {
		return b
	}
	traceID, spanID := sc.TraceID(), sc.SpanID()
	b = append(appendKey(b, "trace_id"), '"')
	b = hex.AppendEncode(b, traceID[:])
	b = append(b, `","span_id":"`...)
	b = hex.AppendEncode(b, spanID[:])
	return append(b, '"')
}

// appendAttr adds a, or nothing for an empty one, as slog.Handler asks.
func appendAttr(b []byte, a slog.Attr) []byte {
	a.Value = a.Value.Resolve()
	if a.Equal(slog.Attr{}) {
		return b
	}
	if a.Value.Kind() != slog.KindGroup {
		return appendValue(appendKey(b, a.Key), a.Value)
	}
	before := len(b)
	if a.Key != "" {
		b = append(appendKey(b, a.Key), '{')
	}
	start := len(b)
	for _, member := range a.Value.Group() {
		b = appendAttr(b, member)
	}
	switch {
	case len(b) == start:
		return b[:before]
	case a.Key != "":
		b = append(b, '}')
	}
	return b
}

// appendKey adds a name and its colon, after a comma where one is due.
func appendKey(b []byte, name string) []byte {
	if len(b) == 0 || b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(appendString(b, name), ':')
}

func appendString(b []byte, text string) []byte {
	// The error is about invalid UTF-8, which has been replaced.
	b, _ = jsontext.AppendQuote(b, text)
	return b
}

func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

func appendValue(b []byte, v slog.Value) []byte {
	switch v.Kind() {
	case slog.KindString:
		return appendString(b, v.String())
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10)
	case slog.KindUint64:
		return strconv.AppendUint(b, v.Uint64(), 10)
	case slog.KindBool:
		return strconv.AppendBool(b, v.Bool())
	case slog.KindDuration:
		return strconv.AppendInt(b, int64(v.Duration()), 10)
	case slog.KindTime:
		return appendTime(b, v.Time())
	case slog.KindFloat64:
		if f := v.Float64(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return strconv.AppendFloat(b, f, 'f', -1, 64)
		}
		return appendString(b, v.String())
	}
	return appendAny(b, v.Any())
}

func appendAny(b []byte, v any) []byte {
	_, marshals := v.(json.Marshaler)
	if err, ok := v.(error); ok && !marshals {
		return appendString(b, err.Error())
	}
	text, err := json.Marshal(v)
	if err != nil {
		return appendString(b, "!ERROR:"+err.Error())
	}
	return append(b, text...)
}
