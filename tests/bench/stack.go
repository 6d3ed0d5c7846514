package main

import (
	"fmt"
	"os"
	"strings"
)

// emptyFunction is the entry of the function that does nothing; the rest is as
// create-order has it.
const emptyFunction = `
  empty:
    <<: *common
    handler: ./tests/bench/empty
    image: empty
    environment: {<<: *run, pg_max_conns: "3", max_inflight: "512", exec_timeout: 12s, read_timeout: 13s, write_timeout: 13s}
    secrets: [postgres-password, token-keys]
`

// writeStack writes stack.yml with the empty function, changed if one likes.
func writeStack(path string, change func(string) (string, error)) error {
	raw, err := os.ReadFile("stack.yml")
	if err != nil {
		return fmt.Errorf("reading the stack: run this where stack.yml is: %w", err)
	}
	text := strings.TrimRight(string(raw), "\n") + emptyFunction // functions are the last that it has
	if change != nil {
		if text, err = change(text); err != nil {
			return err
		}
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing a stack file: %w", err)
	}
	return nil
}

// oneByOne makes reserve-stock be called with one order at a time.
func oneByOne(stack string) (string, error) {
	const usual = `bazaar.batch: "256"`
	if strings.Count(stack, usual) != 1 {
		return "", fmt.Errorf("stack.yml says %s %d times, not once", usual, strings.Count(stack, usual))
	}
	return strings.Replace(stack, usual, `bazaar.batch: "1"`, 1), nil
}
