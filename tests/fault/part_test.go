package fault_test

import (
	"context"
	"testing"
)

// heal undoes every fault and waits until every part answers again.
func (h *house) heal(t testing.TB) {
	t.Helper()
	if err := h.disarm(); err != nil {
		t.Error(err)
	}
	for l := range h.network.proxies {
		if err := h.network.calm(context.Background(), l); err != nil {
			t.Error(err)
		}
	}
	if err := h.Resume(); err != nil {
		t.Error(err)
	}
	h.ready(t)
}

// ready waits until every part answers.
func (h *house) ready(t testing.TB) {
	t.Helper()
	if err := h.Recovered(); err != nil {
		t.Fatal(err)
	}
}
