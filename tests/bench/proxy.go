package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"
)

// proxyTarget in the environment makes this program the bare reverse proxy that
// the gateway is held against, in front of the URL that it names.
const proxyTarget = "bench_proxy_target"

// serveProxy says its address and serves until ctx ends.
func serveProxy(ctx context.Context, target string, out io.Writer) error {
	to, err := url.Parse(target)
	if err != nil {
		return fmt.Errorf("reading %s: %w", proxyTarget, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	server := &http.Server{
		Handler: &httputil.ReverseProxy{
			Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(to) },
			Transport: &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
		},
		ReadHeaderTimeout: 10 * time.Second,
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Fprintln(out, listener.Addr())
	if err := server.Serve(listener); ctx.Err() == nil {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// startProxy runs the bare proxy as a process of its own.
func startProxy(ctx context.Context, target string) (addr string, stop func(), err error) {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), proxyTarget+"="+target)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, fmt.Errorf("starting the bare proxy: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("starting the bare proxy: %w", err)
	}
	stop = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		stop()
		return "", nil, fmt.Errorf("starting the bare proxy: %w", err)
	}
	return strings.TrimSpace(addr), stop, nil
}
