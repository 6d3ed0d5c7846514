package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
)

// The ports that are given out lie below the range from which systems take the
// local ports of outgoing connections: what is free stays free for a while.
const (
	firstPort = 20000
	lastPort  = 29999
)

// ports gives out free ports on loopback, each once. Those with a name are
// remembered in a file and given again the next time, when they are free.
type ports struct {
	file string
	free func(port int) bool

	mu    sync.Mutex
	named map[string]int
	given map[int]bool
}

func openPorts(file string) (*ports, error) {
	p := &ports{file: file, free: free, named: map[string]int{}, given: map[int]bool{}}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the ports: %w", err)
	}
	if err := json.Unmarshal(text, &p.named); err != nil {
		return nil, fmt.Errorf("reading the ports in %s: %w", file, err)
	}
	if p.named == nil { // it said null
		p.named = map[string]int{}
	}
	return p, nil
}

// keep gives the port of this name.
func (p *ports) keep(name string) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if port := p.named[name]; port != 0 && !p.given[port] && p.free(port) {
		p.given[port] = true
		return port, nil
	}
	port, err := p.take()
	if err != nil {
		return 0, err
	}
	p.named[name] = port
	text, err := json.Marshal(p.named)
	if err != nil {
		return 0, fmt.Errorf("writing the ports: %w", err)
	}
	if err := os.WriteFile(p.file, text, 0o600); err != nil {
		return 0, fmt.Errorf("writing the ports: %w", err)
	}
	return port, nil
}

// again gives port when it is free, another when it is not or is 0.
func (p *ports) again(port int) (int, error) {
	if port != 0 && p.free(port) {
		return port, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.take()
}

func (p *ports) take() (int, error) {
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if !p.given[port] && !p.isNamed(port) && p.free(port) {
			p.given[port] = true
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d on 127.0.0.1", firstPort, lastPort)
}

func (p *ports) isNamed(port int) bool {
	for _, other := range p.named {
		if other == port {
			return true
		}
	}
	return false
}

func free(port int) bool {
	l, err := net.Listen("tcp", address(port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
