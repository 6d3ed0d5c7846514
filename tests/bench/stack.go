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
	text, err := unheard(strings.TrimRight(string(raw), "\n") + emptyFunction) // functions are the last that it has
	if err != nil {
		return err
	}
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
	return annotate(stack, "reserve-stock", `bazaar.batch: "256"`, `bazaar.batch: "1"`)
}

// unheard keeps push-message from hearing of orders: a message for each would be
// measured as a part of the order.
func unheard(stack string) (string, error) {
	return annotate(stack, "push-message", `topic: order.reserved,order.paid,order.shipped,order.closed,`, `topic: `)
}

// annotate changes what the entry of a function says, once.
func annotate(stack, function, usual, instead string) (string, error) {
	before, entry, found := strings.Cut(stack, "\n  "+function+":\n")
	head, rest, said := strings.Cut(entry, usual)
	if !found || !said || strings.Contains(head, "\n\n") {
		return "", fmt.Errorf("stack.yml does not say %s of %s", usual, function)
	}
	return before + "\n  " + function + ":\n" + head + instead + rest, nil
}
