package fault_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strings"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"bazaar/infra/local"
)

// link is a way from one part to another: "create-order>redis".
type link string

func (l link) ends() (from, to string) {
	from, to, _ = strings.Cut(string(l), ">")
	return from, to
}

// links are the ways that can be disturbed, with the setting of the part at its
// start that says where the other one is.
func links() map[link]string {
	return map[link]string{
		"create-order>postgres": "pg_url", "create-order>redis": "redis_addrs", "create-order>nats": "nats_url",
		"reserve-stock>postgres": "pg_url", "reserve-stock>nats": "nats_url",
		"settle-order>postgres": "pg_url", "settle-order>nats": "nats_url", "settle-order>paysim": "alipay_gateway",
		"payment-callback>postgres": "pg_url", "payment-callback>nats": "nats_url",
		"create-payment>postgres": "pg_url", "create-payment>paysim": "alipay_gateway",
		"manage-order>redis": "redis_addrs",
		"trigger>nats":       "nats_url", "trigger>postgres": "pg_url", "trigger>gateway": "gateway_url",
	}
}

// network is a proxy on every link.
type network struct {
	proxies map[link]*toxiproxy.Proxy
}

// newNetwork listens for every link; the proxies lead nowhere until connect, but
// to the gateway: the trigger is not ready before it has spoken with it.
func newNetwork(gateway string) (*network, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	n := &network{proxies: map[link]*toxiproxy.Proxy{}}
	for l := range links() {
		target := "127.0.0.1:1"
		if _, to := l.ends(); to == "gateway" {
			target = gateway
		}
		p := toxiproxy.NewProxy(server, string(l), "127.0.0.1:0", target)
		if err := server.Collection.Add(p, true); err != nil {
			return nil, fmt.Errorf("listening for %s: %w", l, err)
		}
		n.proxies[l] = p
	}
	return n, nil
}

// flags send the parts to the proxies instead of to each other.
func (n *network) flags() []string {
	var flags []string
	for l, setting := range links() {
		from, to := l.ends()
		at := n.proxies[l].Listen
		switch to {
		case "postgres":
			at = "postgres://bazaar@" + at + "/bazaar?sslmode=disable"
		case "nats":
			at = "nats://" + at
		case "gateway":
			at = "http://" + at
		case "paysim":
			at = "http://" + at + "/gateway.do"
		}
		flags = append(flags, "--set", from+"."+setting+"="+at)
	}
	return flags
}

// connect makes every link lead where it should.
func (n *network) connect(state local.State) error {
	at := map[string]string{"gateway": state.Gateway}
	for _, p := range state.Processes {
		at[p.Name] = p.Address
	}
	for l, p := range n.proxies {
		_, to := l.ends()
		address := at[to]
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			address = u.Host
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("finding %s: %w", to, err)
		}
		if err := p.Update(&toxiproxy.Proxy{Listen: p.Listen, Upstream: address, Enabled: true}); err != nil {
			return fmt.Errorf("connecting %s: %w", l, err)
		}
		if err := n.join(l); err != nil {
			return err
		}
	}
	return nil
}

// cut ends the link's connections and refuses new ones.
func (n *network) cut(l link) { n.proxies[l].Stop() }

// join undoes cut.
func (n *network) join(l link) error {
	p := n.proxies[l]
	if err := p.Update(&toxiproxy.Proxy{Listen: p.Listen, Upstream: p.Upstream, Enabled: true}); err != nil {
		return fmt.Errorf("joining %s: %w", l, err)
	}
	return nil
}

// disturb puts a toxic on both directions of the link.
func (n *network) disturb(l link, toxic string, attributes map[string]int) error {
	for _, direction := range []string{"upstream", "downstream"} {
		text, err := json.Marshal(map[string]any{
			"name": toxic + "-" + direction, "type": toxic, "stream": direction, "attributes": attributes,
		})
		if err != nil {
			return fmt.Errorf("encoding a toxic: %w", err)
		}
		if _, err := n.proxies[l].Toxics.AddToxicJson(strings.NewReader(string(text))); err != nil {
			return fmt.Errorf("disturbing %s: %w", l, err)
		}
	}
	return nil
}

// calm takes all toxics off the link. Connections that lost data are ended:
// what follows a hole would make no sense.
func (n *network) calm(ctx context.Context, l link) error {
	n.cut(l)
	n.proxies[l].Toxics.ResetToxics(ctx)
	return n.join(l)
}
