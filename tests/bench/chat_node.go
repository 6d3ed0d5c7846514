package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"bazaar/infra/local/process"
)

// connectorPart is the name of a connector in tables.
const connectorPart = "connector"

// node is a connector that is kept running at its address.
type node struct {
	address string // of its sockets
	page    string // URL of its metrics
	pid     atomic.Int64
	ready   chan struct{} // one for each start
	end     func()
	ended   chan struct{}
}

// nodeStart bounds the start of a connector.
const nodeStart = 20 * time.Second

// node starts a connector and waits for it.
func (c *chat) node(ctx context.Context) (*node, error) {
	sockets, page, err := twoPorts()
	if err != nil {
		return nil, err
	}
	environ, err := c.environ(sockets, page)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(c.Logs, "connector-"+sockets+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening a log: %w", err)
	}
	n := &node{address: net.JoinHostPort("127.0.0.1", sockets), page: "http://127.0.0.1:" + page, ready: make(chan struct{}, 64), ended: make(chan struct{})}
	program := &process.Program{
		Name: connectorPart,
		Command: func() (process.Command, error) {
			return process.Command{Path: c.program, Env: environ, Dir: c.Dir}, nil
		},
		Ready: func(ctx context.Context) error { _, err := n.get(ctx, "/_/ready"); return err },
		Out:   func() io.WriteCloser { return open{log} },
		Watch: func(e process.Event) {
			switch e.Kind {
			case process.Started:
				n.pid.Store(int64(e.Pid))
			case process.Ready:
				n.ready <- struct{}{}
			}
		},
		Grace: time.Second, // nothing of it is wanted any more
	}
	life, end := context.WithCancel(ctx)
	n.end = end
	go func() {
		program.Run(life)
		_ = log.Close()
		close(n.ended)
	}()
	c.nodes = append(c.nodes, n)
	late := time.NewTimer(nodeStart)
	defer late.Stop()
	select {
	case <-n.ready:
		c.beside[int(n.pid.Load())] = connectorPart
		return n, nil
	case <-late.C:
		return nil, fmt.Errorf("a connector is not ready within %s", nodeStart)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// environ is what the runner would tell a connector.
func (c *chat) environ(sockets, page string) ([]string, error) {
	state, err := c.State()
	if err != nil {
		return nil, err
	}
	environ := []string{"gateway_url=" + c.Gateway, "nats_user=bazaar", "listen_host=127.0.0.1", "port=" + sockets, "metrics_port=" + page,
		"secret_mount_path=" + filepath.Join(c.Dir, "secrets")}
	for _, p := range state.Processes {
		switch p.Instance {
		case "postgres":
			environ = append(environ, "pg_url="+p.Address)
		case "redis":
			environ = append(environ, "redis_addrs="+p.Address)
		case "nats":
			environ = append(environ, "nats_url="+p.Address)
		}
	}
	return environ, nil
}

// open is a file that one start of a program does not close.
type open struct{ io.Writer }

func (open) Close() error { return nil }

func (n *node) stop() {
	n.end()
	<-n.ended
}

// kill ends the process at once; it is started again.
func (n *node) kill() error {
	if err := syscall.Kill(int(n.pid.Load()), syscall.SIGKILL); err != nil {
		return fmt.Errorf("killing a connector: %w", err)
	}
	return nil
}

// get reads a page of the node's.
func (n *node) get(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.page+path, nil)
	if err != nil {
		return "", fmt.Errorf("asking a connector: %w", err)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("asking a connector: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("asking a connector for %s: %s (%v)", path, res.Status, err)
	}
	return string(text), nil
}

// counts are the node's metrics by their name, with the labels as they are written.
func (n *node) counts(ctx context.Context) (map[string]float64, error) {
	text, err := n.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	all := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		at := strings.LastIndexByte(lines.Text(), ' ')
		if strings.HasPrefix(lines.Text(), "#") || at < 0 {
			continue
		}
		if value, err := strconv.ParseFloat(lines.Text()[at+1:], 64); err == nil {
			all[lines.Text()[:at]] = value
		}
	}
	return all, nil
}

// resident is the memory of the node's process, in bytes.
func (n *node) resident() (float64, error) {
	var kib float64
	if _, err := fmt.Sscan(field(fmt.Sprintf("/proc/%d/status", n.pid.Load()), "VmRSS"), &kib); err != nil {
		return 0, fmt.Errorf("reading the memory of a connector: %w", err)
	}
	return kib * 1024, nil
}

// twoPorts are free at the moment.
func twoPorts() (one, other string, err error) {
	var ports []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", fmt.Errorf("looking for a port: %w", err)
		}
		defer func() { _ = l.Close() }()
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return "", "", fmt.Errorf("looking for a port: %w", err)
		}
		ports = append(ports, port)
	}
	return ports[0], ports[1], nil
}
