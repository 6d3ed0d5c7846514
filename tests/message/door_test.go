package message_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// door stands between the connectors and the gateway. It passes everything on,
// and may keep an answer to itself.
type door struct {
	url     string
	gateway atomic.Pointer[string]
	// loses, if any, is asked about each request whose answer is there.
	loses atomic.Pointer[func(body []byte) bool]
	way   http.Transport
}

func newDoor() (*door, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening the door of the connectors: %w", err)
	}
	d := &door{url: "http://" + l.Addr().String(), way: http.Transport{MaxIdleConnsPerHost: 256}}
	server := &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }() // as long as the tests
	return d, nil
}

// set says which answers are lost from now on; nil is none.
func (d *door) set(loses func(body []byte) bool) {
	if loses == nil {
		d.loses.Store(nil)
		return
	}
	d.loses.Store(&loses)
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	out := r.Clone(r.Context())
	out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", (*d.gateway.Load())[len("http://"):]
	out.Body = io.NopCloser(bytes.NewReader(body))
	answer, err := d.way.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler) // as if we were not there
	}
	defer func() { _ = answer.Body.Close() }()
	said, err := io.ReadAll(answer.Body)
	if loses := d.loses.Load(); err != nil || loses != nil && (*loses)(body) {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(said)
}
