package fn

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
)

// finish answers the call and tells about it, once: a step that comes back
// after it was cut off is only noted.
func (x *exchange) finish(answer handler.Response, err error) {
	x.mu.Lock()
	late := x.answered
	x.answered = true
	x.mu.Unlock()
	if late {
		x.s.run.Log.WarnContext(x.ctx, "step ended after its call", "call_id", x.id,
			"duration_ms", milliseconds(time.Since(x.start)))
		return
	}
	if x.span == nil {
		x.begin(x.r.Header.Get("Traceparent"))
	}
	status, header, body := answer.StatusCode, answer.Header, answer.Body
	f := fault.Of(err)
	if f != nil {
		status, header, body = x.problemOf(f)
	}
	if status < 100 || status > 999 {
		status = http.StatusOK
	}
	x.tell(status, f)
	x.write(status, header, body)
}

// cut answers for a step that does not heed its deadline. The connection stays
// taken until the step comes back: net/http cannot let go of it.
func (x *exchange) cut() {
	// Held to the end: finish must not return to net/http while this writes.
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.answered {
		return
	}
	x.answered = true
	y := &exchange{s: x.s, rt: x.rt, w: x.w, r: x.r, start: x.start, id: x.id, ctx: x.r.Context(), whole: x.whole}
	y.begin(x.r.Header.Get("Traceparent"))
	f := fault.Of(fmt.Errorf("the step ran on: %w", context.DeadlineExceeded))
	status, header, body := y.problemOf(f)
	y.tell(status, f)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	y.write(status, header, body)
	control := http.NewResponseController(x.w)
	if err := control.Flush(); err != nil {
		x.s.run.Log.WarnContext(y.ctx, "answering for a step", "call_id", x.id, "error", err.Error())
	}
}

// write sends the answer. What goes wrong here concerns a caller who left.
func (x *exchange) write(status int, header http.Header, body []byte) {
	into := x.w.Header()
	for name, values := range header {
		into[name] = values
	}
	if _, typed := into["Content-Type"]; !typed && len(body) > 0 {
		into["Content-Type"] = x.s.json
	}
	own := [2]string{x.id, telemetry.TraceParent(x.ctx)}
	into["X-Call-Id"], into["Traceparent"] = own[:1:1], own[1:]
	if x.r.ContentLength != 0 && !x.whole && !x.drain() {
		// net/http would read on before it answers, however slowly the rest comes.
		into["Connection"] = []string{"close"}
	}
	if status == http.StatusRequestTimeout {
		// The read deadline is past and the write deadline is the same.
		_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(lastWrite))
	}
	x.w.WriteHeader(status)
	if len(body) > 0 {
		_, _ = x.w.Write(body)
	}
}

// drain reads what is left of a body that was refused, and reports whether that
// was all: a caller who is cut off while sending may never see the answer. It
// takes a second and 16 MiB at most, and does not ask for a body that the
// caller has not begun to send (RFC 9110, section 10.1.1).
func (x *exchange) drain() bool {
	control := http.NewResponseController(x.w)
	if x.broken || x.r.Header.Get("Expect") != "" || control.SetReadDeadline(time.Now().Add(drainTime)) != nil {
		return false
	}
	n, err := io.Copy(io.Discard, io.LimitReader(x.r.Body, drainBytes))
	return err == nil && n < drainBytes
}

// callID is the caller's X-Call-Id, or a new one where it has none that may
// stand in a log.
func callID(h http.Header) string {
	if values := h["X-Call-Id"]; len(values) > 0 && len(values[0]) <= 128 && visible(values[0]) && values[0] != "" {
		return values[0]
	}
	return fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
