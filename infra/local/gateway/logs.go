package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/openfaas/faas-provider/logs"

	"bazaar/infra/local/journal"
)

// logs answers a line of JSON for each line of a function, and with follow=true
// goes on until the client leaves or the gateway stops. What is older than the
// journal remembers is in the function's log file.
func (g *Gateway) logs(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	f := g.find(query.Get("name"))
	if f == nil || !ours(r) {
		refuse(w, http.StatusNotFound, "There is no function "+query.Get("name")+".")
		return
	}
	view, err := newView(query.Get("tail"), query.Get("since"), query.Get("instance"))
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, "could not parse the log request: "+err.Error())
		return
	}
	past, next := f.Journal.Follow(r.Context(), -1)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	out, flush := json.NewEncoder(w), http.NewResponseController(w).Flush
	for _, line := range view.of(past) {
		if out.Encode(message(f, line)) != nil {
			return
		}
	}
	if flush() != nil || query.Get("follow") != "true" && query.Get("follow") != "1" {
		return
	}
	for {
		select {
		case <-g.over.Done():
			return
		case line, open := <-next:
			if !open {
				return
			}
			if view.shows(line) && (out.Encode(message(f, line)) != nil || flush() != nil) {
				return
			}
		}
	}
}

func message(f *Function, line journal.Line) logs.Message {
	return logs.Message{Name: f.Spec.Name, Namespace: Namespace, Instance: line.Instance, Timestamp: line.Time, Text: line.Text}
}

// view is which lines are asked for.
type view struct {
	tail     int // the last so many; 0 or less is all
	since    time.Time
	instance string
}

func newView(tail, since, instance string) (view, error) {
	v := view{instance: instance}
	var err error
	if tail != "" {
		if v.tail, err = strconv.Atoi(tail); err != nil {
			return v, err
		}
	}
	if since != "" {
		if v.since, err = time.Parse(time.RFC3339, since); err != nil {
			return v, err
		}
	}
	return v, nil
}

func (v view) shows(l journal.Line) bool {
	return (v.instance == "" || v.instance == l.Instance) && !l.Time.Before(v.since)
}

func (v view) of(lines []journal.Line) []journal.Line {
	var shown []journal.Line
	for _, l := range lines {
		if v.shows(l) {
			shown = append(shown, l)
		}
	}
	if v.tail > 0 && len(shown) > v.tail {
		shown = shown[len(shown)-v.tail:]
	}
	return shown
}
