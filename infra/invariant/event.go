package invariant

import (
	"fmt"
	"strings"

	"bazaar/shared/order"
	"bazaar/shared/payment"
)

// eventRules are of the outbox: what waits there tells of something that is.
// That an event was written with what it tells cannot be seen afterwards, since
// a published row is gone.
func eventRules() []Rule {
	return []Rule{
		{Name: "event_is_as_labelled", Means: "an event in the outbox has the id, the type and the subject of its row", Query: `
			select format('position %s: %s %s of %s holds %s %s of %s', position, type, event_id, aggregate,
				body ->> 'type', body ->> 'id', body ->> 'subject')
			from outbox.event where (body ->> 'id', body ->> 'type', body ->> 'subject') is distinct from (event_id, type, aggregate)`},
		{Name: "event_waits_once", Means: "an event is in the outbox once", Query: `
			select format('%s %s times', event_id, count(*)) from outbox.event group by event_id having count(*) > 1`},
		{Name: "event_tells_of_a_move", Means: "an order's event in the outbox tells of a step in its history", Query: `
			select format('position %s: %s %s of %s', position, type, event_id, aggregate)
			from outbox.event e
			left join orders.history h on h.order_id = ` + asUUID("e.aggregate") + ` and h.version = ` + versionOf("e.event_id") + `
			left join (values ` + emissions() + `) t (subject, to_state) on t.subject = e.type and t.to_state = h.to_state
			where type in (` + quoted(emitted(), func(e emission) string { return e.subject }) + `) and (t.subject is null
				or (e.event_id, e.body #>> '{data,order_id}', e.body #>> '{data,version}')
					is distinct from (h.order_id || '.' || h.version, h.order_id::text, h.version::text))`},
		{Name: "event_tells_of_a_notice", Means: "a notice's event in the outbox names one of the inbox", Query: `
			select format('position %s: %s of %s', position, event_id, aggregate) from outbox.event e
			where type = '` + payment.Notified + `' and not exists (
				select from payment.inbox where inbox_id = case when e.aggregate ~ '^[0-9]{1,18}$' then e.aggregate::bigint end
					and e.body #>> '{data,inbox_id}' = e.aggregate)`},
	}
}

// emission is an event that an order emits by coming into a state.
type emission struct {
	subject string
	to      order.State
}

// emitted are the emissions of the table of transitions, each once.
func emitted() []emission {
	var all []emission
	seen := map[emission]bool{}
	for _, t := range order.Transitions() {
		if e := (emission{t.Emit, t.To}); t.Emit != "" && !seen[e] {
			seen[e] = true
			all = append(all, e)
		}
	}
	return all
}

func emissions() string {
	var rows []string
	for _, e := range emitted() {
		rows = append(rows, fmt.Sprintf("('%s', '%s')", e.subject, e.to))
	}
	return strings.Join(rows, ", ")
}

func quoted[T any](all []T, name func(T) string) string {
	var names []string
	for _, one := range all {
		names = append(names, "'"+name(one)+"'")
	}
	return strings.Join(names, ", ")
}

// asUUID reads a text as a UUID, and as null where it is none: a row that is
// wrong must break its rule, not the query.
func asUUID(text string) string {
	return "case when " + text + " ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (" + text + ")::uuid end"
}

// versionOf reads the version that an event's id ends with, null where there is none.
func versionOf(id string) string {
	return "case when " + id + ` ~ '[.][0-9]{1,9}$' then substring(` + id + ` from '[0-9]+$')::int end`
}
