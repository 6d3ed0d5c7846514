// Package demo puts people and goods into an installation that is there to be
// tried: accounts whose passwords everybody knows, and a catalogue with stock.
// Only the local runner and tests call it; it must never meet a real shop.
//
// It writes the tables of identity, catalog and stock by SQL, and only adds:
// what is there already stays as it is, so loading twice changes nothing.
package demo

import (
	"embed"
	"encoding/csv"
	"fmt"
	"io"
)

//go:embed accounts.csv products.csv
var files embed.FS

// Buyers is how many buyers come with their hashes: buyer0001 to buyer1000.
const Buyers = 1000

// Buyer is the name of the nth buyer, counted from 1.
func Buyer(n int) string { return fmt.Sprintf("buyer%04d", n) }

// Password is what the demo account of this name signs in with.
func Password(name string) string { return name + "-demo-2026" }

// rows reads a data file with so many columns, without its line of headings.
func rows(name string, columns int) ([][]string, error) {
	file, err := files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("opening the demo data: %w", err)
	}
	defer func() { _ = file.Close() }()
	table, err := parse(file, columns)
	if err != nil {
		return nil, fmt.Errorf("reading the demo data %s: %w", name, err)
	}
	return table, nil
}

func parse(in io.Reader, columns int) ([][]string, error) {
	lines := csv.NewReader(in)
	lines.FieldsPerRecord = columns
	all, err := lines.ReadAll()
	if err != nil {
		return nil, err
	}
	return all[min(1, len(all)):], nil
}
