package socket

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// handshake reads a request and answers it. It gives a socket, which counts as
// open, and what its client sent behind the request; or why there is none.
func (v *Server) handshake(c *net.TCPConn) (s *Socket, ahead []byte, o Outcome) {
	_ = c.SetDeadline(time.Now().Add(v.set.HandshakeTimeout))
	head, ahead, err := readRequest(c)
	var r request
	if err == nil {
		r, err = parseRequest(head)
	}
	var response []byte
	if err == nil {
		response, err = v.upgrade(head, r)
	}
	if err != nil {
		return nil, nil, v.turnAway(c, err)
	}
	if from := r.all("Origin"); len(from) > 0 && !v.origins.admit(from[0], r.all("Host")[0]) {
		// After the upgrade: a page cannot tell a refused one from a dead server.
		v.seeOff(c, append(response, closing(ForeignOrigin, "this page may not connect").wire...))
		return nil, nil, Foreign
	}
	if v.closed.Load() || !v.open.enter(v.set.MaxSockets) {
		return nil, nil, v.turnAway(c, &refusal{status: http.StatusServiceUnavailable, why: "no room", fields: "Retry-After: 1\r\nConnection: close\r\n"})
	}
	s, err = v.socket(c)
	if err == nil {
		_, err = c.Write(response)
	}
	if err == nil {
		err = c.SetDeadline(time.Time{})
	}
	if err != nil {
		v.open.leave()
		return nil, nil, Left
	}
	return s, bytes.Clone(ahead), Opened
}

// socket sets a connection up for a long life.
func (v *Server) socket(c *net.TCPConn) (*Socket, error) {
	// What nobody answers is given up; a phone that sleeps is not woken often.
	if err := c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 20 * time.Second, Count: 3}); err != nil {
		return nil, fmt.Errorf("setting keep-alive: %w", err)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("reaching the descriptor: %w", err)
	}
	if err := setUserTimeout(raw, v.set.UserTimeout); err != nil {
		return nil, fmt.Errorf("setting the user timeout: %w", err)
	}
	if err := setUnsent(raw, v.set.UnsentBytes); err != nil {
		return nil, fmt.Errorf("bounding what the kernel keeps: %w", err)
	}
	s := &Socket{server: v, conn: c, raw: raw, serial: v.serial.Add(1)}
	s.reader.fill, s.sender.try = s.readable, s.writable
	s.heard.Store(int64(v.since()))
	return s, nil
}

// upgrade holds a request against what is asked of it and gives the answer of an
// upgrade.
func (v *Server) upgrade(head []byte, r request) ([]byte, error) {
	if err := v.address(r); err != nil {
		return nil, err
	}
	if err := v.offer(r); err != nil {
		return nil, err
	}
	var response bytes.Buffer
	u := ws.Upgrader{Protocol: func(p []byte) bool { return string(p) == v.set.Protocol }}
	_, err := u.Upgrade(struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(head), &response})
	if err != nil {
		var rejected *ws.ConnectionRejectedError
		if errors.As(err, &rejected) {
			return nil, refuse(rejected.StatusCode(), rejected.Error())
		}
		return nil, errMalformed
	}
	return response.Bytes(), nil
}

// address holds the request against where and how we are asked.
func (v *Server) address(r request) error {
	path, _, query := strings.Cut(r.target, "?")
	switch {
	case r.protocol != "HTTP/1.1":
		return refuse(http.StatusHTTPVersionNotSupported, "HTTP/1.1 is spoken here")
	case r.method != http.MethodGet:
		return &refusal{http.StatusMethodNotAllowed, "only GET", "Allow: GET\r\nConnection: close\r\n"}
	case path != v.set.Path:
		return refuse(http.StatusNotFound, "nothing is here")
	case query:
		// Above all no token: addresses are written into logs.
		return refuse(http.StatusBadRequest, "no query is taken")
	case len(r.all("Transfer-Encoding")) > 0, slices.ContainsFunc(r.all("Content-Length"), func(n string) bool { return n != "0" }):
		return refuse(http.StatusBadRequest, "no body is taken")
	}
	for _, once := range []string{"Host", "Origin", "Sec-WebSocket-Key", "Sec-WebSocket-Version"} {
		if len(r.all(once)) > 1 {
			return refuse(http.StatusBadRequest, once+" is said twice")
		}
	}
	if host := r.all("Host"); len(host) == 0 || !isVisible(host[0]) {
		return refuse(http.StatusBadRequest, "no host is named")
	}
	return nil
}

// offer holds the request against RFC 6455, where the library does not.
func (v *Server) offer(r request) error {
	isWebSocket := func(s string) bool { return strings.EqualFold(s, "websocket") }
	if !slices.ContainsFunc(r.list("Upgrade"), isWebSocket) {
		return &refusal{http.StatusUpgradeRequired, "a WebSocket is spoken here", "Upgrade: websocket\r\nConnection: Upgrade, close\r\n"}
	}
	if version := r.all("Sec-WebSocket-Version"); len(version) == 1 && version[0] != "13" {
		return &refusal{http.StatusUpgradeRequired, "version 13 is spoken here",
			"Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n"}
	}
	key := r.all("Sec-WebSocket-Key")
	if len(key) != 1 {
		return refuse(http.StatusBadRequest, "no key")
	}
	if nonce, err := base64.StdEncoding.Strict().DecodeString(key[0]); err != nil || len(nonce) != 16 {
		return refuse(http.StatusBadRequest, "a key that is not 16 bytes")
	}
	if offered := r.all("Sec-WebSocket-Protocol"); len(offered) > 0 && !slices.Contains(r.list("Sec-WebSocket-Protocol"), v.set.Protocol) {
		return refuse(http.StatusBadRequest, "no subprotocol that is spoken here: "+v.set.Protocol)
	}
	return nil
}

// turnAway tells a peer why it is no socket, where it can be told.
func (v *Server) turnAway(c *net.TCPConn, err error) Outcome {
	var r *refusal
	switch {
	case errors.Is(err, errMalformed):
		r = refuse(http.StatusBadRequest, err.Error())
	case errors.Is(err, os.ErrDeadlineExceeded):
		v.seeOff(c, refuse(http.StatusRequestTimeout, "no whole request in time").answer())
		return Late
	case !errors.As(err, &r):
		return Left
	}
	v.seeOff(c, r.answer())
	if r.status == http.StatusServiceUnavailable {
		return Unavailable
	}
	return Wrong
}

// seeOff writes last words and gives the peer a moment to read them: closing over
// what it still sends would take them away again.
func (v *Server) seeOff(c *net.TCPConn, words []byte) {
	_ = c.SetDeadline(time.Now().Add(v.set.CloseTimeout))
	if _, err := c.Write(words); err != nil {
		return
	}
	_ = c.CloseWrite()
	_, _ = io.CopyN(io.Discard, c, lingerBytes)
}
