package leak_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"bazaar/shared/event"
)

// TestNothingIsLeftAfterADrain tells every program to end twice, by itself and
// with the whole house, while everybody works: with callers that wait for their
// order, callers that leave, and callers whose request never comes to its end.
func TestNothingIsLeftAfterADrain(t *testing.T) {
	h := open(t)
	s := newShop(t, h)
	w := begin(t, s.kinds())
	w.await(t, 5)

	s.endWhileACallerWaits(t)
	s.endAlone(t)
	w.forget()
	w.await(t, 5) // by those that were started again

	all := programs(t)
	h.hold(t, all)
	s.dawdleEverywhere(t)
	state, err := h.State()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(state.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := h.stop(); err != nil { // the runner's own exit
		t.Error(err)
	}
	w.end()
	if runner := readLife(h.Said(), ""); runner.wholes != 1 || len(runner.left) > 0 {
		t.Errorf("the runner ended %d times, and left behind %s", runner.wholes, strings.Join(runner.left, "\n"))
	}
	for line := range strings.Lines(h.Said()) {
		name, _, died := strings.Cut(line, "-1 died (exit status")
		if died {
			t.Errorf("%s did not end in order: %s", name, line)
		}
	}
	for name, l := range h.lives(t, all) {
		for _, wrong := range l.wrong(2) {
			t.Errorf("%s: %s", name, wrong)
		}
		if _, service := services()[name]; !service && l.most == 0 {
			t.Errorf("%s: nothing ran when it was told to end", name)
		}
	}
	if h.spans.Load() == 0 {
		t.Error("no trace was exported: what exporting leaves behind was not looked for")
	}
}

// endWhileACallerWaits tells create-order to end while nobody decides orders:
// who waits for theirs gets an answer nevertheless.
func (s *shop) endWhileACallerWaits(t *testing.T) {
	t.Helper()
	s.signal(t, "reserve-stock", syscall.SIGSTOP)
	waited := make(chan int, 1)
	go func() {
		status, _ := s.buyer.call(context.Background(), "POST", "create-order", lines(s.sku, 1), fresh(), pair{"Prefer", "wait=5"})
		waited <- status
	}()
	eventually(t, "callers to wait", func() bool { return s.inflight(t, "create-order") >= 6 })
	pids := s.signal(t, "create-order", syscall.SIGTERM)
	s.replaced(t, "create-order", pids)
	s.signal(t, "reserve-stock", syscall.SIGCONT)
	if status := <-waited; status != http.StatusAccepted {
		t.Errorf("who waited when the function was told to end was answered %d", status)
	}
}

// endAlone tells every program to end by itself, all at once but for NATS, which
// the others need for that.
func (s *shop) endAlone(t *testing.T) {
	t.Helper()
	cutOff := s.dawdleEverywhere(t)
	ended := map[string][]int{}
	for name := range programs(t) {
		if name != "nats" {
			ended[name] = s.signal(t, name, syscall.SIGTERM)
		}
	}
	for name, pids := range ended {
		s.replaced(t, name, pids)
	}
	for name, answer := range cutOff {
		if got := <-answer; !strings.HasPrefix(got, "HTTP/1.1 408 ") {
			t.Errorf("%s cut a slow caller off with %q", name, got)
		}
	}
	s.replaced(t, "nats", s.signal(t, "nats", syscall.SIGTERM))
}

// dawdleEverywhere has slow callers at every program: one whose header and one
// whose body does not come to its end. It gives the answers to the latter at
// the functions, by their names.
func (s *shop) dawdleEverywhere(t *testing.T) map[string]<-chan string {
	t.Helper()
	bearer := func(p person) string {
		return fmt.Sprintf("Authorization: Bearer %s\r\nIdempotency-Key: %s\r\n", p.token, uuid.NewString())
	}
	batch := "Content-Type: " + event.ContentType + "\r\n"
	starts := map[string]string{
		"issue-token":      "POST / HTTP/1.1\r\n",
		"catalog":          "PUT /" + s.sku + " HTTP/1.1\r\n" + bearer(s.admin),
		"create-order":     "POST / HTTP/1.1\r\n" + bearer(s.buyer),
		"create-payment":   "POST /" + uuid.NewString() + " HTTP/1.1\r\n" + bearer(s.buyer),
		"manage-order":     "POST /" + uuid.NewString() + "/cancel HTTP/1.1\r\n" + bearer(s.buyer),
		"payment-callback": "POST /alipay HTTP/1.1\r\n",
		"reserve-stock":    "POST / HTTP/1.1\r\n" + batch,
		"settle-order":     "POST / HTTP/1.1\r\n" + batch,
		"push-message":     "POST / HTTP/1.1\r\n" + bearer(s.buyer),
		"sync-messages":    "POST / HTTP/1.1\r\n" + bearer(s.buyer),
		"manage-group":     "POST / HTTP/1.1\r\n" + bearer(s.buyer),
	}
	answers := map[string]<-chan string{}
	for name := range programs(t) {
		if name == "nats" {
			continue
		}
		address := s.Parts(t, name)[0].Address
		dawdle(t, address, "GET /_/ready HTTP/1.1\r\nHo")
		start, function := starts[name]
		if _, service := services()[name]; !function && !service {
			t.Fatalf("nobody knows how to be slow at %s", name)
		}
		if !function {
			start = "POST /gateway.do HTTP/1.1\r\n"
		}
		start += "Host: x\r\nContent-Length: 1000\r\n\r\n{"
		if function {
			answers[name] = settle(t, name, address, start)
		} else {
			dawdle(t, address, start)
		}
	}
	dawdle(t, s.Gateway, "GET /system/functions HTTP/1.1\r\nHo")
	dawdle(t, s.Gateway, "POST /function/issue-token HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
	return answers
}
