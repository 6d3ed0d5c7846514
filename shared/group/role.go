package group

import "slices"

// Role is what somebody is in a group, as message stores it.
type Role string

// The roles, from the lowest to the highest.
const (
	Stranger Role = "" // not in it, or not any more
	Member   Role = "member"
	Admin    Role = "admin"
	Owner    Role = "owner" // one in each group
)

// Known reports whether r is a role that a member can have.
func (r Role) Known() bool { return r == Member || r == Admin || r == Owner }

// above reports whether r is higher than other.
func (r Role) above(other Role) bool { return r.rank() > other.rank() }

func (r Role) rank() int {
	return slices.Index([]Role{Stranger, Member, Admin, Owner}, r)
}

// Action is something that is done in a group, to somebody or to the whole.
type Action string

// The actions. Target is the role of the one it is done to.
const (
	Add      Action = "add"      // target: the role that the new member is given
	Join     Action = "join"     // oneself, into an open group; target: the role, Member
	Leave    Action = "leave"    // oneself; target: the same role
	Remove   Action = "remove"   // somebody else
	Mute     Action = "mute"     // and let speak again
	Promote  Action = "promote"  // give a role; target: the present one. The owner, who gives ownership, becomes an admin
	Recall   Action = "recall"   // somebody else's message; target: the sender's role, Stranger of one who left
	Rename   Action = "rename"   // also: open and close; no target
	Dissolve Action = "dissolve" // no target
	List     Action = "list"     // the members; no target
)

// whom an action is done to.
type whom uint8

const (
	nobody   whom = iota // the whole group: the target is not looked at
	lower                // a member of a lower role than the actor's
	lowerOut             // the same, or one who is not in the group any more
	oneself              // the roles are the same
	plain                // one who becomes a Member
)

// rule is who may do an action, and to whom.
type rule struct {
	actors []Role
	whom   whom
}

// rules is the table, whole. What is not in it nobody may.
func rules() map[Action]rule {
	leaders, owner := []Role{Admin, Owner}, []Role{Owner}
	return map[Action]rule{
		Add:      {leaders, lower},
		Remove:   {leaders, lower},
		Mute:     {leaders, lower},
		Recall:   {leaders, lowerOut},
		Promote:  {owner, lower},
		Leave:    {[]Role{Member, Admin}, oneself}, // an owner hands over first, or dissolves
		Join:     {[]Role{Stranger}, plain},
		Rename:   {leaders, nobody},
		Dissolve: {owner, nobody},
		List:     {[]Role{Member, Admin, Owner}, nobody},
	}
}

// May reports whether somebody in the role actor may do a to somebody in the role
// target.
func May(actor Role, a Action, target Role) bool {
	r, ok := rules()[a]
	if !ok || !slices.Contains(r.actors, actor) {
		return false
	}
	switch r.whom {
	case lower:
		return target.Known() && actor.above(target)
	case lowerOut:
		return target == Stranger || target.Known() && actor.above(target)
	case oneself:
		return actor == target
	case plain:
		return target == Member
	}
	return true
}
