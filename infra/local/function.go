package local

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"bazaar/infra/local/gateway"
	"bazaar/infra/local/process"
)

const (
	maxReplicas = 100
	// drainWait is what stands for healthcheck_interval here. It is the time in
	// which balancers notice that a replica ends, and ours knows before it does.
	drainWait = "100ms"
)

// function runs the replicas of one function.
type function struct {
	*gateway.Function
	runner  *runner
	program string

	mu       sync.Mutex
	replicas []*keeper
	number   int // of the last replica that was started
}

// scale starts or ends replicas until there are n. It does not wait for those
// that it started, and ends the youngest first.
func (f *function) scale(ctx context.Context, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.replicas) < n {
		k := f.replica()
		f.replicas = append(f.replicas, k)
		k.start(ctx)
	}
	for len(f.replicas) > n {
		last := len(f.replicas) - 1
		f.replicas[last].end()
		f.replicas = f.replicas[:last]
	}
}

// keepers gives the replicas that there are now.
func (f *function) keepers() []*keeper {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*keeper{}, f.replicas...)
}

func (f *function) replica() *keeper {
	f.number++
	instance := f.Spec.Name + "-" + strconv.Itoa(f.number)
	behind := &gateway.Replica{Instance: instance}
	f.Add(behind)
	return &keeper{
		part:    Part{Name: f.Spec.Name, Instance: instance, Kind: "function"},
		journal: f.Journal, board: f.runner.board, screen: f.runner.screen,
		command: f.command, longest: f.runner.options.LongestPause,
		ready: answersReady,
		up:    func(p Part) { behind.Up(address(p.Port)) },
		down:  behind.Down,
		gone:  func() { f.Remove(behind) },
	}
}

// command says how the function runs: its environment and secrets as stack.yml
// says, and what only the one who runs it can know.
func (f *function) command(p *Part) (process.Command, error) {
	port, err := f.runner.ports.again(p.Port)
	if err != nil {
		return process.Command{}, err
	}
	metrics, err := f.runner.ports.again(p.Metrics)
	if err != nil {
		return process.Command{}, err
	}
	mounted, err := f.runner.secrets.Mount(f.Spec.Name, f.Spec.Secrets)
	if err != nil {
		return process.Command{}, err
	}
	p.Port, p.Metrics, p.Address = port, metrics, "http://"+address(port)
	return process.Command{
		Path: f.program,
		Dir:  f.runner.folder.join("run"),
		Env: environ(f.Spec.Environment, map[string]string{"healthcheck_interval": drainWait},
			f.runner.options.Set[f.Spec.Name], map[string]string{
				"port": strconv.Itoa(port), "metrics_port": strconv.Itoa(metrics), "listen_host": "127.0.0.1",
				"secret_mount_path": mounted, "lock_file": f.runner.folder.join("run", p.Instance+".lock"),
			}),
	}, nil
}

// answersReady asks a function for /_/ready.
func answersReady(ctx context.Context, p Part) error {
	return ready(ctx, "http://"+address(p.Port)+"/_/ready")
}

// ready asks once, for a short time.
func ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("asking %s: %w", url, err)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking %s: %w", url, err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("asking %s: %s", url, res.Status)
	}
	return nil
}
