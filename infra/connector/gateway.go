package connector

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
)

const (
	// callTimeout is what a function is told that it may take; callMargin what
	// the way may take beside.
	callTimeout = 10 * time.Second
	callMargin  = time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 64 << 10
	// maxCalls bounds the calls under way.
	maxCalls = 512
)

// gateway calls functions with the tokens of clients.
type gateway struct {
	client *http.Client
	base   string // URL without a slash at its end
	places chan struct{}
}

func newGateway(base string) *gateway {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = 0 // all calls go to one host
	transport.MaxIdleConnsPerHost = 256
	transport.Proxy = nil
	return &gateway{
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirect is no answer of a function
		}},
		base: strings.TrimRight(base, "/"), places: make(chan struct{}, maxCalls),
	}
}

// answer is what a function said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call posts body to a function for the owner of token; "" for nobody.
func (g *gateway) call(ctx context.Context, token, path string, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout+callMargin)
	defer cancel()
	select {
	case g.places <- struct{}{}:
		defer func() { <-g.places }()
	case <-ctx.Done():
		return answer{}, fmt.Errorf("waiting for the calls before: %w", ctx.Err())
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.base+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("making a call: %w", err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Timeout", callTimeout.String())
	if parent := telemetry.TraceParent(ctx); parent != "" {
		r.Header.Set("traceparent", parent)
	}
	res, err := g.client.Do(r)
	if err != nil {
		return answer{}, fmt.Errorf("calling a function: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // read to its end or given up
	a := answer{status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
		return answer{}, fmt.Errorf("reading an answer: %w", err)
	}
	return a, nil
}

// refusal reads why a function has not done what it was asked. What is no answer
// of a function says nothing about what became of it, so it is asked again.
func (a answer) refusal(err error) refusal {
	if err != nil {
		return refusalOf("", "", 0)
	}
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(a.body, &problem) // without a code the kind says it
	seconds, _ := strconv.Atoi(a.header.Get("Retry-After"))
	return refusalOf(a.kind(), problem.Code, time.Duration(min(max(seconds, 0), 3600))*time.Second)
}

// kind is the kind of fault that a function has answered with.
func (a answer) kind() fault.Kind { return fault.Kind(a.header.Get("X-Fault")) }
