// Command paysim runs a simulated payment provider that speaks Alipay's wire
// protocol, for one machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"bazaar/infra/paysim"
	"bazaar/shared/leak"
	"bazaar/shared/payment/alipay"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	leak.Check("paysim")
	if err != nil {
		fmt.Fprintln(os.Stderr, "paysim:", err)
		os.Exit(1)
	}
}

// options are the command's flags.
type options struct {
	listen, url, dir, key, merchant string
	who                             alipay.Merchant
	clock                           float64
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("paysim", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8091", "address to listen on; whoever reaches it can pay and forge")
	flags.StringVar(&o.url, "url", "", "address under which buyers reach it (default: http:// and the one it listens on)")
	flags.StringVar(&o.dir, "dir", ".local/paysim", "folder of the books")
	flags.StringVar(&o.key, "key", "", "file with the provider's RSA private key (PEM)")
	flags.StringVar(&o.merchant, "merchant", "", "file with the merchant's RSA public key (PEM)")
	flags.StringVar(&o.who.AppID, "app-id", "2021000000000001", "the merchant's app_id")
	flags.StringVar(&o.who.SellerID, "seller-id", "2088000000000001", "the merchant's seller_id")
	flags.Float64Var(&o.clock, "clock", 1, "how many times faster than real notifications are sent again")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if !(o.clock > 0) || math.IsInf(o.clock, 0) || o.key == "" || o.merchant == "" || flags.NArg() > 0 {
		flags.Usage()
		return o, errors.New("--key, --merchant and a --clock above 0 are needed, and nothing else")
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	o, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	// Listen first: a second process on the same books must not get to open them.
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	if o.url == "" {
		o.url = "http://" + listener.Addr().String()
	}
	provider, handler, err := open(o, slog.New(slog.NewJSONHandler(out, nil)))
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, provider.Close()) }()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	provider.Log.Info("listening", "url", o.url, "dir", o.dir, "clock", o.clock)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(finish); err != nil {
		return errors.Join(fmt.Errorf("requests were cut off: %w", err), server.Close())
	}
	return nil
}

// open reads the keys and the books.
func open(o options, log *slog.Logger) (*paysim.Provider, http.Handler, error) {
	s := paysim.Settings{Dir: o.dir, BaseURL: o.url, Merchant: o.who, Clock: o.clock, Log: log}
	text, err := os.ReadFile(o.key)
	if err == nil {
		s.Key, err = alipay.PrivateKey(text)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the provider's key: %w", err)
	}
	if text, err = os.ReadFile(o.merchant); err == nil {
		s.Public, err = alipay.PublicKey(text)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the merchant's key: %w", err)
	}
	provider, err := paysim.Open(s)
	if err != nil {
		return nil, nil, err
	}
	handler, err := provider.Handler()
	if err != nil {
		return nil, nil, errors.Join(err, provider.Close())
	}
	return provider, handler, nil
}
