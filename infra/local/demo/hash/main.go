// hash writes the demo accounts with the hashes of their passwords, to the file
// named as its argument. Run it through go generate when the cost of a hash changes.
package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sync/errgroup"

	"bazaar/infra/local/demo"
	"bazaar/shared/auth"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "hash:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: hash FILE")
	}
	rows := [][]string{{"admin", auth.RoleAdmin}, {"warehouse", auth.RoleWarehouse}, {"alice", ""}, {"bob", ""}}
	for n := range demo.Buyers {
		rows = append(rows, []string{demo.Buyer(n + 1), ""})
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, row := range rows {
		group.Go(func() error {
			rows[i] = append(row, auth.Hash(demo.Password(row[0])))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	if err := w.WriteAll(append([][]string{{"name", "roles", "hash"}}, rows...)); err != nil {
		return fmt.Errorf("encoding the accounts: %w", err)
	}
	return os.WriteFile(args[0], out.Bytes(), 0o644)
}
