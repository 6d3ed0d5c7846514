package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"bazaar/tests/bench/audience"
)

// piped runs a child's part in this process and gives its ends.
func piped(t *testing.T, part string) (io.WriteCloser, io.Reader) {
	t.Helper()
	in, orders := io.Pipe()
	answers, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serveChild(t.Context(), part, in, out) }()
	t.Cleanup(func() {
		_ = orders.Close()
		_ = answers.Close()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", part, err)
		}
	})
	return orders, answers
}

// TestTheCrowdHearsWhatOneSays has the people of the bench talk over the bare
// loop: each message comes to everybody else once, and its time is taken.
func TestTheCrowdHearsWhatOneSays(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("the people need Linux")
		return
	}
	_, said := piped(t, barePart)
	var address string
	if _, err := fmt.Fscanln(said, &address); err != nil {
		t.Fatal(err)
	}
	in, out := piped(t, peoplePart)
	p := &people{in: in, out: json.NewDecoder(out)}
	var users []string
	for i := range 300 {
		users = append(users, fmt.Sprintf("crowd-%05d", i))
	}
	minute := audience.Duration(time.Minute)
	joined, err := p.join(audience.Join{Set: "all", Address: address, Users: users, AtOnce: 32, Within: minute})
	if err != nil {
		t.Fatal(err)
	}
	if n := histogramOf(joined.Each).h.TotalCount(); n != 300 {
		t.Errorf("%d are in, want 300", n)
	}
	room := audience.Room{ID: "g_all", Members: []int{0}, Hearers: 299}
	talk := audience.Talk{Set: "all", Rooms: []audience.Room{room}, Rate: 50, Evenly: true, Length: audience.Duration(200 * time.Millisecond), Body: 300, Linger: minute}
	began := time.Now()
	h, err := p.talk(talk)
	if err != nil {
		t.Fatal(err)
	}
	if h.Planned != 10 || h.delay.h.TotalCount() != 2990 || h.late.h.TotalCount() != 10 {
		t.Errorf("%d messages, %d deliveries, %d written", h.Planned, h.delay.h.TotalCount(), h.late.h.TotalCount())
	}
	if h.delay.at(100) > time.Since(began) || h.answer.at(0) < h.late.at(0) {
		t.Errorf("the slowest delivery took %s of %s, the quickest answer %s", h.delay.at(100), time.Since(began), h.answer.at(0))
	}
	talk.Rooms[0].Hearers, talk.Linger = 300, audience.Duration(50*time.Millisecond)
	if _, err := p.talk(talk); err == nil || !strings.Contains(err.Error(), "of 3000 deliveries 2990 came") {
		t.Errorf("what does not come is not missed: %v", err)
	}
	if _, err := p.ask(audience.Order{Leave: &audience.Leave{Set: "nobody"}}); err == nil {
		t.Error("a set that nobody has joined has left")
	}
}

func TestAnUnknownPartIsRefused(t *testing.T) {
	t.Parallel()
	if err := serveChild(context.Background(), "nobody", strings.NewReader(""), &bytes.Buffer{}); err == nil {
		t.Error("there is a part nobody")
	}
}
