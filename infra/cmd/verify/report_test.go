package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bazaar/infra/invariant"
)

func rule(name string) invariant.Rule {
	return invariant.Rule{Name: name, Means: "what " + name + " means"}
}

// sick is a report with something of everything.
func sick() report {
	return report{
		At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		Findings: []invariant.Finding{
			{Rule: rule("good"), Took: 12345 * time.Microsecond},
			{Rule: rule("bad"), Broken: 12, Rows: []string{"order 1", "order \x1b[2J2"}, Took: 90 * time.Second},
		},
		Underway:   []invariant.Figure{{Name: "outbox", Means: "events in the outbox", Count: 3, Oldest: 2500 * time.Millisecond}, {Name: "queue", Means: "messages"}},
		Unresolved: []invariant.Figure{{Name: "notices_late", Means: "late payments"}},
		Dead: []letters{
			{Function: "reserve-stock", Kind: "internal", Count: 2, First: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)},
			{Function: "reserve-stock", Kind: "invalid", Poison: true, Count: 1},
		},
	}
}

func TestTextNamesWhatIsBroken(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := sick().text(&out); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, want := range []string{
		"RULE  MEANS", "good  what good means  ok         12.3ms\n", "bad   what bad means   12 broken  1m30s\n",
		"\nbad is broken by 12:\n  order 1\n  order \uFFFD[2J2\n  and 10 more\n",
		"\non its way:\n  3 events in the outbox, the oldest for 2.5s\n", "\nfor a person: nothing\n",
		"2 of reserve-stock, internal (given up), the first 2026-02-01T00:00:00Z\n", "1 of reserve-stock, invalid (died of what they are)",
		"\n1 of 2 rules are broken\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") || strings.Contains(got, "messages") || strings.Contains(got, "not looked at") {
		t.Errorf("it says too much:\n%s", got)
	}
}

func TestTextOfAShopWhereAllHolds(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := report{Findings: []invariant.Finding{{Rule: rule("good")}}, Unseen: []string{"NATS: nats_url is not set"}}
	if err := r.text(&out); err != nil {
		t.Fatal(err)
	}
	want := "\non its way: nothing\n\nfor a person: nothing\n\nnot looked at: NATS: nats_url is not set\nall 1 rules hold\n"
	if !strings.HasSuffix(out.String(), want) || !r.held() {
		t.Errorf("got\n%s", out.String())
	}
}

func TestJSONSaysTheSame(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := sick().json(&out); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Held  bool
		At    time.Time
		Rules []struct {
			Rule, Means string
			Broken      int64
			Rows        []string
			Took        float64 `json:"took_ms"`
		}
		Underway []struct {
			Name   string
			Count  int64
			Oldest float64 `json:"oldest_s"`
		}
		Dead []struct {
			Function, Kind string
			Poison         bool
			Count          int
		} `json:"dead_letters"`
		Unseen []string
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	bad := got.Rules[1]
	if got.Held || got.At.IsZero() || len(got.Rules) != 2 || bad.Rule != "bad" || bad.Broken != 12 || len(bad.Rows) != 2 || bad.Took != 90_000 ||
		got.Rules[0].Rows == nil || got.Unseen == nil {
		t.Errorf("%+v", got)
	}
	if len(got.Underway) != 2 || got.Underway[0].Name != "outbox" || got.Underway[0].Count != 3 || got.Underway[0].Oldest != 2.5 {
		t.Errorf("on its way: %+v", got.Underway)
	}
	if len(got.Dead) != 2 || got.Dead[0].Poison || got.Dead[0].Count != 2 || !got.Dead[1].Poison {
		t.Errorf("dead letters: %+v", got.Dead)
	}
}

func TestWhatCannotBeLookedAtIsAnError(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"postgres-password": nil,
		"--nothing":         {"--nothing"},
		"patience":          {"--patience", "soon"},
	} {
		var out bytes.Buffer
		held, err := run(context.Background(), args, []string{"secret_mount_path=" + t.TempDir()}, &out)
		if held || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %t %v", args, held, err)
		}
	}
	var out bytes.Buffer
	if held, err := run(context.Background(), []string{"--help"}, nil, &out); !held || err != nil || !strings.Contains(out.String(), "--settled") {
		t.Errorf("help: %v\n%s", err, out.String())
	}
}
