// Package local runs the whole house on one machine: private PostgreSQL, Redis
// and NATS servers, the schema, demo data, every function of stack.yml as a
// process of its own behind an OpenFaaS gateway, the trigger, the connectors of
// the chat with its page, and the simulated payment provider. All that it keeps
// is in one folder; it ends everything that it started and touches nothing else. It is a tool for developers and tests:
// it isolates nothing and limits nothing that a container would.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bazaar/infra/local/gateway"
	"bazaar/infra/local/journal"
	"bazaar/infra/local/secret"
	"bazaar/infra/local/stack"
)

// logLimit is the size at which a log file is rotated.
const logLimit = 20 << 20

// runner is one run of Up.
type runner struct {
	options Options
	began   time.Time
	screen  *screen

	folder     *folder
	board      *board
	ports      *ports
	secrets    *secret.Folder
	listener   net.Listener
	stack      *stack.Stack
	stores     *stores // nil when bare
	paysimPort int
	sockets    []int // the ports of the connectors
	builder    *builder
	programs   map[string]string // of functions and tools, by name

	gateway   *gateway.Gateway
	server    *http.Server
	functions []*function
	callers   []*keeper // services that call functions
	called    []*keeper // services that functions call
	logs      []io.Closer
	failed    chan error // what ends a run that was ready
}

// Up starts everything, says on out what it does, calls ready with the running
// system once every function answers, and stops everything when ctx ends. It
// returns nil after an ordered end, else why it could not start or go on.
func Up(ctx context.Context, o Options, out io.Writer, ready func(System)) error {
	r := &runner{options: o, began: time.Now(), screen: newScreen(out), programs: map[string]string{}, failed: make(chan error, 1)}
	if err := r.options.check(); err != nil {
		return err
	}
	defer r.close()
	err := r.open()
	if err == nil {
		err = r.start(ctx)
	}
	if err == nil {
		r.screen.say("ready in %s", seconds(time.Since(r.began)))
		ready(r.system())
		select {
		case <-ctx.Done():
		case err = <-r.failed:
		}
	} else if ctx.Err() != nil {
		err = errStopped
	}
	err = errors.Join(err, r.end(context.WithoutCancel(ctx)))
	if r.folder != nil && r.options.Forget {
		_, forgotten := r.folder.forget()
		err = errors.Join(err, forgotten)
	}
	return err
}

// open does what is cheap and what most often goes wrong.
func (r *runner) open() error {
	var err error
	if r.folder, err = openFolder(r.options.Dir); err != nil {
		return err
	}
	r.board = &board{path: r.folder.join("state.json")}
	if r.listener, err = net.Listen("tcp", r.options.Listen); err != nil {
		return fmt.Errorf("cannot listen on %s: %w; take another address with --listen", r.options.Listen, cause(err))
	}
	if r.ports, err = openPorts(r.folder.join("ports.json")); err != nil {
		return err
	}
	if r.secrets, err = secret.Open(r.folder.path); err != nil {
		return err
	}
	lookup := os.Getenv
	if !r.options.Bare {
		if r.paysimPort, err = r.ports.keep("paysim"); err != nil {
			return err
		}
		if err = r.keepSockets(); err != nil {
			return err
		}
		if r.stores, err = r.newStores(); err != nil {
			return err
		}
		path, err := r.writeStores()
		if err != nil {
			return err
		}
		lookup = func(name string) string {
			if name == "STORES" {
				return path
			}
			return os.Getenv(name)
		}
	}
	if r.stack, err = stack.Read(r.options.Stack, ".", lookup); err != nil {
		return err
	}
	r.board.state = State{Pid: os.Getpid(), Gateway: r.url(), Secrets: r.folder.join("secrets"), Logs: r.folder.join("log")}
	return r.plan()
}

// plan checks the functions against the options and the secrets, and says what to build.
func (r *runner) plan() error {
	known := map[string]bool{"trigger": true, "connector": true, "paysim": true}
	r.builder = &builder{bin: r.options.Bin, race: r.options.Race, tags: r.options.Tags, screen: r.screen, mains: map[string]string{}}
	for _, f := range r.stack.All() {
		known[f.Name] = true
		if _, err := r.secrets.Mount(f.Name, f.Secrets); err != nil {
			return err
		}
		program, err := r.builder.add(f.Handler)
		if err != nil {
			return err
		}
		r.programs[f.Name] = program
	}
	for name := range r.options.Replicas {
		if r.stack.Functions[name] == nil {
			return fmt.Errorf("--replicas: %s has no function %s", r.options.Stack, name)
		}
	}
	for name := range r.options.Set {
		if !known[name] {
			return fmt.Errorf("--set: %s has no function %s", r.options.Stack, name)
		}
	}
	if r.options.Bare {
		return nil
	}
	tools := []string{"nats", "migrate", "trigger", "paysim"}
	if r.options.Connectors > 0 {
		tools = append(tools, "connector")
	}
	for _, tool := range tools {
		program, err := r.builder.add(filepath.Join("infra", "cmd", tool))
		if err != nil {
			return err
		}
		r.programs[tool] = program
	}
	return nil
}

// url is where the gateway is reached from this machine.
func (r *runner) url() string {
	host, port, err := net.SplitHostPort(r.listener.Addr().String())
	if err != nil {
		return "http://" + r.listener.Addr().String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// logFile opens log/<name>.log.
func (r *runner) logFile(name string) (io.Writer, error) {
	f, err := journal.OpenFile(r.folder.join("log", name+".log"), logLimit)
	if err != nil {
		return nil, err
	}
	r.logs = append(r.logs, f)
	return f, nil
}

func (r *runner) journal(name string) (*journal.Journal, error) {
	file, err := r.logFile(name)
	if err != nil {
		return nil, err
	}
	return journal.New(file), nil
}

// gatewayLog is where the gateway says what went wrong on the way.
func (r *runner) gatewayLog() (*slog.Logger, error) {
	file, err := r.logFile("gateway")
	if err != nil {
		return nil, err
	}
	return slog.New(slog.NewJSONHandler(file, nil)), nil
}

// cause takes the address off an error that already stands in a sentence with it.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		var call *os.SyscallError
		if errors.As(op.Err, &call) {
			return call.Err
		}
		return op.Err
	}
	return err
}

// maxExec is the longest exec_timeout of the functions.
func (r *runner) maxExec() time.Duration {
	longest := 10 * time.Second
	for _, f := range r.stack.All() {
		for _, text := range []string{f.Environment["exec_timeout"], r.options.Set[f.Name]["exec_timeout"]} {
			if d, err := time.ParseDuration(strings.TrimSpace(text)); err == nil {
				longest = max(longest, d)
			}
		}
	}
	return longest
}
