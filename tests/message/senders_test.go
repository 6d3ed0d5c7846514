package message_test

import (
	"fmt"
	"slices"
	"testing"
)

// TestFiftySpeakAtOnce in one group over two connectors: everybody sees all of it
// in one order.
func TestFiftySpeakAtOnce(t *testing.T) {
	h := open(t)
	c := h.cast(t)
	const speakers, each = 50, 4
	names := make([]string, speakers)
	for i := range names {
		names[i] = fmt.Sprint("user", i)
	}
	group := c.found("owner", names...)
	people := make([]*person, speakers)
	for i, name := range names {
		people[i] = c.join(name, "phone", i%2)
	}
	total := c.talking(group, each, people...)()
	var first []string
	for _, p := range people {
		p.shows(group, total)
		order := p.order(group)
		if first == nil {
			first = order
		}
		if !slices.Equal(order, first) || int64(len(order)) != total {
			t.Errorf("%s saw %d messages in another order than %s", p.name, len(order), people[0].name)
		}
	}
	c.holds()
}

// order is what was shown of a conversation, in the order in which it was.
func (p *person) order(conversation string) (all []string) {
	for _, s := range p.Record().Shown {
		if s.Conversation == conversation {
			all = append(all, fmt.Sprint(s.Seq, s.From, s.ClientMsgID))
		}
	}
	return all
}
