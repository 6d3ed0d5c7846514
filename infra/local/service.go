package local

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"bazaar/infra/local/journal"
	"bazaar/infra/local/process"
	"bazaar/infra/local/secret"
)

// service prepares a long-running service beside the functions.
func (r *runner) service(name string, command func(*Part) (process.Command, error), ready func(context.Context, Part) error) (*keeper, error) {
	log, err := r.journal(name)
	if err != nil {
		return nil, err
	}
	return r.keeper(Part{Name: name, Instance: name, Kind: "service"}, log, command, ready), nil
}

// keeper keeps a service running that nobody is told of.
func (r *runner) keeper(p Part, log *journal.Journal, command func(*Part) (process.Command, error), ready func(context.Context, Part) error) *keeper {
	nothing := func() {}
	return &keeper{
		part: p, journal: log, board: r.board, screen: r.screen,
		command: command, ready: ready, up: func(Part) {}, down: nothing, gone: nothing,
		longest: r.options.LongestPause,
	}
}

// trigger is the service that calls functions for events; it finds them through
// the gateway, as it does everywhere.
func (r *runner) trigger(program string) (*keeper, error) {
	command := func(p *Part) (process.Command, error) {
		port, err := r.ports.again(p.Port)
		if err != nil {
			return process.Command{}, err
		}
		mounted, err := r.secrets.Mount("trigger", []string{
			"basic-auth-password", "trigger-signing-key", "postgres-password", "nats-password",
		})
		if err != nil {
			return process.Command{}, err
		}
		p.Port, p.Metrics, p.Address = port, port, "http://"+address(port)
		return process.Command{Path: program, Dir: r.folder.join("run"), Env: environ(r.storesEnvironment(), map[string]string{
			"gateway_url": r.url(), "gateway_user": secret.User, "poll_interval": "1s",
		}, r.options.Set["trigger"], map[string]string{
			"listen_host": "127.0.0.1", "metrics_port": strconv.Itoa(port), "secret_mount_path": mounted,
		})}, nil
	}
	return r.service("trigger", command, answersReady)
}

// paysim is the simulated provider. Its port is kept: open payment pages stay valid.
func (r *runner) paysim(program string) (*keeper, error) {
	command := func(p *Part) (process.Command, error) {
		p.Port, p.Address = r.paysimPort, "http://"+address(r.paysimPort)
		return process.Command{Path: program, Dir: r.folder.join("run"), Env: environ(r.options.Set["paysim"]), Args: []string{
			"--listen", address(r.paysimPort), "--dir", r.folder.join("paysim"),
			"--key", r.secrets.Path("paysim-key"), "--merchant", r.secrets.Path("alipay-merchant-public-key"),
			"--app-id", alipayAppID, "--seller-id", alipaySellerID,
			"--clock", strconv.FormatFloat(r.options.PaysimClock, 'f', -1, 64),
		}}, nil
	}
	return r.service("paysim", command, accepts)
}

// accepts asks whether the part takes connections.
func accepts(ctx context.Context, p Part) error {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", address(p.Port))
	if err != nil {
		return fmt.Errorf("asking %s: %w", p.Name, err)
	}
	return conn.Close()
}
