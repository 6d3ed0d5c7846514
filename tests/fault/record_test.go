package fault_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
)

// record is one idempotency key and everything that was answered to it. A key
// is used with two bodies: the second one differs in its quantity.
type record struct {
	owner  person
	key    string
	lines  [2][]line
	wanted bool // that it is paid, too

	mu      sync.Mutex
	answers []told
}

// told is an answer and which of the bodies it was to.
type told struct {
	body int
	answer
}

// ask sends the key with a body and keeps the answer.
func (r *record) ask(body int) answer {
	a := r.owner.place(r.key, r.lines[body]...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = append(r.answers, told{body, a})
	return a
}

// accepted gives the order that the key stands for and the body that it was
// accepted with; -1 when it never was.
func (r *record) accepted() (id string, body int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.answers {
		if a.Status == http.StatusAccepted {
			return a.view().OrderID, a.body
		}
	}
	return "", -1
}

// known is whether the contract has such an answer to an order that is right in
// itself. What the gateway says when a function has died counts as unknown.
func known(a answer) bool {
	codes := map[int][]string{
		http.StatusAccepted:            {""},
		http.StatusConflict:            {"idempotency_key_in_progress"},
		http.StatusUnprocessableEntity: {"idempotency_key_reused"},
		http.StatusServiceUnavailable:  {"unavailable", "queue_full", ""},
		http.StatusGatewayTimeout:      {"timeout", ""},
		http.StatusBadGateway:          {""},
		http.StatusTooManyRequests:     {"limited"},
		0:                              {a.Code},
	}
	return slices.Contains(codes[a.Status], a.Code)
}

// contradictions are answers that cannot all be true.
func (r *record) contradictions() []string {
	var wrong []string
	id, body := "", -1
	for i, a := range r.answers {
		switch {
		case !known(a.answer):
			wrong = append(wrong, fmt.Sprintf("key %s: answer %d is none of the contract: %s", r.key, i, a))
		case a.Status != http.StatusAccepted:
		case a.view().OrderID == "":
			wrong = append(wrong, fmt.Sprintf("key %s: answer %d names no order: %s", r.key, i, a))
		case body < 0:
			id, body = a.view().OrderID, a.body
		case a.view().OrderID != id:
			wrong = append(wrong, fmt.Sprintf("key %s stands for the orders %s and %s", r.key, id, a.view().OrderID))
		case a.body != body:
			wrong = append(wrong, fmt.Sprintf("key %s was accepted with two bodies", r.key))
		}
	}
	return wrong
}

// tally counts answers by status and code.
func tally(records []*record) map[string]int {
	counts := map[string]int{}
	for _, r := range records {
		r.mu.Lock()
		for _, a := range r.answers {
			name := fmt.Sprint(a.Status)
			if a.Status != 0 && a.Code != "" {
				name += " " + a.Code
			}
			counts[name]++
		}
		r.mu.Unlock()
	}
	return counts
}
