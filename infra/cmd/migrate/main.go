// Command migrate brings PostgreSQL and the JetStream streams to what this
// version needs. It reads the environment and the secrets of the functions,
// waits for stores that start, and may be run at any time, also twice at once.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"bazaar/infra/schema"
	"bazaar/shared/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Environ()); err != nil {
		fmt.Fprintln(os.Stderr, "migrate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, environ []string) error {
	settings, err := config.Load[schema.Settings](environ)
	if err != nil {
		return err
	}
	return schema.Migrate(ctx, settings, func(line string) { fmt.Println(line) })
}
