package local

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"bazaar/infra/local/secret"
)

// System is what runs once everything answers.
type System struct {
	Gateway   string   // URL
	Paysim    string   // URL; empty when bare
	Chat      string   // URL of the page; empty without connectors
	Sockets   []string // URLs of the connectors
	Postgres  string   // URL without the password; the others alike, empty when bare
	Redis     string
	NATS      string
	Folder    string
	Password  string // of basic auth, user admin
	Functions []string
}

func (r *runner) system() System {
	s := System{Gateway: r.url(), Folder: r.folder.path}
	for _, f := range r.functions {
		s.Functions = append(s.Functions, f.Spec.Name)
	}
	s.Password, _ = r.secrets.Read("basic-auth-password") // it was read when the gateway was made
	if r.stores != nil {
		s.Paysim, s.Sockets = "http://"+address(r.paysimPort), r.socketURLs()
		if len(s.Sockets) > 0 {
			s.Chat = s.Gateway + "/chat/"
		}
		s.Postgres, s.Redis, s.NATS = r.stores.postgres.URL(), r.stores.redis.Addr(), r.stores.nats.URL()
	}
	return s
}

// Table writes where everything is and what to type first.
func (s System) Table(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(what, where, note string) { fmt.Fprintf(t, "  %s\t%s\t%s\n", what, where, note) }
	fmt.Fprintln(t)
	row("gateway", s.Gateway, "/function/<name>; /system as "+secret.User+", password in secrets/basic-auth-password")
	if s.Chat != "" {
		row("chat", s.Chat, "sign in as alice or bob, password alice-demo-2026 or bob-demo-2026")
		for number, address := range s.Sockets {
			row(connectorName(number), address, "holds sockets of the chat")
		}
	}
	if s.Paysim != "" {
		row("payments", s.Paysim, "the simulated provider")
		row("PostgreSQL", s.Postgres, "password in secrets/postgres-password")
		row("Redis", s.Redis, "password in secrets/redis-password")
		row("NATS", s.NATS, "user bazaar, password in secrets/nats-password")
	}
	row("folder", s.Folder, "secrets/, log/<name>.log, state.json")
	_ = t.Flush() // to a terminal; who closed it needs no table
	fmt.Fprintln(out, "  functions  ", strings.Join(s.Functions, " "))
	if s.Paysim == "" {
		return
	}
	fmt.Fprintf(out, `
Sign in, place an order and start its payment:

  token=$(curl -s %[1]s/function/issue-token \
    -d '{"username":"alice","password":"alice-demo-2026"}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  order=$(curl -s %[1]s/function/create-order -H "Authorization: Bearer $token" \
    -H "Idempotency-Key: $(date +%%s)" -H 'Prefer: wait=5' \
    -d '{"lines":[{"sku":"%[2]s","quantity":1}]}' | sed 's/.*"order_id":"\([^"]*\)".*/\1/')
  curl -s %[1]s/function/create-payment/$order -H "Authorization: Bearer $token" \
    -H "Idempotency-Key: pay-$order" -d '{"provider":"alipay"}'

then open the pay_url of the answer, pay, and look at the order:

  curl -s %[1]s/function/manage-order/$order -H "Authorization: Bearer $token"

What functions could not handle: nats_url=%[3]s secret_mount_path=%[4]s/secrets go run ./infra/cmd/dead list
Ctrl-C stops everything; the data stays. `+"`make reset`"+` forgets it.
`, s.Gateway, demoSKU, s.NATS, s.Folder)
}
