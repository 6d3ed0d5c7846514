package group_test

import (
	"testing"

	"pgregory.net/rapid"

	"bazaar/shared/group"
)

func roles() []group.Role {
	return []group.Role{group.Stranger, group.Member, group.Admin, group.Owner}
}

func actions() []group.Action {
	return []group.Action{group.Add, group.Join, group.Leave, group.Remove, group.Mute, group.Promote, group.Recall, group.Rename, group.Dissolve, group.List}
}

// rank is written down here once more: the test must not ask what it tests.
func rank(r group.Role) int {
	return map[group.Role]int{group.Stranger: 0, group.Member: 1, group.Admin: 2, group.Owner: 3}[r]
}

// TestRolesKeepTheirPlaces: nobody acts on an equal or a higher one, strangers do
// nothing but join, and only the owner promotes and dissolves.
func TestRolesKeepTheirPlaces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		actor, target := rapid.SampledFrom(roles()).Draw(t, "actor"), rapid.SampledFrom(roles()).Draw(t, "target")
		a := rapid.SampledFrom(actions()).Draw(t, "action")
		if !group.May(actor, a, target) {
			return
		}
		switch a {
		case group.Add, group.Remove, group.Mute, group.Promote, group.Recall:
			if rank(actor) <= rank(target) {
				t.Fatalf("%q may %s %q", actor, a, target)
			}
			if rank(actor) < 2 {
				t.Fatalf("%q may %s", actor, a)
			}
			if target == group.Stranger && a != group.Recall {
				t.Fatalf("%q may %s a stranger", actor, a)
			}
		case group.Leave:
			if actor != target {
				t.Fatalf("%q may have %q leave", actor, target)
			}
		case group.Join:
			if target != group.Member {
				t.Fatalf("one may join as %q", target)
			}
		}
		if (actor == group.Stranger) != (a == group.Join) {
			t.Fatalf("%q may %s", actor, a)
		}
		if (a == group.Promote || a == group.Dissolve) && actor != group.Owner {
			t.Fatalf("%q may %s", actor, a)
		}
	})
}

// What each role can do at all, so that the table refuses not too much either.
func TestRolesCanDoTheirWork(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		actor  group.Role
		action group.Action
		target group.Role
	}{
		{group.Stranger, group.Join, group.Member},
		{group.Member, group.Leave, group.Member}, {group.Member, group.List, ""},
		{group.Admin, group.Add, group.Member}, {group.Admin, group.Remove, group.Member}, {group.Admin, group.Mute, group.Member},
		{group.Admin, group.Recall, group.Member}, {group.Admin, group.Recall, group.Stranger}, {group.Admin, group.Rename, ""},
		{group.Admin, group.Leave, group.Admin}, {group.Admin, group.List, ""},
		{group.Owner, group.Add, group.Admin}, {group.Owner, group.Remove, group.Admin}, {group.Owner, group.Mute, group.Admin},
		{group.Owner, group.Promote, group.Member}, {group.Owner, group.Promote, group.Admin}, {group.Owner, group.Recall, group.Admin},
		{group.Owner, group.Rename, ""}, {group.Owner, group.Dissolve, ""}, {group.Owner, group.List, ""},
	} {
		if !group.May(c.actor, c.action, c.target) {
			t.Errorf("%q may not %s %q", c.actor, c.action, c.target)
		}
	}
	if group.May(group.Owner, group.Leave, group.Owner) {
		t.Error("an owner may leave the group to nobody")
	}
	if group.May("king", group.List, "") || group.May(group.Owner, "burn", group.Member) || group.May(group.Owner, group.Mute, "king") {
		t.Error("what is not in the table is allowed")
	}
}
