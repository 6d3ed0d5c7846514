package local

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"bazaar/infra/local/journal"
	"bazaar/infra/local/process"
	"bazaar/infra/web"
)

// keepSockets takes the ports of the connectors. They are kept: the page is told
// of them once, and comes back to where it was.
func (r *runner) keepSockets() error {
	for number := range r.options.Connectors {
		port, err := r.ports.keep(connectorName(number))
		if err != nil {
			return err
		}
		r.sockets = append(r.sockets, port)
	}
	return nil
}

func connectorName(number int) string { return "connector-" + strconv.Itoa(number+1) }

func socketURL(port int) string { return "ws://" + address(port) + "/v1/ws" }

// socketURLs are where the connectors take sockets.
func (r *runner) socketURLs() []string {
	var all []string
	for _, port := range r.sockets {
		all = append(all, socketURL(port))
	}
	return all
}

// chat is the page of the chat, nil where nobody holds its sockets.
func (r *runner) chat() (http.Handler, error) {
	if len(r.sockets) == 0 {
		return nil, nil //nolint:nilnil // there is no page
	}
	page, err := web.Handler(web.Config{Sockets: r.socketURLs(), API: "/function"})
	if err != nil {
		return nil, fmt.Errorf("making the page of the chat: %w", err)
	}
	return page, nil
}

// origins are what a browser on this machine calls the gateway.
func (r *runner) origins() []string {
	all := []string{r.url()}
	u, err := url.Parse(r.url())
	if err != nil {
		return all
	}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if u.Hostname() != host {
			all = append(all, "http://"+net.JoinHostPort(host, u.Port()))
		}
	}
	return all
}

// connectors are the services that hold the sockets. They write into one log.
func (r *runner) connectors() ([]*keeper, error) {
	if len(r.sockets) == 0 {
		return nil, nil
	}
	log, err := r.journal("connector")
	if err != nil {
		return nil, err
	}
	var all []*keeper
	for number := range r.sockets {
		all = append(all, r.connector(number, log))
	}
	return all, nil
}

// connector is one of them, counted from 0.
func (r *runner) connector(number int, log *journal.Journal) *keeper {
	port := r.sockets[number]
	command := func(p *Part) (process.Command, error) {
		metrics, err := r.ports.again(p.Metrics)
		if err != nil {
			return process.Command{}, err
		}
		mounted, err := r.secrets.Mount("connector", []string{"postgres-password", "redis-password", "nats-password", "token-keys"})
		if err != nil {
			return process.Command{}, err
		}
		p.Port, p.Metrics, p.Address = port, metrics, socketURL(port)
		return process.Command{Path: r.programs["connector"], Dir: r.folder.join("run"), Env: environ(r.storesEnvironment(), map[string]string{
			"gateway_url": r.url(), "allowed_origins": strings.Join(r.origins(), ","), "pg_max_conns": "2", "drain_spread": "1s",
		}, r.options.Set["connector"], map[string]string{
			"listen_host": "127.0.0.1", "port": strconv.Itoa(port), "metrics_port": strconv.Itoa(metrics), "secret_mount_path": mounted,
		})}, nil
	}
	answers := func(ctx context.Context, p Part) error { return ready(ctx, "http://"+address(p.Metrics)+"/_/ready") }
	return r.keeper(Part{Name: "connector", Instance: connectorName(number), Kind: "service"}, log, command, answers)
}
