package trigger

import "bytes"

// batch is the events of one call: all of one topic.
type batch []*item

// body is the batch in the one form in which events travel.
func (b batch) body() []byte {
	size := 2
	for _, it := range b {
		size += len(it.raw) + 1
	}
	var out bytes.Buffer
	out.Grow(size)
	out.WriteByte('[')
	for i, it := range b {
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(it.raw)
	}
	out.WriteByte(']')
	return out.Bytes()
}

func (b batch) ids() []string {
	ids := make([]string, len(b))
	for i, it := range b {
		ids[i] = it.id
	}
	return ids
}

// attempt is the number of the call for the event that was tried most.
func (b batch) attempt() int {
	most := 0
	for _, it := range b {
		most = max(most, it.used)
	}
	return most + 1
}

// halves splits a batch of several.
func (b batch) halves() (batch, batch) { return b[:len(b)/2], b[len(b)/2:] }

// cut makes calls of at most the given number of events and bytes, in the order
// in which the events came, each of one topic. An event that is larger than
// that by itself gets a call by itself.
func cut(items []*item, events, size int) []batch {
	var calls []batch
	open := map[string]int{} // topic -> its call that may still grow
	filled := map[string]int{}
	for _, it := range items {
		topic := it.from.topic
		at, ok := open[topic]
		switch {
		case it.alone:
			calls = append(calls, batch{it})
			continue
		case ok && len(calls[at]) < events && filled[topic]+len(it.raw) <= size:
			calls[at] = append(calls[at], it)
			filled[topic] += len(it.raw)
			continue
		}
		open[topic], filled[topic] = len(calls), len(it.raw)
		calls = append(calls, batch{it})
	}
	return calls
}
