package trigger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bazaar/shared/fault"
)

// answerLimit bounds what is read of an answer: 10,000 failures fit.
const answerLimit = 4 << 20

// Failure is what the function says about one event, or about a whole call.
type Failure struct {
	ID     string     `json:"id"`
	Kind   fault.Kind `json:"kind"`
	Detail string     `json:"detail"`
}

// Answer is what came back from the gateway.
type Answer struct {
	Err        error         // the call itself failed; nothing else is set
	Status     int           // of HTTP
	Fault      fault.Kind    // header X-Fault, empty when there is none
	Detail     string        // of a problem, for the dead letter
	RetryAfter time.Duration // zero when there is none
	Failed     []Failure     // of a 2xx
	Garbled    error         // a 2xx that claims to be JSON and is not what it should be
}

// readAnswer reads a response; its body is not closed.
func readAnswer(res *http.Response, now time.Time) Answer {
	body, err := io.ReadAll(io.LimitReader(res.Body, answerLimit+1))
	if err != nil {
		return Answer{Err: fmt.Errorf("reading the answer: %w", err)}
	}
	a := Answer{
		Status:     res.StatusCode,
		Fault:      fault.Kind(res.Header.Get("X-Fault")),
		RetryAfter: parseRetryAfter(res.Header.Get("Retry-After"), now),
	}
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	isJSON := media == "application/json" || strings.HasSuffix(media, "+json")
	if a.Status/100 == 2 {
		if isJSON {
			a.Failed, a.Garbled = decodeFailed(body)
		}
		return a
	}
	var problem struct {
		Detail string `json:"detail"`
		Code   string `json:"code"`
	}
	if isJSON && json.Unmarshal(body, &problem) == nil {
		a.Detail = strings.TrimSpace(problem.Code + ": " + problem.Detail)
	}
	return a
}

// decodeFailed reads {"failed":[…]}. A body without failed says that all went
// well. One that cannot be read may hide a failure: it is an error, never a
// success, since what is acknowledged on a guess is lost.
func decodeFailed(body []byte) ([]Failure, error) {
	if len(body) == 0 {
		return nil, nil
	}
	if len(body) > answerLimit {
		return nil, fmt.Errorf("the answer is longer than %d bytes", answerLimit)
	}
	var partial struct {
		Failed []Failure `json:"failed"`
	}
	if body = bytes.TrimSpace(body); json.Valid(body) && body[0] != '{' {
		return nil, nil
	}
	if err := json.Unmarshal(body, &partial); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	for i, f := range partial.Failed {
		if f.ID == "" {
			return nil, fmt.Errorf("failure %d of the answer names no event", i)
		}
	}
	return partial.Failed, nil
}

// parseRetryAfter reads seconds or an HTTP date; what is neither counts as absent.
func parseRetryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), 3600)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), time.Hour)
	}
	return 0
}
